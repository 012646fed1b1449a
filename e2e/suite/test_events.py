"""Events as a person finds them: what repeats is counted, what is too much is told as a number."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness import Namespace, OperatorProcess
from harness.manifests import Manifest, gateways, steady, window


@pytest.fixture
def recorder(namespace: Namespace, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator whose gateways never start: only the target comes and goes here."""
    log = tmp_path / "operator.log"
    with OperatorProcess.running(namespace.kubeconfig, namespace.name, log, forked=True) as process:
        yield process


def homeless() -> list[Manifest]:
    """Return gateways that no node takes, whatever nodes the session has."""
    deployment, budget = gateways(replicas=2)
    deployment["spec"]["template"]["spec"]["nodeSelector"] = {"kubernetes.io/hostname": "nowhere"}
    return [deployment, budget]


def target(namespace: Namespace, name: str) -> None:
    """Have the ImChatCluster name another target, and wait until the operator has judged it."""
    namespace.change(targetRef={"name": name})
    generation = namespace.cluster()["metadata"]["generation"]
    namespace.wait_until(lambda: namespace.status().get("observedGeneration") == generation)


def missed(namespace: Namespace) -> list[dict[str, Any]]:
    """Return the Events about a target that is missing, as core/v1 has them."""
    found = namespace.items("/api/v1", "events")
    return sorted(
        (e for e in found if e["reason"] == "TargetNotFound"), key=lambda e: e["metadata"]["name"]
    )


def counts(namespace: Namespace) -> list[int]:
    return [e["count"] for e in missed(namespace)]


def await_counts(namespace: Namespace, *expected: int, seconds: float = 30.0) -> None:
    namespace.wait_until(lambda: counts(namespace) == list(expected), seconds=seconds)


def spent(namespace: Namespace, until: str) -> None:
    """Have the operator believe that it may record new Events from then on only."""
    path = f"{namespace.path('imchatclusters', 'chat')}/status"
    series = [{**s, "spentUntil": until} for s in namespace.status()["eventSeries"]]
    namespace.patch(path, {"status": {"eventSeries": series}})


def described(namespace: Namespace) -> list[list[str]]:
    """Return the Events that `kubectl describe` prints: type, reason, age, source, message."""
    text = namespace.kubectl("describe", "imchatcluster", "chat")
    _, _, table = text.partition("\nEvents:\n")
    lines = table.splitlines()[2:]
    return [re.split(r"\s{2,}", line.strip()) for line in lines if line.strip()]


def test_what_comes_and_goes_is_one_event_that_counts_across_kills(
    namespace: Namespace, recorder: OperatorProcess
) -> None:
    namespace.apply(homeless(), steady(targetRef={"kind": "Deployment", "name": "away"}))
    await_counts(namespace, 1)
    target(namespace, "gateway")
    target(namespace, "away")
    await_counts(namespace, 2)
    target(namespace, "gateway")
    # The status that promises the Event is written: whether it is posted, the kill decides.
    target(namespace, "away")
    recorder.kill()
    recorder.start()
    await_counts(namespace, 3, seconds=60.0)  # once the Lease of the killed one has lapsed
    target(namespace, "gateway")
    target(namespace, "away")
    await_counts(namespace, 4)
    target(namespace, "gateway")
    namespace.wait_until(lambda: namespace.reasons().count("GatewaysNotReady") == 4)
    (event,) = missed(namespace)
    assert event["series"]["count"] == event["count"] == 4
    assert event["firstTimestamp"][:19] == event["eventTime"][:19] < event["lastTimestamp"][:19]
    assert event["lastTimestamp"][:19] == event["series"]["lastObservedTime"][:19]
    assert counts(namespace) == [4]


@pytest.mark.usefixtures("recorder")
def test_describe_tells_what_repeats_where_it_happened_last(
    namespace: Namespace,
) -> None:
    namespace.apply(homeless(), steady(targetRef={"kind": "Deployment", "name": "away"}))
    await_counts(namespace, 1)
    target(namespace, "gateway")
    namespace.wait_until(lambda: "GatewaysNotReady" in namespace.reasons())
    # describe sorts by whole seconds.
    next_second = namespace.told_at("GatewaysNotReady") + timedelta(seconds=1)
    namespace.wait_until(lambda: datetime.now(UTC) > next_second)
    target(namespace, "away")
    await_counts(namespace, 2)
    lines = described(namespace)
    story = ["GatewaysNotReady", "MetricsUnavailable", "TargetNotFound"]
    assert [line[1] for line in lines] == story
    assert re.fullmatch(r"\d+s \(x2 over \d+s\)", lines[-1][2])
    assert lines[-1][3:] == ["imchat-operator", missed(namespace)[0]["message"]]


@pytest.mark.usefixtures("recorder")
def test_a_flood_is_cut_off_and_the_next_event_says_so(
    namespace: Namespace,
) -> None:
    namespace.apply(homeless(), steady(targetRef={"kind": "Deployment", "name": "away"}))
    await_counts(namespace, 1)
    spent(namespace, "2099-01-01T00:00:00Z")
    for name in ("away-a", "away-b", "away-c"):
        target(namespace, "gateway")
        target(namespace, name)
    ready = namespace.condition("Ready")
    assert (ready["reason"], "away-c" in ready["message"]) == ("TargetNotFound", True)
    spent(namespace, "2026-01-01T00:00:00Z")
    target(namespace, "gateway")
    target(namespace, "away-d")
    await_counts(namespace, 1, 1)
    note = missed(namespace)[-1]["message"]
    assert "away-d" in note
    assert note.endswith(" (3 more not recorded)")


@pytest.mark.usefixtures("recorder")
def test_a_long_note_is_cut_at_a_word_to_what_the_api_server_takes(
    namespace: Namespace,
) -> None:
    items = [{"name": f"prüfen {number} " + "é" * 50, "required": True} for number in range(30)]
    once = {"once": {"start": "2030-03-01T12:00:00Z", "end": "2030-03-01T13:00:00Z"}}
    namespace.apply(window("w", once, checklist=items))
    namespace.wait_until(lambda: "ChecklistIncomplete" in namespace.reasons("MaintenanceWindow"))
    (note,) = (
        e["note"]
        for e in namespace.events("MaintenanceWindow")
        if e["reason"] == "ChecklistIncomplete"
    )
    assert note.endswith("…")
    assert 900 < len(note.encode()) <= 1024
