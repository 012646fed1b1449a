"""`imchat simulate` as users call it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.simulation.calls import HPA, imchat, manifest, write_inputs

TRACES = Path(__file__).parents[3] / "shared" / "traces"
KEYS = {
    "minutesAbove70",
    "minutesAbove90",
    "hottestMinutesAbove90",
    "podHours",
    "flips",
    "connectionsMoved",
    "connectionsCut",
    "connectionsRefused",
    "replicas",
}
"""What both a policy's and an HPA's object have."""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with a policy, and a trace whose 60 fill one gateway."""
    return write_inputs(tmp_path)


def test_one_object_with_the_figures_is_printed(files: Path) -> None:
    result = imchat(files, "-o", "json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found.keys() == KEYS
    assert found["replicas"][0] == ["2026-03-01T18:00:00Z", 2]
    assert found["minutesAbove90"] > 15  # the default rule waits as long
    assert found["connectionsCut"] == 0


def test_an_autoscaler_is_beside_it(files: Path) -> None:
    found = json.loads(imchat(files, "-o", "json", "--against", "hpa").stdout)
    assert found.keys() == KEYS | {"hpa"}
    assert found["hpa"].keys() == KEYS
    assert found["hpa"]["minutesAbove90"] < 2
    assert found["hpa"]["connectionsCut"] > 0
    alone = json.loads(imchat(files, "-o", "json").stdout)
    assert {key: found[key] for key in KEYS} == alone


def test_people_get_a_table(files: Path) -> None:
    result = imchat(files, "--against", "hpa")
    assert result.exit_code == 0, result.stderr
    for words in ("imchat", "hpa", "minutes above 90 %", "pod-hours", "connections moved"):
        assert words in result.stdout


@pytest.mark.parametrize(
    ("behavior", "is_default"),
    [
        pytest.param({"scaleDown": {"stabilizationWindowSeconds": 300}}, True, id="as by default"),
        pytest.param({"scaleDown": {"selectPolicy": "Disabled"}}, False, id="it never shrinks"),
        pytest.param(
            {"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 600}]}},
            False,
            id="it grows by one in ten minutes",
        ),
    ],
)
def test_an_autoscalers_manifest_has_its_own_behavior(
    files: Path, behavior: dict[str, Any], *, is_default: bool
) -> None:
    path = files / "hpa.yaml"
    path.write_text(yaml.safe_dump({**HPA, "spec": {**HPA["spec"], "behavior": behavior}}))
    default = json.loads(imchat(files, "-o", "json", "--against", "hpa").stdout)["hpa"]
    own = json.loads(imchat(files, "-o", "json", "--against", path).stdout)["hpa"]
    assert (own == default) is is_default


def test_options_describe_the_fleet(files: Path) -> None:
    options = {
        "--startup": "5m",
        "--session": "10h",
        "--gateway-connections": "500",
        "--balancing": "least-connections",
        "--interval": "1m",
    }
    usual = json.loads(imchat(files, "-o", "json", "--against", "hpa").stdout)
    for option, value in options.items():
        result = imchat(files, "-o", "json", "--against", "hpa", option, value)
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout) != usual, option


def test_the_trace_stands_for_whatever_the_policy_measures(files: Path) -> None:
    by_connections = imchat(files, "-o", "json").stdout
    by_cpu = manifest(metrics={"source": "Resource"}, scaling={"signals": [{"type": "CPU"}]})
    (files / "policy.yaml").write_text(yaml.safe_dump(by_cpu))
    assert imchat(files, "-o", "json").stdout == by_connections


def test_a_window_holds_the_scale_down(files: Path) -> None:
    once = {"once": {"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"}}
    (files / "window.yaml").write_text(
        yaml.safe_dump(manifest("MaintenanceWindow") | {"spec": {"schedules": [once]}})
    )
    free = json.loads(imchat(files, "-o", "json").stdout)
    held = json.loads(imchat(files, "-o", "json", "--window", files / "window.yaml").stdout)
    assert free["flips"] == 1
    assert held["flips"] == 0


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        pytest.param("plot.png", b"\x89PNG", id="PNG"),
        pytest.param("plot.html", b"<!doctype html>", id="HTML"),
    ],
)
def test_a_plot_is_the_same_every_time(files: Path, name: str, begin: bytes) -> None:
    pictures = []
    for _ in range(2):
        result = imchat(files, "--against", "hpa", "--plot", files / name)
        assert result.exit_code == 0, result.stderr
        pictures.append((files / name).read_bytes())
    assert pictures[0] == pictures[1]
    assert pictures[0].startswith(begin)


def without(package: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call `imchat` where a package is not installed."""
    hidden = f"import sys; sys.modules[{package!r}] = None; sys.argv[0] = 'imchat'; "
    main = "import imchat_operator.cli as cli; cli.main()"
    return subprocess.run(
        [sys.executable, "-c", hidden + main, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_the_extra_the_command_says_what_to_install() -> None:
    result = without("typer", "simulate")
    assert result.returncode == 1
    assert result.stderr == "imchat needs the package typer: pip install 'imchat-operator[cli]'\n"


def test_without_matplotlib_only_a_plot_is_refused(files: Path) -> None:
    given = (f"--policy={files}/policy.yaml", f"--trace={files}/trace.csv", "--capacity=60")
    assert without("matplotlib", "simulate", *given).returncode == 0
    result = without("matplotlib", "simulate", *given, f"--plot={files}/plot.png")
    assert result.returncode == 2
    assert result.stderr == "--plot needs matplotlib: pip install 'imchat-operator[report]'\n"


@pytest.mark.skipif(not TRACES.exists(), reason="../shared/traces is not there")
def test_a_real_day_is_the_same_through_the_command_and_the_library(files: Path) -> None:
    lines = (TRACES / "worldcup98_requests_per_minute.csv").read_text().splitlines()
    day = [lines[0], *lines[1 + 2 * 1440 : 1 + 3 * 1440]]  # 10 June: the opening match
    (files / "trace.csv").write_text("\n".join(day))
    found = json.loads(imchat(files, "--capacity", "17800", "-o", "json").stdout)
    assert found["minutesAbove90"] > 0
    assert found["connectionsCut"] == 0
    assert max(count for _, count in found["replicas"]) > 5
