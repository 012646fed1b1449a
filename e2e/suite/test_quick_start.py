"""The newcomer's path: every command of docs/quick-start.md, run as it stands there.

What differs from a newcomer's cluster is in `Newcomer.substituted`, and said on the page.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

import controlplane
import loopback_node
from controlplane.console import plain
from controlplane.kubectl import kubectl_path
from controlplane.locations import named_context
from controlplane.programs import find_helm

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "quick-start.md"
ACCOUNT = "system:serviceaccount:imchat-system:imchat-operator"
CONSOLE = re.compile(r"^```console\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
PATIENCE = 240.0
MARK = "--- the next command ---"


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """A shell in a checkout, with a cluster that is theirs."""

    environment: dict[str, str]
    values: Path

    def substituted(self, command: str) -> str:
        """Return a command with what pods that are processes need: kubeconfig, loopback network."""
        return command.replace("helm install ", f"helm install --values={self.values} ")


def commands() -> list[str]:
    """The commands of the page's console blocks, in order."""
    text = "".join(CONSOLE.findall(PAGE.read_text())).replace("\\\n", "")
    return [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def newcomer(programs: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    if named_context() is not None:
        pytest.skip("the pods of a named cluster can't read a kubeconfig of this machine")
    assert programs
    folder = tmp_path_factory.mktemp("newcomer")
    helm = find_helm(plain(print))
    with (
        controlplane.running() as plane,
        loopback_node.running(
            plane.kubeconfig, nodes=3, lease_interval=1.0, log=folder / "node.log"
        ),
    ):
        values = folder / "values.yaml"
        address = {"fieldRef": {"fieldPath": "status.podIP"}}
        account = controlplane.kubeconfig_of(plane, ACCOUNT)
        own = [
            {"name": "KUBECONFIG", "value": str(account)},
            {"name": "IMCHAT_ADDRESS", "valueFrom": address},
        ]
        values.write_text(yaml.safe_dump({"extraEnv": own, "gatewayNetworks": ["127.0.0.0/8"]}))
        programs_folder = folder / "bin"
        programs_folder.mkdir()
        for name, program in {"helm": helm, "kubectl": Path(kubectl_path())}.items():
            (programs_folder / name).symlink_to(program)
        environment = {
            **os.environ,
            "KUBECONFIG": str(plane.kubeconfig),
            "PATH": f"{programs_folder}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
        }
        yield Newcomer(environment=environment, values=values)


def test_every_command_of_the_page_works_and_a_gateway_is_healed(newcomer: Newcomer) -> None:
    page = commands()
    assert len(page) > 12
    assert newcomer.substituted(page[0]) != page[0]
    script = "\n".join(
        line for command in page for line in (f"echo {MARK}", newcomer.substituted(command))
    )
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=newcomer.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    answers = done.stdout.split(f"{MARK}\n")[1:]
    assert done.returncode == 0, f"{page[len(answers) - 1]}\n{done.stdout}\n{done.stderr}"
    told = dict(zip(page, answers, strict=True))
    story = told["kubectl describe imc chat"]
    promised = re.findall(r"`(Gateway\w+)`", PAGE.read_text().split("## Read")[1])
    assert len(promised) == 5
    assert [reason for reason in promised if f" {reason} " not in story] == []
    broken = re.search(r"(gateway-\S+) is replaced by (gateway-\S+):", story)
    assert broken is not None
    fleet = told["kubectl get pods -l app=gateway"]
    assert broken[1] not in fleet
    assert broken[2] in fleet
