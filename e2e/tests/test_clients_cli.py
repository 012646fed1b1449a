"""`python -m clients`, as a process."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.process import running


@asynccontextmanager
async def clients(*arguments: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "clients", *arguments, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def line(process: Process) -> dict[str, Any]:
    assert process.stdout is not None
    async with asyncio.timeout(20):
        report: dict[str, Any] = json.loads(await process.stdout.readline())
    return report


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_prints_a_line_a_second_and_a_final_one_when_stopped(number: int) -> None:
    async with running() as gateway:
        where = f"{gateway.address}:8080"
        async with clients("--endpoint", where, "--clients", "7", "--interval", "0.2") as process:
            while (report := await line(process))["connected"] < 7 or not report["echoed"]:
                assert "final" not in report
            assert report["byGateway"] == {where: 7}
            process.send_signal(number)
            while not (report := await line(process)).get("final"):
                pass
            assert await process.wait() == 0
    assert set(report) == {
        *("target", "connected", "opened", "returned", "returns", "left", "closed"),
        *(
            "dropped",
            "refused",
            "sent",
            "echoed",
            "lost",
            "withoutServiceSeconds",
            "withoutServiceMaxSeconds",
        ),
        *("byGateway", "final"),
    }
    assert (report["connected"], report["left"], report["dropped"]) == (0, 7, 0)
    assert report["sent"] == report["echoed"] > 0


async def test_a_trace_sets_the_number_of_clients_and_ends_it(tmp_path: Path) -> None:
    load = tmp_path / "load.csv"
    load.write_text(
        "timestamp,value\n2026-01-01 10:00:00,5\n2026-01-01 10:01:00,10\n2026-01-02 10:00:00,2\n"
    )
    async with running() as gateway:
        where = f"{gateway.address}:8080"
        playing = ("--trace", str(load), "--speed", "50", "--peak", "20")
        async with clients("--endpoint", where, *playing) as process:
            reports = [await line(process)]
            while not reports[-1].get("final"):
                reports.append(await line(process))
            assert await process.wait() == 0
            assert process.stderr is not None
            notes = (await process.stderr.read()).decode()
    targets = [report["target"] for report in reports]
    assert [target for target in (10, 20, 4) if target not in targets] == []
    assert reports[-1]["opened"] == reports[-1]["left"] == 20
    assert "has no rows for 23:58:00 before 2026-01-02 10:00:00; skipped" in notes


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param([], "either --kubeconfig or --endpoint", id="no gateways"),
        pytest.param(["--endpoint", "here"], "'here' is not HOST:PORT", id="no port"),
        pytest.param(["--speed", "0"], "0 is not above 0", id="no speed"),
        pytest.param(
            ["--endpoint", "127.0.0.1:8080", "--clients", "-5"], "-5 clients", id="less than none"
        ),
        pytest.param(
            ["--endpoint", "127.0.0.1:8080", "--trace", "nowhere.csv"],
            "nowhere.csv cannot be read",
            id="a trace that is not there",
        ),
        pytest.param(
            ["--endpoint", "127.0.0.1:8080", "--from", "2003-03-08", "--hours", "24"],
            "bank_calls has no rows",
            id="a Saturday of the bank",
        ),
        pytest.param(
            ["--kubeconfig", "nowhere.yaml", "--clients", "1"], "nowhere.yaml", id="no kubeconfig"
        ),
    ],
)
async def test_bad_input_is_refused_with_a_sentence(arguments: list[str], sentence: str) -> None:
    async with clients(*arguments) as process:
        _, errors = await process.communicate()
        assert process.returncode == 2
        assert sentence in errors.decode()
        assert "Traceback" not in errors.decode()
