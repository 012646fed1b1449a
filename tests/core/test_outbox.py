"""What becomes of the Events of one cluster: which are one series, which are too many."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.fleet import at, on_cluster

from imchat_operator.core.decision import Dropped, Notice, Reason, Subject
from imchat_operator.core.outbox import BURST, REFILL, SPAN, STATES, Outbox, cut, outbox
from imchat_operator.core.status import ANNOUNCED
from imchat_operator.models import MOST_PENDING, MOST_SERIES, EventSeries, PendingEvent

STORM = on_cluster(Reason.STORM_GATE, "2 of 5 gateways are healthy", warning=True)
WORSE = replace(STORM, message="1 of 5 gateways are healthy")
OTHER = replace(STORM, message="the database is down")
GROWTH = on_cluster(Reason.SCALING_UP, "4 → 6 gateways: 83%")


def about(pod: str, notice: Notice = STORM) -> Notice:
    return replace(notice, about=f"uid-{pod}")


class ApiServer:
    """What an API server makes of an outbox: it has each Event once, at the most that it was."""

    def __init__(self) -> None:
        self.events: dict[str, PendingEvent] = {}

    def take(self, event: PendingEvent) -> str:
        """Take an Event, new or continued, and return the receipt."""
        known = self.events.get(event.name)
        if known is None or known.count < event.count:
            self.events[event.name] = event
        return event.receipt


def restored(box: Outbox) -> Outbox:
    """Return an outbox as it is read from the status that it was written to."""
    return Outbox(
        events=tuple(PendingEvent.model_validate(e.to_json(sparse=True)) for e in box.events),
        series=tuple(EventSeries.model_validate(s.to_json(sparse=True)) for s in box.series),
    )


def told(*moments: tuple[float, Notice]) -> list[tuple[int, str]]:
    """Return how often each Event was and what it says, once all is posted."""
    server, box = ApiServer(), Outbox()
    for number, (second, notice) in enumerate(moments):
        box = restored(outbox(replace(box, events=()), f"d{number}", (notice,), at(second)))
        for event in box.events:
            server.take(event)
    return [(e.count, e.message) for e in server.events.values()]


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        pytest.param([(0, STORM)], [(1, STORM.message)], id="once is one Event"),
        pytest.param(
            [(0, STORM), (60, WORSE), (120, STORM), (130, WORSE)],
            [(4, WORSE.message)],
            id="the same with other figures is a series, which says the latest",
        ),
        pytest.param(
            [(0, STORM), (599, STORM), (1198, STORM)],
            [(3, STORM.message)],
            id="a series lasts as long as the pauses in it are short",
        ),
        pytest.param(
            [(0, STORM), (600, STORM)],
            [(1, STORM.message), (1, STORM.message)],
            id="what is long ago is no part of it",
        ),
        pytest.param(
            [(0, STORM), (1, OTHER), (2, STORM)],
            [(1, STORM.message), (1, OTHER.message), (1, STORM.message)],
            id="something else in between ends it, so that the order stays true",
        ),
        pytest.param(
            [(0, about("a")), (1, about("b")), (2, about("a")), (3, about("b"))],
            [(2, STORM.message), (2, STORM.message)],
            id="each gateway has a series of its own",
        ),
        pytest.param(
            [(0, STORM), (1, replace(STORM, subject=Subject(kind="Pod", name="a", uid="a")))],
            [(1, STORM.message), (1, STORM.message)],
            id="and each object",
        ),
        pytest.param(
            [(0, STORM), (1, replace(STORM, type="Normal"))],
            [(1, STORM.message), (1, STORM.message)],
            id="a warning does not turn into none",
        ),
        pytest.param(
            [(0, GROWTH), (1, GROWTH)],
            [(1, GROWTH.message), (1, GROWTH.message)],
            id="each change has an Event of its own",
        ),
    ],
)
def test_what_is_a_series(
    moments: list[tuple[float, Notice]], expected: list[tuple[int, str]]
) -> None:
    assert told(*moments) == expected


def test_a_series_keeps_the_name_and_the_first_time_of_its_first_event() -> None:
    first = outbox(Outbox(), "d1", (STORM,), at(0))
    second = outbox(replace(first, events=()), "d2", (WORSE,), at(60))
    (begun,), (continued,) = first.events, second.events
    assert continued == begun.model_copy(
        update={
            "message": WORSE.message,
            "at": at(60),
            "since": at(0),
            "count": 2,
            "decision": "d2",
        }
    )
    assert begun.receipt != continued.receipt


def test_what_is_not_posted_yet_is_replaced_by_what_it_has_become() -> None:
    first = outbox(Outbox(), "d1", (STORM, GROWTH), at(0))
    second = outbox(first, "d2", (STORM,), at(60))
    assert [(e.reason, e.count) for e in second.events] == [("ScalingUp", 1), ("StormGate", 2)]


def test_a_pass_without_anything_to_tell_changes_nothing() -> None:
    before = replace(outbox(Outbox(), "d1", (STORM,), at(0)), events=())
    assert outbox(before, "d2", (), at(100_000)) == before


FLOOD = [replace(STORM, message=f"cause {chr(ord('a') + n)}") for n in range(26)]
RECORDED = [(1, notice.message) for notice in FLOOD[:BURST]]


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        pytest.param(
            [(n, FLOOD[n]) for n in range(BURST + 3)],
            RECORDED,
            id="ten different ones at once, and no more",
        ),
        pytest.param(
            [*((n, FLOOD[n]) for n in range(BURST + 3)), (61, FLOOD[20])],
            [*RECORDED, (1, "cause u (3 more not recorded)")],
            id="one more after a minute, which says how many were not",
        ),
        pytest.param(
            [*((n, FLOOD[n]) for n in range(BURST + 3)), (61, FLOOD[20]), (62, FLOOD[20])],
            [*RECORDED, (2, "cause u")],
            id="once that is said it is not said again",
        ),
        pytest.param(
            [*((n, FLOOD[n]) for n in range(BURST + 1)), (20, FLOOD[BURST - 1])],
            [*RECORDED[:-1], (2, "cause j (1 more not recorded)")],
            id="a series goes on for all that, and says so too",
        ),
        pytest.param(
            [
                *((n, FLOOD[n]) for n in range(BURST + 1)),
                *((n, FLOOD[BURST - 1]) for n in (20, 21)),
            ],
            [*RECORDED[:-1], (3, "cause j")],
            id="and says it once, too",
        ),
        pytest.param(
            [*((n, FLOOD[n]) for n in range(BURST + 1)), (20, about("a")), (21, about("b"))],
            [*RECORDED, (1, STORM.message), (1, STORM.message)],
            id="no gateway suffers from another",
        ),
        pytest.param(
            [(n, replace(n_th, reason=Reason.GATEWAY_EVICTED)) for n, n_th in enumerate(FLOOD)],
            [(1, notice.message) for notice in FLOOD],
            id="what was done is always recorded",
        ),
    ],
)
def test_what_is_too_much(
    moments: list[tuple[float, Notice]], expected: list[tuple[int, str]]
) -> None:
    assert told(*moments) == expected


def test_what_is_dropped_is_told_of() -> None:
    found = outbox(Outbox(), "d1", tuple(FLOOD), at(0))
    assert len(found.events) == BURST
    assert found.dropped == (Dropped(reason="StormGate", cause="RateLimited"),) * (26 - BURST)


def test_the_oldest_go_when_too_many_wait() -> None:
    first = outbox(Outbox(), "d1", (GROWTH,), at(0))
    second = outbox(first, "d2", (GROWTH,) * MOST_PENDING, at(1))
    assert [e.at for e in second.events] == [at(1)] * MOST_PENDING
    assert second.dropped == (Dropped(reason="ScalingUp", cause="Overflow"),)


def test_whether_a_condition_s_reason_can_flap_was_thought_about() -> None:
    # Each of these follows from something that a person wrote, or from a time that was set.
    assert {reason.value for reason in ANNOUNCED - STATES} == {
        "SpecInvalid",
        "WindowOpen",
        "WindowClosed",
        "WindowInvalid",
        "WindowEnded",
        "ShortNotice",
        "Approved",
        "ApprovalMissing",
        "ChecklistIncomplete",
        "ChecklistComplete",
    }


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param("x" * 1024, "x" * 1024, id="what fits is left alone"),
        pytest.param("x" * 1025, "x" * 1021 + "…", id="a word that is too long is cut"),
        pytest.param("word " * 300, ("word " * 204).strip() + "…", id="else at a word"),
        pytest.param("é" * 600, "é" * 510 + "…", id="never within a character"),
    ],
)
def test_a_message_is_cut_to_what_the_api_server_takes(message: str, expected: str) -> None:
    assert cut(message) == expected
    assert len(cut(message).encode()) <= 1024


def test_what_was_not_recorded_is_said_even_of_a_long_message() -> None:
    flood = outbox(Outbox(), "d1", tuple(FLOOD), at(0))
    long = replace(STORM, message="long " * 400)
    (event,) = outbox(replace(flood, events=()), "d2", (long,), at(61)).events
    assert event.message.endswith("long… (16 more not recorded)")
    assert len(event.message.encode()) <= 1024


REASONS = [Reason.STORM_GATE, Reason.GATEWAYS_NOT_READY, Reason.SCALING_UP]
NOTICES = st.builds(
    lambda reason, pod, text, figure: about(pod, on_cluster(reason, f"{text} {figure}%")),
    st.sampled_from(REASONS),
    st.sampled_from("ab"),
    st.sampled_from(["low", "high", "odd"]),
    st.integers(0, 99),
)
# Seconds since the pass before; what is told; how many are posted; whether the operator is killed
# then; and whether another one, which was the leader, posts what the pass before promised.
PASSES = st.lists(
    st.tuples(
        st.integers(0, 900),
        st.lists(NOTICES, max_size=3).map(tuple),
        st.integers(0, 5),
        st.booleans(),
        st.booleans(),
    ),
    max_size=30,
)


@given(PASSES)
def test_each_occurrence_is_counted_once_whoever_is_killed(passes: list[Any]) -> None:
    server, box, posted, now = ApiServer(), Outbox(), frozenset[str](), at(0)
    said = dropped = 0
    for number, (pause, notices, most, is_killed, is_haunted) in enumerate(passes):
        now += timedelta(seconds=pause)
        stale = box.events
        waiting = tuple(e for e in box.events if e.receipt not in posted)
        found = outbox(replace(box, events=waiting), f"d{number}", notices, now)
        box, said, dropped = restored(found), said + len(notices), dropped + len(found.dropped)
        assert len(box.events) <= MOST_PENDING
        assert len(box.series) <= MOST_SERIES
        assert len({e.name for e in box.events}) == len(box.events)
        posted = frozenset(server.take(e) for e in box.events[:most])
        if is_haunted:
            for event in stale:
                server.take(event)
        if is_killed:
            posted = frozenset()
    for event in box.events:
        server.take(event)
    assert sum(e.count for e in server.events.values()) == said - dropped


@given(st.lists(st.integers(0, 20), min_size=30, max_size=150))
def test_new_events_of_a_state_are_limited_however_it_flaps(pauses: list[int]) -> None:
    box, now, names = Outbox(), at(0), set[str]()
    for number, pause in enumerate(pauses):
        now += timedelta(seconds=pause)
        box = outbox(replace(box, events=()), f"d{number}", (FLOOD[number % 26],), now)
        names |= {e.name for e in box.events}
    assert len(names) <= BURST + (now - at(0)) / REFILL


def test_what_is_remembered_is_bounded_and_forgotten() -> None:
    crowd = tuple(about(f"{n}") for n in range(2 * MOST_SERIES))
    found = outbox(Outbox(), "d1", crowd, at(0))
    assert len(found.series) == MOST_SERIES
    later = outbox(replace(found, events=()), "d2", (GROWTH,), at(SPAN.total_seconds()))
    assert later.series == ()
