from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.fleet import at, drain, repair, resize, spec, streak, suspect

from imchat_operator.models import (
    ClusterSelector,
    Condition,
    ImChatClusterSpec,
    ImChatClusterStatus,
    PendingEvent,
    Phase,
    ScaleDownRule,
    ScaleUpRule,
    matches,
)

HISTORY = ImChatClusterStatus(
    observed_generation=3,
    replicas=4,
    ready_replicas=0,
    observed_at=at(1),
    conditions=(
        Condition(type="Ready", status="True", reason="FleetReady", last_transition_time=at(0)),
    ),
    streaks=(streak("above 70% for 15m", at(0), at(10)),),
    suspects=(suspect("a", "Unresponsive", at(0.5)),),
    drains=(drain("b", Phase.DRAINING), repair("c", Phase.REMOVING, silent_since=at(2))),
    resize=resize(4, 3),
    pending_events=(
        PendingEvent(
            name="chat.1",
            kind="ImChatCluster",
            object="chat",
            uid="uid-chat",
            type="Normal",
            reason="ScalingDown",
            action="Scale",
            message="4 → 3 gateways",
            at=at(3),
        ),
    ),
)


def test_the_shortest_spec_gets_the_handbooks_policy() -> None:
    found = ImChatClusterSpec.model_validate({"targetRef": {"name": "gateway"}, "maxReplicas": 12})
    assert found.scaling.scale_up == (ScaleUpRule(above=70, for_=timedelta(minutes=15)),)
    assert found.scaling.scale_down == (ScaleDownRule(below=30, for_=timedelta(hours=1)),)
    assert (found.min_replicas, found.scaling.target, found.scaling.failure_headroom) == (2, 60, 1)
    assert (found.target_ref.api_version, found.target_ref.kind) == ("apps/v1", "Deployment")


def test_fields_of_a_newer_version_are_dropped() -> None:
    assert spec(flavour="new", scaling={"flavour": "new"}) == spec()


@pytest.mark.parametrize(
    "sparse",
    [
        pytest.param(False, id="in full"),
        pytest.param(True, id="without what has its default"),
    ],
)
def test_a_status_survives_being_written_and_read(sparse: bool) -> None:  # noqa: FBT001 -- a table's
    assert ImChatClusterStatus.model_validate(HISTORY.to_json(sparse=sparse)) == HISTORY


def test_a_status_is_written_in_camel_case_without_nulls_or_defaults() -> None:
    written = ImChatClusterStatus(
        resize=resize(4, 3), suspects=(suspect("a", "NotReady", at(0.5)),)
    ).to_json(sparse=True)
    assert written == {
        "suspects": [
            {
                "pod": "a",
                "uid": "uid-a",
                "ailment": "NotReady",
                "since": "2026-11-23T12:00:00.500Z",
            }
        ],
        "resize": {
            "id": "d1",
            "from": 4,
            "to": 3,
            "cause": "the load moved",
            "at": "2026-11-23T12:00:00Z",
        },
    }


@given(since=st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)))  # noqa: DTZ001 -- hypothesis adds the zone
def test_a_time_written_and_read_again_stays_what_it_is(since: datetime) -> None:
    once = ImChatClusterStatus.model_validate(ImChatClusterStatus(observed_at=since).to_json())
    assert ImChatClusterStatus.model_validate(once.to_json()) == once


@pytest.mark.parametrize(
    ("wanted", "labels", "matched"),
    [
        pytest.param({}, {}, True, id="no label wanted takes what has none"),
        pytest.param({}, {"tier": "gold"}, True, id="no label wanted takes everything"),
        pytest.param({"tier": "gold"}, {"tier": "gold", "eu": "1"}, True, id="others may be there"),
        pytest.param({"tier": "gold"}, {"tier": "tin"}, False, id="another value does not do"),
        pytest.param({"tier": "gold", "eu": "1"}, {"tier": "gold"}, False, id="all must be there"),
    ],
)
def test_a_selector_takes_clusters_that_have_all_its_labels(
    wanted: dict[str, str],
    labels: dict[str, str],
    matched: bool,  # noqa: FBT001 -- a table's
) -> None:
    assert matches(ClusterSelector(match_labels=wanted), labels.items()) is matched
