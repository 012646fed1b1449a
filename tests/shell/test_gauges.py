"""What Prometheus sees of clusters and windows: a projection of what a pass saw and decided."""

from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.core.fleet import (
    CLUSTER,
    SILENT,
    at,
    drain,
    gateway,
    gateways,
    once,
    repair,
    snapshot,
    spec,
    status,
    streak,
    window,
)

from imchat_operator.core.snapshot import Snapshot
from imchat_operator.models import (
    Condition,
    ImChatClusterStatus,
    MaintenanceWindowStatus,
    Phase,
    Purpose,
    WindowState,
)
from imchat_operator.shell.gauges import (
    Gauges,
    Sample,
    cluster_samples,
    invalid_samples,
    window_samples,
)

UP, DOWN = "above 70% for 1m", "below 30% for 2m"
RULES = {"scaleUp": [{"above": 70, "for": "1m"}], "scaleDown": [{"below": 30, "for": "2m"}]}
BLOCKED = Condition(
    type="RemediationBlocked", status="True", reason="StormGate", last_transition_time=at(0)
)


def seen(name: str, after: ImChatClusterStatus, found: Snapshot) -> dict[str, float]:
    """Return a gauge's values by the labels beyond the cluster's."""
    return {",".join(s.labels): s.value for s in cluster_samples(found, after) if s.name == name}


def scaling(**fields: Any) -> Snapshot:
    return snapshot(spec=spec(scaling={**RULES, **fields}))


@pytest.mark.parametrize(
    ("name", "after", "found", "expected"),
    [
        pytest.param(
            "cluster_info",
            status(),
            scaling(mode="Recommend"),
            {"Deployment,gateway,Recommend,Auto": 1},
            id="the target and the modes",
        ),
        pytest.param(
            "gateways_wanted", status(desired_replicas=6), snapshot(), {"": 6}, id="wanted"
        ),
        pytest.param("gateways_current", status(replicas=4), snapshot(), {"": 4}, id="current"),
        pytest.param("gateways_ready", status(ready_replicas=3), snapshot(), {"": 3}, id="ready"),
        pytest.param("gateways_ready", status(), snapshot(), {}, id="not known is absent, not 0"),
        pytest.param("gateways_max", status(), snapshot(), {"": 10}, id="the most"),
        pytest.param("gateways_min", status(), snapshot(), {"": 2}, id="the fewest"),
        pytest.param("connections", status(), snapshot(), {"": 1200}, id="connections"),
        pytest.param(
            "connections",
            status(),
            snapshot(gateways=(gateway("a", 7), gateway("b", SILENT))),
            {"": 7},
            id="only what is reported",
        ),
        pytest.param("connections_capacity", status(), snapshot(), {"": 4000}, id="capacity"),
        pytest.param(
            "utilization_ratio", status(), snapshot(), {"connections": 0.3}, id="utilization"
        ),
        pytest.param(
            "utilization_ratio",
            status(),
            snapshot(gateways=(gateway("a", SILENT),)),
            {},
            id="a load that is not known is absent, not 0",
        ),
        pytest.param(
            "streak_progress_ratio", status(), scaling(), {UP: 0, DOWN: 0}, id="no streak is 0"
        ),
        pytest.param(
            "streak_progress_ratio",
            status(streaks=(streak(DOWN, at(-90), at(0)),)),
            scaling(),
            {UP: 0, DOWN: 0.75},
            id="three quarters of a rule's time",
        ),
        pytest.param(
            "streak_progress_ratio",
            status(streaks=(streak(UP, at(-3600), at(0)),)),
            scaling(),
            {UP: 1, DOWN: 0},
            id="more than a rule's time is 1",
        ),
        pytest.param(
            "streak_progress_ratio",
            status(streaks=(streak("above 99% for 1m", at(-60), at(0)),)),
            scaling(),
            {UP: 0, DOWN: 0},
            id="a rule that is gone is not shown",
        ),
        pytest.param(
            "drains",
            status(drains=(drain("a", Phase.DRAINING), repair("b", Phase.REMOVING))),
            snapshot(),
            {"ScaleDown": 1, "Healing": 1, "Rebalance": 0, "Quarantine": 0},
            id="drains by purpose",
        ),
        pytest.param(
            "drain_oldest_start_timestamp_seconds",
            status(
                drains=(
                    drain("a", Phase.DRAINING, at(20)),
                    drain("b", Phase.DRAINING, at(10)),
                    drain("c", Phase.QUARANTINED, at(0), purpose=Purpose.QUARANTINE),
                )
            ),
            snapshot(),
            {"ScaleDown": at(10).timestamp()},
            id="the longest drain, but not what rests in quarantine",
        ),
        pytest.param(
            "drains_blocked",
            status(
                drains=(
                    repair("a", Phase.REMOVING, blocked="a budget"),
                    repair("b", Phase.REMOVING),
                )
            ),
            snapshot(),
            {"": 1},
            id="removals that are refused",
        ),
        pytest.param("drain_deadline_seconds", status(), snapshot(), {"": 600}, id="the deadline"),
        pytest.param(
            "paused",
            status(),
            scaling(pauses=[{"direction": "ScaleDown", "reason": "a sale"}]),
            {"ScaleUp": 0, "ScaleDown": 1, "Healing": 0},
            id="paused in the spec",
        ),
        pytest.param(
            "paused",
            status(),
            snapshot(
                cluster=replace(
                    CLUSTER, annotations=(("imchat.dev/pause-healing", "a post-mortem"),)
                )
            ),
            {"ScaleUp": 0, "ScaleDown": 0, "Healing": 1},
            id="paused by an annotation",
        ),
        pytest.param("remediation_blocked", status(), snapshot(), {"": 0}, id="repairs may begin"),
        pytest.param(
            "remediation_blocked", status(conditions=(BLOCKED,)), snapshot(), {"": 1}, id="or not"
        ),
        pytest.param(
            "condition",
            status(conditions=(BLOCKED,)),
            snapshot(),
            {"RemediationBlocked,True,StormGate": 1},
            id="each condition with its reason",
        ),
        pytest.param(
            "last_pass_timestamp_seconds",
            status(),
            snapshot(now=at(5)),
            {"": at(5).timestamp()},
            id="when it was looked at",
        ),
    ],
)
def test_a_status_is_shown(
    name: str, after: ImChatClusterStatus, found: Snapshot, expected: dict[str, float]
) -> None:
    assert seen(name, after, found) == expected


