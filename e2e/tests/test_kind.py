"""`python -m kind` asks for the right things in the right order; no Docker is needed for that."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import kind

NODES = {
    "items": [
        {
            "spec": {"podCIDR": f"10.244.{n}.0/24"},
            "status": {
                "addresses": [
                    {"type": "Hostname", "address": f"imchat-{n}"},
                    {"type": "InternalIP", "address": f"172.18.0.{n + 2}"},
                ]
            },
        }
        for n in range(2)
    ]
}


class Programs:
    """A folder of programs that write their arguments to a file, and fail where a test says so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.log.touch()
        for name in ("docker", "kind", "ip", "sudo"):
            self.write(name)
        self.write("kubectl", f"echo '{json.dumps(NODES)}'")

    def write(self, name: str, *lines: str) -> None:
        """Have a program write down its arguments, and then do these lines of shell."""
        program = self.folder / name
        program.write_text("\n".join(["#!/bin/sh", f'echo {name} "$@" >> {self.log}', *lines]))
        program.chmod(0o755)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m kind` with these programs on its PATH."""
        path = Path(kind.__file__).resolve().parents[1]
        return subprocess.run(
            [sys.executable, "-m", "kind", *arguments],
            env={"PATH": f"{self.folder}:/bin", "PYTHONPATH": str(path)},
            capture_output=True,
            text=True,
            check=False,
        )

    def asked(self) -> list[str]:
        """What was asked of them, without sudo's part."""
        lines = self.log.read_text().splitlines()
        return [line.removeprefix("sudo --non-interactive ") for line in lines]


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


def test_the_cluster_has_both_images_before_the_command_runs(
    programs: Programs,
) -> None:
    programs.write("suite", 'echo "$IMCHAT_E2E_CONTEXT" >> ' + str(programs.log), "exit 5")
    done = programs.run("--", "suite", "--fast")
    assert done.returncode == 5, done.stderr
    asked = programs.asked()
    begins = [
        "docker info",
        "kind create cluster --config=",
        "docker build --file=operator/Dockerfile --tag=imchat-operator:dev .",
        "docker build --file=e2e/gateway/Dockerfile --tag=imchat-gateway:dev .",
        "kind load docker-image --name=imchat imchat-operator:dev imchat-gateway:dev",
        "kubectl --context=kind-imchat get nodes",
        "ip route replace 10.244.0.0/24 via 172.18.0.2",
        "ip route replace 10.244.1.0/24 via 172.18.0.3",
        "suite --fast",
        "kind-imchat",
        "kind delete cluster --name=imchat",
    ]
    assert [line[: len(b)] for line, b in zip(asked, begins, strict=True)] == begins


def test_a_cluster_is_kept_when_asked_for(programs: Programs) -> None:
    assert programs.run("--keep", "--", "true").returncode == 0
    assert not any("delete" in line for line in programs.asked())


def test_a_step_that_fails_ends_it_and_leaves_no_cluster(programs: Programs) -> None:
    programs.write("kubectl", "exit 1")
    programs.write("suite")
    done = programs.run("--", "suite")
    assert done.returncode == 1
    assert "kubectl --context" in done.stderr.splitlines()[-1]
    asked = programs.asked()
    assert "suite" not in asked
    assert asked[-1] == "kind delete cluster --name=imchat"


def test_without_docker_it_says_so_and_fails(programs: Programs) -> None:
    (programs.folder / "docker").unlink()
    done = programs.run("--", "true")
    assert done.returncode == 1
    assert done.stderr == (
        "There is no docker on the PATH, which this needs: "
        "https://docs.docker.com/engine/install/\n"
    )
    assert programs.asked() == []


def test_where_docker_does_not_answer_it_says_so_and_fails(programs: Programs) -> None:
    programs.write("docker", "echo 'Cannot connect to the Docker daemon' >&2", "exit 1")
    done = programs.run("--", "true")
    assert done.returncode == 1
    assert done.stderr == (
        "Docker does not answer, which this needs: Cannot connect to the Docker daemon\n"
    )
    assert programs.asked() == ["docker info"]


def test_all_nodes_are_of_one_pinned_image() -> None:
    config = yaml.safe_load(Path(kind.__file__).with_name("kind.yaml").read_text())
    assert [node["role"] for node in config["nodes"]] == ["control-plane", "worker", "worker"]
    images = {node["image"] for node in config["nodes"]}
    assert len(images) == 1
    assert "@sha256:" in images.pop()
