"""A streak counts from its first sample: to the sample, and through a dip, a kill, an absence."""

from datetime import UTC, datetime, timedelta

import pytest

from harness import Namespace, OperatorProcess
from harness.manifests import Manifest, by_cpu, gateways
from harness.usage import Usage
from harness.waiting import wait_for

_INTERVAL = timedelta(seconds=1)
# What a pass may take on a busy machine, the pause before it included.
_PASS = timedelta(seconds=1.5)


def _policy(seconds: int, *, max_gap: str) -> Manifest:
    return by_cpu(
        metrics={"interval": "1s", "maxGap": max_gap},
        scaleUp=[{"above": 70, "for": f"{seconds}s"}],
        scaleDown=[],
    )


def _is_running(namespace: Namespace) -> bool:
    return bool(namespace.status().get("streaks"))


def _first(namespace: Namespace) -> datetime:
    """Wait for a streak; return the time of its first sample."""
    streaks = namespace.wait_until(lambda: namespace.status().get("streaks"))
    return datetime.fromisoformat(streaks[0]["since"])


def _last(namespace: Namespace) -> datetime:
    return datetime.fromisoformat(namespace.status()["streaks"][0]["last"])


def _begun(namespace: Namespace, policy: Manifest) -> list[str]:
    """Start two gateways; return their names."""
    namespace.apply(gateways(replicas=2), policy)
    namespace.wait_until(lambda: len(namespace.ready_pods()) == 2)
    return sorted(namespace.pod_names())


@pytest.mark.usefixtures("operator")
def test_the_fleet_grows_at_the_first_sample_that_covers_the_time_and_a_dip_restarts_it(
    namespace: Namespace, usage: Usage
) -> None:
    one, other = _begun(namespace, _policy(7, max_gap="10s"))
    usage.put(90)
    first = _first(namespace)
    namespace.wait_until(lambda: _last(namespace) >= first + _INTERVAL)
    usage.put_each({one: 90, other: 50})  # 70 % of the whole, which is not above 70 %
    namespace.wait_until(lambda: not _is_running(namespace))
    above = datetime.now(UTC)
    usage.put_each({one: 90, other: 60})
    since = _first(namespace)
    namespace.wait_until(lambda: namespace.replicas() == 4)
    assert timedelta() <= since - above <= _INTERVAL + _PASS
    waited = namespace.told_at("ScalingUp") - since
    assert timedelta(seconds=7) <= waited <= timedelta(seconds=7) + _INTERVAL + _PASS
    cause = "above 70% for 7s (now 75%, cpu of requests); 0.3 cores at 0.2 a gateway need 4"
    assert cause in namespace.note("ScalingUp")
    assert "StreakInterrupted" not in namespace.reasons()


def test_an_operator_killed_in_mid_streak_counts_from_before(
    namespace: Namespace, operator: OperatorProcess, usage: Usage
) -> None:
    _begun(namespace, _policy(8, max_gap="20s"))
    usage.put(90)
    since = _first(namespace)
    namespace.wait_until(lambda: _last(namespace) >= since + 2 * _INTERVAL)
    operator.kill()
    operator.start()
    operator.wait_until_healthy()
    back = datetime.now(UTC)
    namespace.wait_until(lambda: namespace.note("ScalingUp"))
    waited = namespace.told_at("ScalingUp") - since
    due = max(timedelta(seconds=8), back - since)
    assert timedelta(seconds=8) <= waited <= due + _INTERVAL + _PASS
    assert "StreakInterrupted" not in namespace.reasons()


def test_an_operator_that_was_away_for_too_long_counts_anew_and_says_so(
    namespace: Namespace, operator: OperatorProcess, usage: Usage
) -> None:
    _begun(namespace, _policy(5, max_gap="4s"))
    usage.put(90)
    since = _first(namespace)
    operator.kill()
    last = _last(namespace)
    gap = last + timedelta(seconds=4)
    wait_for(lambda: datetime.now(UTC) > gap, what="a gap longer than maxGap")
    operator.start()
    note = namespace.wait_until(lambda: namespace.note("StreakInterrupted"))
    assert note == "above 70% for 5s: no sample that tells for more than 4s, counting anew"
    anew = _first(namespace)
    assert anew > since
    namespace.wait_until(lambda: namespace.note("ScalingUp"))
    assert namespace.told_at("ScalingUp") - anew >= timedelta(seconds=5)
    assert namespace.reasons().count("StreakInterrupted") == 1