def test_a_spec_that_cant_be_understood_shows_its_condition_and_that_it_is_served() -> None:
    invalid = Condition(
        type="Ready", status="False", reason="SpecInvalid", last_transition_time=at(0)
    )
    assert invalid_samples(status(conditions=(invalid,)), at(5)) == (
        Sample("condition", 1, ("Ready", "False", "SpecInvalid")),
        Sample("last_pass_timestamp_seconds", at(5).timestamp()),
    )


def test_a_window_shows_its_state_and_its_times() -> None:
    after = MaintenanceWindowStatus(state=WindowState.OPEN, opens=at(0), closes=at(60))
    assert window_samples(after) == (
        Sample("window_state", 1, ("Open",)),
        Sample("window_opens_timestamp_seconds", at(0).timestamp()),
        Sample("window_closes_timestamp_seconds", at(60).timestamp()),
    )
    assert window_samples(MaintenanceWindowStatus()) == ()


def test_what_is_not_served_any_more_is_not_shown() -> None:
    registry, gauges = CollectorRegistry(), Gauges()
    registry.register(gauges)
    gauges.show_cluster(CLUSTER, cluster_samples(snapshot(), status(replicas=4)))
    gauges.show_cluster(replace(CLUSTER, name="b", uid="uid-b"), (Sample("connections", 9),))
    night = window(once(at(0), at(60)))
    gauges.show_window("chat", night, (Sample("window_state", 1, ("Open",)),))

    def shown(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"imchat_operator_{name}", {"namespace": "chat", **labels})

    assert shown("gateways_current", imchatcluster="chat") == 4
    assert shown("connections", imchatcluster="b") == 9
    assert shown("window_state", window="night", state="Open") == 1
    gauges.forget(CLUSTER.uid)
    gauges.forget(night.uid)
    assert shown("gateways_current", imchatcluster="chat") is None
    assert shown("connections", imchatcluster="b") == 9
    assert shown("window_state", window="night", state="Open") is None


def test_another_object_of_the_same_name_stays_when_the_first_goes_late() -> None:
    gauges = Gauges()
    gauges.show_cluster(CLUSTER, (Sample("connections", 1),))
    gauges.show_cluster(replace(CLUSTER, uid="uid-2"), (Sample("connections", 2),))
    gauges.forget(CLUSTER.uid)
    values = [s.value for family in gauges.collect() for s in family.samples]
    assert values == [2]


def test_all_gateways_are_accounted_for_in_every_pass() -> None:
    first, second = snapshot(gateways=gateways("ab")), snapshot(gateways=gateways("a"))
    gauges = Gauges()
    for found in (first, second):
        gauges.show_cluster(CLUSTER, cluster_samples(found, status()))
    [family] = [f for f in gauges.collect() if f.name == "imchat_operator_connections"]
    assert [s.value for s in family.samples] == [300], "samples are replaced, not added"
