"""Modes, pauses and schedules: what automation may do, and how it says what it does not do."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from harness import Namespace
from harness.manifests import Manifest, by_cpu, gateways
from harness.namespace import is_true
from harness.usage import Usage

pytestmark = pytest.mark.usefixtures("operator")

_PAUSE = "imchat.dev/pause-scale-down"
_BELOW = {"below": 30, "for": "1s"}


def _observed_later(namespace: Namespace, moment: datetime) -> bool:
    return datetime.fromisoformat(namespace.status()["observedAt"]) > moment


def _touchable(namespace: Namespace) -> list[Manifest]:
    """Return all of the gateways that a scale-down changes: their annotations and conditions."""
    return [
        {
            "name": pod["metadata"]["name"],
            "annotations": pod["metadata"].get("annotations"),
            "conditions": pod["status"]["conditions"],
        }
        for pod in sorted(namespace.pods(), key=lambda p: str(p["metadata"]["name"]))
    ]


def test_recommend_tells_once_and_touches_nothing_until_the_mode_is_auto(
    namespace: Namespace, usage: Usage
) -> None:
    namespace.apply(gateways(replicas=3), by_cpu(mode="Recommend", scaleDown=[_BELOW]))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    before = _touchable(namespace)
    usage.put(10)
    told = namespace.wait_until(lambda: namespace.status().get("recommendation"))
    later = datetime.fromisoformat(told["at"]) + timedelta(seconds=3)
    namespace.wait_until(lambda: _observed_later(namespace, later))
    status = namespace.status()
    assert (told["from"], told["to"], status["desiredReplicas"]) == (3, 2, 2)
    assert status["recommendation"] == told
    assert namespace.condition("Scaling")["reason"] == "ScaleRecommended"
    assert namespace.reasons().count("ScaleRecommended") == 1
    note = namespace.note("ScaleRecommended")
    assert note.startswith("3 → 2 gateways recommended, nothing is done: below 30% for 1s (now 10%")
    assert _touchable(namespace) == before
    assert namespace.replicas() == 3
    assert not {"drains", "resize"} & status.keys()
    namespace.change(scaling={"mode": "Auto"})
    namespace.wait_until(lambda: namespace.replicas() == 2)


def test_observe_measures_and_recommends_nothing(namespace: Namespace, usage: Usage) -> None:
    namespace.apply(gateways(replicas=2), by_cpu(mode="Observe"))
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 2)
    usage.put(90)
    streak = namespace.wait_until(lambda: namespace.status().get("streaks"))[0]
    later = datetime.fromisoformat(streak["since"]) + timedelta(seconds=5)
    namespace.wait_until(lambda: _observed_later(namespace, later))
    whole = r"scaling\.mode is Observe; above 70% for \d+s of 3s \(now 90%, cpu of requests\)"
    assert re.fullmatch(whole, namespace.condition("Scaling")["message"])
    assert namespace.condition("CapacityPressure")["status"] == "True"
    assert not {"ScalingUp", "ScaleRecommended"} & set(namespace.reasons())
    assert namespace.replicas() == 2


def test_a_pause_stops_what_is_under_way_and_shows_its_reason(
    namespace: Namespace, usage: Usage
) -> None:
    policy = by_cpu(scaleDown=[_BELOW])
    policy["spec"]["draining"] = {"deregisterDelay": "10m"}
    namespace.apply(gateways(replicas=3), policy)
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    usage.put(10)
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 2)
    assert namespace.condition("Scaling")["reason"] == "ScalingDown"
    namespace.kubectl("annotate", "imc", "chat", f"{_PAUSE}=the database moves")
    note = namespace.wait_until(lambda: namespace.note("ScaleDownUndone"))
    assert note == "3 → 2 gateways: undone, scaling down is paused: the database moves"
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 3)
    namespace.wait_until(lambda: namespace.condition("Scaling")["reason"] == "Paused")
    message = namespace.condition("Scaling")["message"]
    assert message.startswith("scaling down is paused: the database moves: 3 → 2 gateways wanted")
    assert namespace.reasons().count("ScalingDown") == 1
    namespace.kubectl("annotate", "imc", "chat", f"{_PAUSE}-")
    namespace.wait_until(lambda: namespace.reasons().count("ScalingDown") == 2)


def test_a_schedule_has_its_gateways_ready_before_it_starts(namespace: Namespace) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    start, prepare = now + timedelta(seconds=25), timedelta(seconds=15)
    event = {
        "name": "marketing push",
        "minReplicas": 4,
        "prepare": "15s",
        "once": {"start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat()},
    }
    namespace.apply(gateways(replicas=2), by_cpu(schedules=[event]))
    namespace.wait_until(lambda: namespace.note("ScalingUp"), seconds=40)
    assert (
        start - prepare <= namespace.told_at("ScalingUp") < start - prepare + timedelta(seconds=3)
    )
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 4)
    ready_at = [
        condition["lastTransitionTime"]
        for pod in namespace.pods()
        for condition in pod["status"]["conditions"]
        if condition["type"] == "Ready" and is_true(pod, "Ready")
    ]
    assert max(map(datetime.fromisoformat, ready_at)) <= start
    until = f"{start + timedelta(hours=1):%Y-%m-%d %H:%M} UTC"
    assert f"schedule marketing push wants 4 until {until}" in namespace.note("ScalingUp")
