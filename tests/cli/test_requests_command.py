"""`imchat drain`, `quarantine`, `pause` and `resume` as users call them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.apiserver import Served, serving
from tests.cli.fleets import PODS, ROOT, answers, cluster, pod
from typer.testing import CliRunner, Result

from imchat_operator.cli.app import app

RECORD: dict[str, Any] = {
    "pod": "gateway-a",
    "uid": "uid-a",
    "ailment": "DrainRequested",
    "failedAt": "2026-03-01T11:58:00Z",
    "detectedAt": "2026-03-01T11:58:00Z",
    "endedAt": "2026-03-01T12:00:00Z",
    "outcome": "Replaced",
    "by": "gateway-c",
    "cut": 3,
}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, **answers(cluster())) as found:
        yield found


def imchat(served: Served, *arguments: str) -> Result:
    where = ("--kubeconfig", str(served.kubeconfig))
    return CliRunner(env={"COLUMNS": "110"}).invoke(app, [*arguments, *where])


def annotated(**annotations: str | None) -> dict[str, Any]:
    named = {f"imchat.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return {"metadata": {"annotations": named}}


def on_pod(**annotations: str | None) -> tuple[str, dict[str, Any]]:
    changes = annotated(**annotations)
    changes["metadata"]["uid"] = "uid-a"
    return f"{PODS}/gateway-a", changes


@pytest.mark.parametrize(
    ("arguments", "change"),
    [
        pytest.param(("drain", "gateway-a", "-y"), on_pod(drain="true"), id="a drain"),
        pytest.param(
            ("quarantine", "gateway-a", "--reason", "INC-7", "-y"),
            on_pod(quarantine="INC-7"),
            id="a quarantine",
        ),
    ],
)
def test_a_wish_is_an_annotation_of_the_very_pod(
    served: Served, arguments: tuple[str, ...], change: tuple[str, dict[str, Any]]
) -> None:
    result = imchat(served, *arguments)
    assert result.exit_code == 0, result.stderr
    assert served.changes == [change]
    assert f"`imchat {arguments[0]} gateway-a --cancel`" in result.stdout


def test_a_wish_is_taken_back_if_there_is_one(served: Served) -> None:
    assert "nothing is changed" in imchat(served, "drain", "gateway-a", "--cancel").stdout
    assert served.changes == []
    wished = pod("gateway-a", annotations={"imchat.dev/drain": "true"})
    served.answers[f"{PODS}/gateway-a"] = wished
    assert imchat(served, "drain", "gateway-a", "--cancel").exit_code == 0
    assert served.changes == [on_pod(drain=None)]


@pytest.mark.parametrize(
    ("arguments", "changes", "sentence"),
    [
        pytest.param(
            ("drain", "gateway-z", "-y"),
            {},
            "namespace chat has no pod gateway-z: `imchat status` lists the gateways",
            id="a pod that there is not",
        ),
        pytest.param(
            ("drain", "gateway-a", "-y"),
            {PODS: {"items": []}},
            "gateway-a belongs to no ImChatCluster of namespace chat, so nobody would drain it: "
            "use `kubectl delete pod` or `kubectl drain`",
            id="a pod that no fleet calls its own",
        ),
        pytest.param(
            ("drain", "gateway-a"),
            {},
            "there is nobody to confirm it: add --yes",
            id="nobody to confirm",
        ),
        pytest.param(
            ("quarantine", "gateway-a", "-y"),
            {},
            "why? Add --reason, such as --reason 'heap dump for INC-7'",
            id="a quarantine without a reason",
        ),
        pytest.param(
            ("pause", "web", "--reason", " "),
            {},
            "--reason must say something: it is all that the next one on duty sees",
            id="a pause without a reason",
        ),
        pytest.param(
            ("pause", "nobody", "--reason", "r"),
            {},
            "namespace chat has no ImChatCluster nobody: `kubectl get imc -A` lists them all",
            id="a pause of nobody",
        ),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    served: Served, arguments: tuple[str, ...], changes: dict[str, Any], sentence: str
) -> None:
    served.answers.update(changes)
    result = imchat(served, *arguments)
    assert (result.exit_code, result.stderr) == (2, f"{sentence}\n")
    assert served.changes == []


@pytest.mark.parametrize(
    ("status", "pod_now", "code", "told"),
    [
        pytest.param(
            {"remediations": [RECORD], "drains": []},
            404,
            0,
            "gateway-a is replaced by gateway-c, 3 connections cut",
            id="replaced",
        ),
        pytest.param(
            {"remediations": [{**RECORD, "outcome": "Failed", "by": ""}], "drains": []},
            pod("gateway-a"),
            1,
            "the repair of gateway-a failed: `kubectl describe imc web` says why",
            id="failed",
        ),
        pytest.param(
            {"drains": []},
            pod("gateway-a"),
            1,
            "somebody took the wish back: gateway-a stays",
            id="undone",
        ),
        pytest.param(
            {"drains": []},
            pod("gateway-a") | {"metadata": {"name": "gateway-a", "uid": "another"}},
            0,
            "gateway-a is gone",
            id="another pod has its name",
        ),
        pytest.param(
            {},
            pod("gateway-a"),
            1,
            "gateway-a is not replaced after 10ms: `imchat explain web` says what it waits for",
            id="not in time",
        ),
    ],
)
def test_a_drain_is_followed_to_its_end(
    tmp_path: Path, status: dict[str, Any], pod_now: Any, code: int, told: str
) -> None:
    with serving(tmp_path, **answers(cluster())) as served:
        served.after_a_change = {
            f"{PODS}/gateway-a": pod_now,
            f"{ROOT}/web": cluster(**status),
        }
        result = imchat(served, "drain", "gateway-a", "-y", "--wait", "--timeout", "10ms")
    assert (result.exit_code, (result.stderr or result.stdout).splitlines()[-1]) == (code, told)


def test_a_repair_that_was_over_before_is_not_taken_for_the_one_asked_for(served: Served) -> None:
    failed = {**RECORD, "outcome": "Failed", "by": ""}
    served.answers[ROOT] = {"items": [cluster(remediations=[failed])]}
    served.after_a_change = {f"{ROOT}/web": cluster(remediations=[failed])}
    result = imchat(served, "drain", "gateway-a", "-y", "--wait", "--timeout", "10ms")
    assert "gateway-a is not replaced after 10ms" in result.stderr


def test_a_pause_is_an_annotation_for_each_of_what_it_names(served: Served) -> None:
    result = imchat(served, "pause", "web", "--reason", "cup final", "--only", "healing")
    assert result.exit_code == 0, result.stderr
    assert served.changes == [(f"{ROOT}/web", annotated(pause_healing="cup final"))]
    imchat(served, "pause", "web", "--reason", "r")
    everything = annotated(pause_scale_up="r", pause_scale_down="r", pause_healing="r")
    assert served.changes[1:] == [(f"{ROOT}/web", everything)]


def test_a_pause_that_the_spec_has_is_not_ended_and_that_is_said(served: Served) -> None:
    body = cluster()
    body["metadata"]["annotations"] = {}
    body["spec"]["healing"] = {"pauses": [{"reason": "load test"}]}
    served.answers[f"{ROOT}/web"] = body
    result = imchat(served, "resume", "web")
    assert result.exit_code == 1
    assert "Healing by spec.healing.pauses (load test): edit its spec" in result.stderr
    assert imchat(served, "resume", "web", "--only", "scale-up").exit_code == 0
    assert served.changes[1:] == [(f"{ROOT}/web", annotated(pause_scale_up=None))]
