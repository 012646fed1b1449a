"""What `imchat simulate` refuses, with a sentence that says what to do."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.simulation.calls import HPA, imchat, manifest, write_inputs
from typer.testing import Result


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with a policy, and a trace whose 60 fill one gateway."""
    return write_inputs(tmp_path)


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        pytest.param("a: [", "policy.yaml is no YAML: ", id="no YAML"),
        pytest.param("", "has 0 objects: put one ImChatCluster into a file", id="nothing"),
        pytest.param(
            manifest("MaintenanceWindow"),
            "is no ImChatCluster: it must have apiVersion imchat.dev/v1alpha1, kind ImChatCluster",
            id="another kind",
        ),
        pytest.param([1], "is no ImChatCluster: it must have apiVersion", id="a list"),
        pytest.param(
            manifest(scaling={"targett": 60}),
            "spec.scaling.targett: is no field of this API: correct or remove it",
            id="a field that is no field",
        ),
        pytest.param(
            manifest(scaling={"scaleUp": [{"above": 70, "for": "soon"}]}),
            "spec.scaling.scaleUp[0].for: 'soon' is no duration: write it like 90s, 15m or 1h30m",
            id="a value that means nothing",
        ),
        pytest.param(manifest(maxReplicas=None), "spec.maxReplicas: Input should be", id="a null"),
        pytest.param(
            {**manifest(), "spec": {"targetRef": {"name": "gateway"}}},
            "spec.maxReplicas: is missing: add it",
            id="a field that is missing",
        ),
        pytest.param(
            manifest(minReplicas=11),
            "spec.minReplicas: must not be above maxReplicas",
            id="bounds that contradict each other",
        ),
        pytest.param(
            manifest(scaling={"scaleDown": [{"below": 70, "for": "1h"}]}),
            "spec.scaling.scaleDown: below must be lower than every scaleUp[].above",
            id="thresholds that contradict each other",
        ),
        pytest.param(
            manifest(scaling={"target": 29}),
            "spec.scaling.target: must lie between scaleDown[].below and scaleUp[].above",
            id="a target outside the thresholds",
        ),
    ],
)
def test_a_policy_that_is_none_is_refused(files: Path, policy: Any, sentence: str) -> None:
    text = policy if isinstance(policy, str) else yaml.safe_dump(policy)
    (files / "policy.yaml").write_text(text)
    assert_refused(imchat(files), sentence)


def assert_refused(result: Result, sentence: str) -> None:
    """Assert that nothing was printed but one line of complaint."""
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param(
            ["--trace", "none.csv"],
            "--trace none.csv can't be read: No such file or directory",
            id="no such trace",
        ),
        pytest.param(
            ["--policy", "none.yaml"],
            "none.yaml can't be read: No such file or directory",
            id="no such policy",
        ),
        pytest.param(
            ["--against", "none.yaml"],
            "none.yaml can't be read: No such file or directory",
            id="no such autoscaler",
        ),
        pytest.param(
            ["--plot", "plot.pdf"], "--plot plot.pdf must end in .png or .html", id="no such format"
        ),
        pytest.param(
            ["--plot", "none/plot.png"],
            "--plot none/plot.png: there is no directory none, create it",
            id="no such directory",
        ),
        pytest.param(
            ["--trace", "prometheus", "--url", "http://127.0.0.1:1"],
            "--trace prometheus needs --url, --query, --start and --end",
            id="half a query",
        ),
    ],
)
def test_an_option_that_means_nothing_is_refused(
    files: Path, options: list[str], sentence: str
) -> None:
    assert_refused(imchat(files, *options), sentence)


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        pytest.param("--capacity", "0", "'0' is no load: write a number above 0", id="no capacity"),
        pytest.param("--startup", "soon", "'soon' is no duration", id="no duration"),
        pytest.param("--session", "0s", "must be longer than zero", id="no session"),
        pytest.param("--start", "noon", "'noon' is no time", id="no time"),
    ],
)
def test_a_value_that_means_nothing_is_refused(
    files: Path, option: str, value: str, sentence: str
) -> None:
    result = imchat(files, option, value)
    assert result.exit_code == 2
    assert option in result.stderr
    assert sentence in " ".join(result.stderr.replace("│", "").split())


@pytest.mark.parametrize(
    ("metric", "sentence"),
    [
        pytest.param(
            {"type": "External", "external": {}}, "spec.metrics[0].type: Input should be", id="type"
        ),
        pytest.param(
            {"type": "Pods", "pods": {"target": {"type": "Value", "value": "600"}}},
            "spec.metrics[0]: must be of type Pods with pods.target.averageValue, or of type "
            "Resource with resource.target.averageUtilization",
            id="target",
        ),
    ],
)
def test_an_autoscaler_that_a_trace_cant_drive_is_refused(
    files: Path, metric: dict[str, Any], sentence: str
) -> None:
    (files / "hpa.yaml").write_text(
        yaml.safe_dump({**HPA, "spec": {**HPA["spec"], "metrics": [metric]}})
    )
    assert_refused(imchat(files, "--against", files / "hpa.yaml"), sentence)
