"""A broken revision is left to whoever rolls it out; an ill gateway of a sound one is not."""

from typing import Any

import pytest
from tests.core.ailing import failed, unready
from tests.core.decisions import condition, messages
from tests.core.fleet import at, crashed, gateway, pending, snapshot, suspect, target

from imchat_operator.core.healing import patients, restarts
from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import Gateway, Node


def old(name: str, **fields: Any) -> Gateway:
    return gateway(name, revision="v1", **fields)


def new(name: str, **fields: Any) -> Gateway:
    return gateway(name, **{"revision": "v2", "created_at": at(-300), **fields})


def broken(name: str, **fields: Any) -> Gateway:
    return crashed(name, **{"revision": "v2", "created_at": at(-300), **fields})


def suspected(*fleet: Gateway) -> str:
    now = snapshot(gateways=fleet)
    found = patients(now, frozenset(), restarts(now))
    return "".join(p.gateway.name for p in found if p.is_rollout)


@pytest.mark.parametrize(
    ("fleet", "expected"),
    [
        pytest.param((old("a"), old("b"), broken("c")), "c", id="the first of the new crashes"),
        pytest.param(
            (old("a"), broken("b"), unready("c", revision="v2", created_at=at(-300))),
            "bc",
            id="none of the new is well",
        ),
        pytest.param((old("a"), broken("b"), new("c")), "", id="one of the new is well"),
        pytest.param(
            (old("a"), broken("b"), pending("c", revision="v2", created_at=at(-5))),
            "b",
            id="another of the new is starting",
        ),
        pytest.param((broken("a"), broken("b")), "", id="there is one revision only"),
        pytest.param(
            (broken("a", revision=""), gateway("b", revision="")), "", id="revisions are not known"
        ),
        pytest.param(
            (broken("a", revision="v1", created_at=at(-900)), new("b"), new("c")),
            "",
            id="the last of the old is ill",
        ),
        pytest.param(
            (broken("a", revision="v1", created_at=at(-900)), broken("b")),
            "b",
            id="the old are ill too: still only the new are suspected",
        ),
        pytest.param(
            (broken("a"), old("b", created_at=at(-30)), old("c")),
            "",
            id="rolled back: the old come last now",
        ),
        pytest.param(
            (
                broken("a"),
                crashed("b", revision="v1", created_at=at(-30)),
                crashed("c", revision="v1", created_at=at(-900)),
            ),
            "bc",
            id="rolled back to what is broken too",
        ),
        pytest.param(
            (old("a"), new("b", node=Node(name="n", cordoned=True, leaving="a taint"))),
            "",
            id="on a node that leaves the new is well",
        ),
        pytest.param(
            (old("a"), broken("b"), new("c", accepting=False, ready=False)),
            "b",
            id="one of the new is out of rotation",
        ),
        pytest.param(
            (old("a"), failed("b", revision="v2", created_at=at(-300)), old("c", ready=False)),
            "",
            id="a dead pod of the new tells nothing",
        ),
    ],
)
def test_the_rollout_is_suspected_if_no_gateway_of_the_new_revision_is_well(
    fleet: tuple[Gateway, ...], expected: str
) -> None:
    assert suspected(*fleet) == expected


ADVICE = (
    "c CrashLooping: restarted 3 times within 20m and is in back-off; it is of the new revision "
    "v2, none of whose gateways is well: the rollout is left to the target, undo or correct it"
)


def test_a_broken_rollout_is_told_once_and_left_alone() -> None:
    fleet = (old("a"), old("b"), broken("c"))
    first = decide(snapshot(gateways=fleet, target=target(replicas=3)))
    assert first.actions == ()
    assert first.status.drains == ()
    assert condition(first, "Healing") == ("False", "RolloutSuspected", ADVICE)
    assert messages(first, "RolloutSuspected") == [ADVICE, ADVICE], "on the cluster and on the pod"
    assert first.status.suspects == (
        suspect("c", "CrashLooping", at(0), ill_since=at(0), told="RolloutSuspected"),
    )
    known = frozenset(e.receipt for e in first.status.pending_events)
    later = snapshot(
        now=at(1),
        gateways=fleet,
        target=target(replicas=3),
        history=first.status,
        posted=known,
    )
    second = decide(later)
    assert second.actions == ()
    assert second.status is first.status
