"""`imchat status` and `imchat explain` as users call them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.cli.apiserver import Served, serving
from tests.cli.fleets import EVENTS, METRICS, PODS, ROOT, answers, cluster, condition
from typer.testing import CliRunner, Result

from imchat_operator.cli.app import app

STATUS = """\
chat/web: 2 of 3 gateways ready, 2 wanted (2 to 6), as of 2026-03-01 12:00:00 UTC
  load      24% connections: 360 connections on 3 gateways of 500 (capacity target 80%)
            the gateways report their load
  streaks   below 30% for 1h  ━━━━━━━━━━━━━━━       45m of 1h, complete at 12:15:00 UTC
  waits     Scaling ScalingDown: 3 → 2 gateways, below 30% for 1h
  paused    ScaleUp: ask Ana (annotation)
  window    no window
  gateways  name       state        connections                        node
            gateway-a  Draining     120 of 500   ━━━━━━━━━━━━━━━       node-1  ScaleDown since 11:58:00 UTC
            gateway-b  Terminating  120 of 500   ━━━━╸                 node-1
  latest    2026-03-01 11:00:00 UTC FleetReady: 3 → 2 gateways
            2026-03-01 11:58:00 UTC ScalingDown: 3 → 2 gateways
"""  # noqa: E501 -- as it is printed
EXPLANATION = """\
chat/web: 2 of 3 gateways ready, 2 wanted (2 to 6), as of 2026-03-01 12:00:00 UTC
  modes      scaling Auto, healing Auto
  load       24% connections: 360 connections on 3 gateways of 500 (capacity target 80%)
             the gateways report their load
  streaks    below 30% for 1h  ━━━━━━━━━━━━━━━       45m of 1h, complete at 12:15:00 UTC
  size       below 30% for 1h asks for:
             3 → 1  TargetUtilization  360 connections at 500 a gateway need 1 for 60%
             1 → 2  AtMinimum          minReplicas is 2
  growing    Paused: scaling up is paused: ask Ana
  shrinking  nothing is in the way
  outcome    ScalingDown: 3 → 2 gateways, below 30% for 1h
  healing    AllHealthy: no gateway shows a sign of trouble
  windows    WindowClosed: no window
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, **answers(cluster())) as found:
        yield found


def imchat(served: Served, *arguments: str) -> Result:
    environment = {"COLUMNS": "110"}
    where = ("--kubeconfig", str(served.kubeconfig))
    return CliRunner(env=environment).invoke(app, [*arguments, *where])


def trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines()) + "\n"


@pytest.mark.parametrize(("command", "expected"), [("status", STATUS), ("explain", EXPLANATION)])
def test_people_see_the_fleet_and_why_it_is_so(served: Served, command: str, expected: str) -> None:
    result = imchat(served, command, "web")
    assert result.exit_code == 0, result.stderr
    assert trimmed(result.stdout) == expected
    assert "\x1b" not in result.stdout


def test_the_docs_show_what_is_printed() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text("utf-8")
    shown = page.split("$ kubectl imchat explain web\n")[1].split("```")[0]
    assert EXPLANATION.startswith(shown)


def test_what_others_wrote_does_not_steer_the_terminal(tmp_path: Path) -> None:
    body = cluster()
    body["metadata"]["annotations"] = {"imchat.dev/pause-healing": "\x1b[31m[red]INC-7\x07"}
    with serving(tmp_path, **answers(body)) as served:
        result = imchat(served, "status")
    assert "Healing: ?[31m[red]INC-7? (annotation)" in result.stdout


def test_programs_see_the_same_status(served: Served) -> None:
    found = json.loads(imchat(served, "status", "web", "-o", "json").stdout)
    assert found["gateways"][0] | {"drain": None} == {
        "name": "gateway-a",
        "state": "Draining",
        "node": "node-1",
        "connections": 120,
        "capacity": 500,
        "drain": None,
    }
    assert found["gateways"][0]["drain"]["phase"] == "Draining"
    assert found["streaks"] == [
        {
            "rule": "below 30% for 1h",
            "since": "2026-03-01T11:15:00Z",
            "last": "2026-03-01T12:00:00Z",
            "completeAt": "2026-03-01T12:15:00Z",
            "seconds": 2700,
            "ofSeconds": 3600,
        }
    ]
    assert found["loads"][0]["percent"] == 24
    assert found["paused"] == [{"what": "ScaleUp", "reason": "ask Ana", "by": "annotation"}]
    assert [t["reason"] for t in found["latest"]] == ["FleetReady", "ScalingDown"]
    assert yaml.safe_load(imchat(served, "status", "web", "-o", "yaml").stdout) == found
    assert json.loads(imchat(served, "status", "-o", "json").stdout) == [found]


