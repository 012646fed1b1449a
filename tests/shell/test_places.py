"""Places: so many at a time, in turn, and nobody for ever."""

import asyncio

import pytest

from imchat_operator.shell.places import Places

LONG = 60.0


class Room:
    """Who is in, and who ever was at the same time."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self.now: set[str] = set()
        self.most = 0
        self.order: list[str] = []

    async def stay(self, who: str, until: asyncio.Event) -> None:
        """Hold a place until something happens."""
        async with self._places.one():
            self.order.append(who)
            self.now.add(who)
            self.most = max(self.most, len(self.now))
            await until.wait()
            self.now.remove(who)


async def settled() -> None:
    """Let all go on that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_places_are_given_in_the_order_of_asking() -> None:
    room, over = Room(Places(2, longest=LONG)), asyncio.Event()
    tasks = [asyncio.create_task(room.stay(who, over)) for who in "abcde"]
    await settled()
    assert room.now == {"a", "b"}
    over.set()
    await asyncio.gather(*tasks)
    assert (room.most, room.order) == (2, list("abcde"))


async def test_who_holds_one_for_long_holds_up_nobody() -> None:
    room, never, over = Room(Places(1, longest=0.01)), asyncio.Event(), asyncio.Event()
    hung = asyncio.create_task(room.stay("hung", never))
    await settled()
    async with asyncio.timeout(10):
        over.set()
        await room.stay("next", over)
    assert room.now == {"hung"}
    never.set()
    await hung


async def test_a_place_that_was_taken_away_is_not_given_back_again() -> None:
    room, never, over = Room(Places(1, longest=0.2)), asyncio.Event(), asyncio.Event()
    late = asyncio.create_task(room.stay("late", over))
    next_ones = [asyncio.create_task(room.stay(who, never)) for who in "ab"]
    async with asyncio.timeout(10):
        while "a" not in room.now:  # noqa: ASYNC110 -- time gives it the place
            await asyncio.sleep(0.01)
        over.set()
        await late
    await settled()
    assert room.now == {"a"}
    never.set()
    await asyncio.gather(*next_ones)


async def test_who_is_cancelled_leaves_a_place() -> None:
    room, never, over = Room(Places(1, longest=LONG)), asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(room.stay("first", never))
    waiting = asyncio.create_task(room.stay("waiting", never))
    await settled()
    for task in (waiting, first):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    over.set()
    async with asyncio.timeout(10):
        await room.stay("next", over)
