"""Plans as words, their course, and what a stream makes of a fault."""

import json

import pytest

from faults.plans import LONG, OF_STORAGE, Channel, Course, Fault, Kind, fault_of
from faults.seeds import plan_of
from faults.streams import Stream


def test_a_fault_is_a_word_and_back() -> None:
    for kind in Kind:
        fault = Fault(kind=kind, at=3)
        assert fault_of(str(fault)) == fault


@pytest.mark.parametrize("word", ["conflict", "conflict@0", "conflict@x", "nothing@1", ""])
def test_what_is_no_fault_is_refused_with_what_to_write(word: str) -> None:
    with pytest.raises(ValueError, match="write KIND@N with one of conflict"):
        fault_of(word)


def test_a_course_counts_each_channel_from_when_it_is_armed() -> None:
    course = Course((fault_of("conflict@2"), fault_of("read-cut@1"), fault_of("gone@9")))
    assert course.next(Channel.WRITE) is None
    course.arm()
    taken = [course.next(c) for c in (Channel.WRITE, Channel.READ, Channel.WRITE, Channel.WRITE)]
    assert taken == [None, Kind.READ_CUT, Kind.CONFLICT, None]
    assert course.rest == (fault_of("gone@9"),)


def test_a_seed_stands_for_one_plan_and_seeds_for_many() -> None:
    assert str(plan_of(17)) == str(plan_of(17))
    plans = [plan_of(seed) for seed in range(300)]
    assert len({str(plan) for plan in plans}) > 250
    kinds = {fault.kind for plan in plans for fault in plan.faults}
    assert kinds == set(Kind) - {*LONG, *OF_STORAGE}


def _line(uid: str, number: int) -> bytes:
    body = {"type": "MODIFIED", "object": {"metadata": {"uid": uid}, "number": number}}
    return json.dumps(body, separators=(",", ":")).encode() + b"\n"


def _stream(fault: str, *, is_of_pods: bool = True) -> Stream:
    course = Course((fault_of(fault),))
    course.arm()
    return Stream(course, is_of_pods=is_of_pods)


async def _all(stream: Stream, *lines: bytes) -> list[bytes]:
    return [passed for line in lines for passed in [p async for p in stream.delivered(line)]]


async def test_swapped_events_are_of_different_objects() -> None:
    one, other = _line("a", 1), _line("b", 2)
    assert await _all(_stream("watch-swapped@1"), one, other) == [other, one]
    same = _line("a", 2)
    assert await _all(_stream("watch-swapped@1"), one, same) == [one, same]


async def test_an_event_that_was_kept_back_comes_if_no_other_does() -> None:
    stream = _stream("watch-swapped@1")
    assert await _all(stream, _line("a", 1)) == []
    assert stream.patience is not None
    assert stream.overdue() == _line("a", 1)
    assert stream.patience is None


async def test_what_is_swallowed_ends_with_410_and_nothing_can_be_watched_on() -> None:
    stream = _stream("watch-swallowed@1")
    assert await _all(stream, _line("a", 1), _line("a", 2)) == []
    assert json.loads(stream.overdue())["object"]["code"] == 410
    assert stream.is_broken
    assert stream.is_gone


@pytest.mark.parametrize(
    ("fault", "codes", "is_gone"),
    [("gone@1", [410], True), ("gone-http@1", [], True), ("watch-cut@1", [], False)],
)
async def test_a_watch_ends_before_the_event(fault: str, codes: list[int], is_gone: bool) -> None:  # noqa: FBT001 -- a table's
    stream = _stream(fault)
    passed = await _all(stream, _line("a", 1))
    assert [json.loads(line)["object"]["code"] for line in passed] == codes
    assert stream.is_broken
    assert stream.is_gone is is_gone


async def test_of_pods_all_is_missed_until_one_was_deleted() -> None:
    stream, deleted = _stream("watch-missed@2"), _line("b", 2).replace(b"MODIFIED", b"DELETED")
    passed = await _all(stream, _line("a", 1), _line("b", 1), _line("a", 2), deleted)
    assert passed[0] == _line("a", 1)
    assert [json.loads(line)["object"].get("code") for line in passed[1:]] == [410]
    assert stream.is_broken


async def test_what_is_counted_by_pods_happens_to_no_other_watch() -> None:
    stream = _stream("watch-missed@1", is_of_pods=False)
    assert await _all(stream, _line("a", 1), _line("a", 2)) == [_line("a", 1), _line("a", 2)]


async def test_a_compaction_breaks_a_watch_and_does_not_tell_why() -> None:
    stream = _stream("compacted@1")
    assert await _all(stream, _line("a", 1)) == []
    assert stream.is_broken
    assert stream.is_forgotten
    assert not stream.is_gone