def test_programs_see_the_same_explanation(served: Served) -> None:
    found = json.loads(imchat(served, "explain", "web", "-o", "json").stdout)
    assert found["by"] == "below 30% for 1h"
    assert [(s["reason"], s["size"]) for s in found["steps"]] == [
        ("TargetUtilization", 1),
        ("AtMinimum", 2),
    ]
    assert found["obstacles"][0]["direction"] == "ScaleUp"
    assert found["conditions"][0]["reason"] == "ScalingDown"


def test_an_explanation_asks_for_nothing_but_the_object(served: Served) -> None:
    imchat(served, "explain", "web")
    assert served.asked == [f"{ROOT}/web"]


@pytest.mark.parametrize(
    ("path", "answer", "note"),
    [
        pytest.param(
            f"{PODS}/gateway-a:8080/proxy/metrics",
            403,
            "connections are not shown for each gateway: refused",
            id="no right to ask gateways",
        ),
        pytest.param(
            f"{PODS}/gateway-a:8080/proxy/metrics",
            METRICS.replace("connections_max", "most"),
            "connections are not shown for each gateway: the metrics of gateway-a can't be read",
            id="a gateway without the metric",
        ),
        pytest.param(PODS, 403, "gateways are not shown: refused", id="no right to see pods"),
        pytest.param(EVENTS, 403, "Events are not shown: refused", id="no right to see Events"),
    ],
)
def test_what_can_not_be_seen_is_a_note_and_the_rest_is_shown(
    served: Served, path: str, answer: int | str, note: str
) -> None:
    served.answers[path] = answer
    result = imchat(served, "status", "web", "-o", "json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    (told,) = found["notes"]
    assert told.startswith(note)
    assert found["streaks"]


def test_a_fleet_that_is_not_ready_ends_with_1(tmp_path: Path) -> None:
    body = cluster(conditions=[condition("Ready", "False", "GatewaysNotReady", "1 of 3")])
    with serving(tmp_path, **answers(body)) as served:
        result = imchat(served, "status")
        assert result.exit_code == 1
        assert "waits     Ready GatewaysNotReady: 1 of 3" in result.stdout
        assert imchat(served, "explain").exit_code == 0
        served.answers[ROOT] = {"items": [cluster(), body]}
        assert imchat(served, "status").exit_code == 1, "one of two is enough"


def test_an_operator_that_never_looked_is_told(tmp_path: Path) -> None:
    body = {**cluster(), "status": {}}
    with serving(tmp_path, **answers(body)) as served:
        result = imchat(served, "explain")
    assert "chat/web: the operator has not told yet: is it running" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "changes", "code", "sentence"),
    [
        pytest.param(
            ("status", "nobody"),
            {},
            2,
            "namespace chat has no ImChatCluster nobody: `kubectl get imc -A` lists them all",
            id="a name that there is not",
        ),
        pytest.param(
            ("status",),
            {ROOT: {"items": []}},
            2,
            "namespace chat has no ImChatCluster: choose another namespace with -n, or use -A",
            id="a namespace without any",
        ),
        pytest.param(
            ("status", "web", "-A"),
            {},
            2,
            "a name is of one namespace: leave out either the name or -A",
            id="a name in all namespaces",
        ),
        pytest.param(
            ("status", "--context", "there"),
            {},
            2,
            "there is no context 'there': `kubectl config get-contexts` lists those that there are",
            id="a context that there is not",
        ),
        pytest.param(
            ("status", "-w", "-o", "yaml"),
            {},
            2,
            "--watch prints a table or one JSON line a change: use -o json",
            id="a watch in YAML",
        ),
        pytest.param(
            ("explain",),
            {ROOT: 403},
            3,
            f"refused {ROOT}?limit=500: ask for the rights that docs/cli.md lists",
            id="no right to see it",
        ),
        pytest.param(
            ("explain",),
            {ROOT: 401},
            3,
            "the API server does not know you (HTTP 401): log in again",
            id="a token that is over",
        ),
        pytest.param(
            ("explain", "web"),
            {f"{ROOT}/web": cluster(drains=[{"purpose": "Teleport"}])},
            3,
            "ImChatCluster web can't be read (drains.0.id): use an imchat of the operator's "
            "version",
            id="a status of a newer operator",
        ),
        pytest.param(
            ("status", "--colour"),
            {},
            2,
            "No such option: --colour (see imchat status --help)",
            id="an option that there is not",
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_an_exit_code(
    served: Served, arguments: tuple[str, ...], changes: dict[str, int], code: int, sentence: str
) -> None:
    served.answers.update(changes)
    result = imchat(served, *arguments)
    assert (result.exit_code, result.stderr) == (code, f"{sentence}\n")
    assert result.stdout == ""


def test_an_api_server_that_is_away_is_told(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        pass
    result = imchat(served, "status")
    assert result.exit_code == 3
    assert result.stderr.startswith("the API server http://127.0.0.1:")
    assert "can't be reached ([Errno 111] Connection refused): check the network" in result.stderr
    assert result.stderr.count("\n") == 1
