"""A world that does not change is told once and then left in peace, for hours."""

from dataclasses import replace

import pytest
from tests.core.ailing import stuck, unready
from tests.core.fleet import (
    SILENT,
    at,
    gateway,
    gateways,
    isolated,
    once,
    pending,
    ranked,
    repair,
    resize,
    snapshot,
    spec,
    status,
    target,
    victim,
    window,
)
from tests.core.repairs import DOWN

from imchat_operator.core.decision import Outcome
from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import Snapshot, TargetClaimed, TargetMissing, Unreadable
from imchat_operator.models import Phase, Purpose

WATCHING = {"mode": "Observe"}
ADVISING = {"mode": "Recommend"}
STEP = 5
BEGIN = 600
END = 3600
LATER = END - BEGIN
TWO_INTERVALS = 20
EPOCH = 3
BUSY = spec(scaling={"scaleUp": [{"above": 70, "for": "1m"}]})
QUIET = spec(scaling={"scaleDown": [{"below": 30, "for": "1m"}]})
OPEN = window(once(at(-1), at(360_000)))


def after(found: Snapshot, refusal: str = "") -> tuple[int, int]:
    """Return the Events and the writes of an hour, from ten minutes on, if nothing moves.

    Each status is written as the leader of an epoch does it.
    """
    late_events: set[str] = set()
    known: set[str] = set()
    writes = 0
    for number in range(END // STEP):
        now = at(number * STEP)
        decision = decide(replace(found, now=now, sampled_at=now))
        written = decision.status.model_copy(update={"epoch": EPOCH})
        names = {e.receipt for e in decision.status.pending_events}
        if number * STEP > BEGIN:
            writes += written != found.history
            late_events |= names - known
        known |= names
        outcomes = tuple(Outcome(action=a, refused=refusal) for a in decision.actions)
        found = replace(found, history=written, outcomes=outcomes, posted=frozenset(known))
    return len(late_events), writes


PAUSED = [{"direction": "ScaleUp", "reason": "a load test"}]
BLANK = tuple(gateway(name, Unreadable(why="answered HTTP 404")) for name in "abcd")
SHRINKING = status(drains=(victim("d"),), resize=resize(4, 3))
LATE = status(drains=(repair("d", Phase.REPLACING),))


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(snapshot(), id="all is well"),
        pytest.param(snapshot(target=TargetMissing(why="there is none")), id="there is no target"),
        pytest.param(snapshot(target=TargetClaimed(by="first")), id="an older one has the target"),
        pytest.param(snapshot(gateways=(), target=target(replicas=0)), id="scaled to zero"),
        pytest.param(snapshot(gateways=(*gateways("ab"), pending("c"))), id="one stays pending"),
        pytest.param(
            snapshot(gateways=(*gateways("abc"), pending("d", unschedulable="no node fits"))),
            id="no node takes one",
        ),
        pytest.param(
            snapshot(gateways=(*gateways(), stuck("e")), target=target(replicas=4)),
            id="one does not go",
        ),
        pytest.param(
            snapshot(gateways=(*gateways("abc"), unready("d")), spec=spec(healing=WATCHING)),
            id="one is ill, and that is only watched",
        ),
        pytest.param(
            snapshot(gateways=(*gateways("abc"), unready("d")), spec=spec(healing=ADVISING)),
            id="one is ill, and a repair is only recommended",
        ),
        pytest.param(
            snapshot(gateways=(*gateways("abc"), gateway("d", SILENT)), dependencies=(DOWN,)),
            id="one hangs while what it needs is down",
        ),
        pytest.param(
            snapshot(
                gateways=(*gateways("abcd"), isolated("e", 0, released="v1", quarantine="INC-7")),
                target=target(replicas=4),
                history=status(
                    drains=(repair("e", Phase.QUARANTINED, purpose=Purpose.QUARANTINE),)
                ),
            ),
            id="one is in quarantine",
        ),
        pytest.param(
            snapshot(gateways=(*gateways("ab"), gateway("c", SILENT), gateway("d", SILENT))),
            id="a storm",
        ),
        pytest.param(
            snapshot(gateways=(*gateways("abc"), gateway("d", SILENT)), windows=(OPEN,)),
            id="a hang while a window is open",
        ),
        pytest.param(
            snapshot(target=target(replicas=4), gateways=gateways("abc"), history=LATE),
            id="a replacement that never comes",
        ),
        pytest.param(
            snapshot(gateways=BLANK, spec=spec(scaling={"fallback": {"replicas": 4}})),
            id="a load that stays unknown, with its fallback",
        ),
        pytest.param(snapshot(gateways=gateways("abcd", 0)), id="a load of nothing but zeros"),
        pytest.param(snapshot(autoscalers=("HorizontalPodAutoscaler web",)), id="another's target"),
        pytest.param(
            snapshot(target=target(manager="argocd-controller"), history=status(replicas=3)),
            id="another manager's number",
        ),
    ],
)
def test_what_does_not_change_is_neither_told_nor_written_again(found: Snapshot) -> None:
    assert after(found) == (0, 0)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(
            snapshot(gateways=(*gateways("abc"), ranked("d")), history=SHRINKING), id="a scale-down"
        ),
        pytest.param(
            snapshot(gateways=(*gateways("abc"), isolated("d", 0)), history=SHRINKING),
            id="a rank for deletion",
        ),
    ],
)
def test_what_is_refused_again_and_again_is_neither_told_nor_written_again(
    found: Snapshot,
) -> None:
    assert after(found, "forbidden") == (0, 0)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(snapshot(gateways=gateways("abcd", 750), spec=BUSY), id="growth refused"),
        pytest.param(snapshot(gateways=gateways("a", 750)), id="growth to the minimum refused"),
        pytest.param(snapshot(gateways=gateways("abcd", 100), spec=QUIET), id="a drain refused"),
        pytest.param(
            snapshot(gateways=gateways("abcd", 100), spec=QUIET, windows=(OPEN,)),
            id="a scale-down held by a window",
        ),
        pytest.param(
            snapshot(
                gateways=gateways("abcd", 750),
                spec=spec(scaling={"mode": "Recommend", "scaleUp": [{"above": 70, "for": "1m"}]}),
            ),
            id="growth that is recommended",
        ),
        pytest.param(
            snapshot(
                gateways=gateways("abcd", 750),
                spec=spec(scaling={"pauses": PAUSED, "scaleUp": [{"above": 70, "for": "1m"}]}),
            ),
            id="growth that is paused",
        ),
    ],
)
def test_a_streak_that_goes_on_is_written_every_second_interval_and_not_told(
    found: Snapshot,
) -> None:
    events, writes = after(found, "forbidden")
    assert events == 0
    # Growth that is refused is decided anew after four intervals, which is one write more.
    assert 0 < writes <= LATER / TWO_INTERVALS + LATER / (2 * TWO_INTERVALS)


def test_a_season_is_written_once_in_each_of_its_parts() -> None:
    assert after(snapshot(spec=spec(scaling={"season": {"period": "24h"}}))) == (0, 3)
