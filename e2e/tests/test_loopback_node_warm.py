"""A gateway that is forked from a warm interpreter is like one that is started."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from harness.waiting import wait_for
from loopback_node.processes import Process, Runtime
from loopback_node.warm import is_warm
from loopback_node.workbench import is_alive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GATEWAY = ("python", "-m", "gateway")
LISTENS = {"POD_NAME": "gateway-a", "GATEWAY_PORT": "0"}


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    made = Runtime()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("command", "env", "expected"),
    [
        pytest.param(GATEWAY, {"POD_NAME": "a"}, True, id="a gateway is"),
        pytest.param((*GATEWAY, "--more"), {}, True, id="with arguments too"),
        pytest.param(("python", "gateway.py"), {}, False, id="a file is not"),
        pytest.param(("python", "-m", "http.server"), {}, False, id="another module is not"),
        pytest.param(GATEWAY, {"PYTHONPATH": "/x"}, False, id="nor what imports from elsewhere"),
    ],
)
def test_what_is_forked(command: tuple[str, ...], env: dict[str, str], expected: bool) -> None:  # noqa: FBT001 -- a table's
    assert is_warm(command, env) is expected


async def listening(gateway: Process) -> None:
    async with asyncio.timeout(30):
        while "gateway-a listens" not in gateway.last_lines():  # noqa: ASYNC110 -- a file
            await asyncio.sleep(0.05)


async def test_it_has_a_group_a_folder_and_an_environment_of_its_own_and_ends_in_order(
    runtime: Runtime, tmp_path: Path
) -> None:
    found = await runtime.start(GATEWAY, LISTENS, folder=tmp_path, log=tmp_path / "log")
    await listening(found)
    assert os.getpgid(found.pid) == os.getsid(found.pid) == found.pid
    assert os.path.samefile(f"/proc/{found.pid}/cwd", tmp_path)  # noqa: ASYNC240, PTH121 -- at once
    found.terminate()
    assert await found.exit_code() == 0
    found.terminate()  # asks nobody
    found.kill()


async def test_it_says_why_it_ends_and_gives_its_exit_code(
    runtime: Runtime, tmp_path: Path
) -> None:
    wrong = {"GATEWAY_PORT": "many"}
    found = await runtime.start(GATEWAY, wrong, folder=tmp_path, log=tmp_path / "log")
    assert await found.exit_code() == 2
    assert found.last_lines() == "GATEWAY_PORT is 'many', but must be a whole number"


async def test_one_that_is_killed_at_once_is_gone(runtime: Runtime, tmp_path: Path) -> None:
    found = await runtime.start(GATEWAY, LISTENS, folder=tmp_path, log=tmp_path / "log")
    found.kill()
    assert await found.exit_code() == 128 + 9
    assert not is_alive(found.pid)


def test_it_does_not_outlive_the_node_that_is_killed(tmp_path: Path) -> None:
    node = textwrap.dedent(
        f"""
        import asyncio
        from pathlib import Path
        from loopback_node.processes import Runtime

        async def main():
            folder = Path({str(tmp_path)!r})
            log = folder / "log"
            found = await Runtime().start({GATEWAY!r}, {LISTENS!r}, folder=folder, log=log)
            while "listens" not in found.last_lines():
                await asyncio.sleep(0.05)
            print(found.pid, flush=True)
            await asyncio.sleep(1000)

        asyncio.run(main())
        """
    )
    with subprocess.Popen([sys.executable, "-c", node], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert is_alive(pid)
        process.kill()
    wait_for(lambda: not is_alive(pid), what="its end")
