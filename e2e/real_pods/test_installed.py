"""What the chart installs, as a real kubelet runs it."""

from typing import Any

from real_pods.conftest import Installed


def _container(pod: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = pod["status"]["containerStatuses"][0]
    return found


_DEPOSED = 3


def test_two_operators_are_ready_on_two_nodes_and_none_has_crashed(installed: Installed) -> None:
    """One that loses its lease, as on a machine with too much to do, ends and is started again."""
    pods = installed.pods()
    assert len(pods) == 2
    assert len({pod["spec"]["nodeName"] for pod in pods}) == 2
    ends = [_container(pod).get("lastState", {}).get("terminated") for pod in pods]
    assert {end["exitCode"] for end in ends if end} <= {_DEPOSED}


def test_an_operator_is_nobody_and_can_write_nowhere(installed: Installed) -> None:
    """Asked of the running process itself: what the manifest says is not what is proved."""
    name = installed.pods()[0]["metadata"]["name"]
    asks = (
        "import os, pathlib\n"
        "status = pathlib.Path('/proc/1/status').read_text().split('\\n')\n"
        "facts = dict(line.split(':\\t', 1) for line in status if ':\\t' in line)\n"
        "writable = [p for p in ('/', '/app', '/tmp', '/etc') if os.access(p, os.W_OK)]\n"
        "print(os.getuid(), os.getgid(), facts['CapEff'], facts['NoNewPrivs'],"
        " facts['Seccomp'], writable)"
    )
    told = installed.own.kubectl("exec", name, "--", "python", "-c", asks)
    assert told.split(maxsplit=5) == ["65532", "65532", "0" * 16, "1", "2", "[]\n"]


def test_it_authenticates_with_the_token_that_the_kubelet_projects(installed: Installed) -> None:
    volumes = installed.pods()[0]["spec"]["volumes"]
    sources = [s for v in volumes for s in v.get("projected", {}).get("sources", [])]
    assert any(s.get("serviceAccountToken", {}).get("expirationSeconds") for s in sources)
    assert installed.leader() in {pod["metadata"]["name"] for pod in installed.pods()}
