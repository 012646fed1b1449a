"""Waiting on conditions, never on time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_TICK_SECONDS = 0.2


def wait_for(
    call: Callable[[], T | None],
    *,
    seconds: float = 30.0,
    what: str = "it",
    tick: float = _TICK_SECONDS,
) -> T:
    """Call, so many seconds after the last answer, until the answer is true, and return it.

    Raises:
        TimeoutError: no answer was true in time.
    """
    deadline = time.monotonic() + seconds
    while not (answer := call()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not so within {seconds:g}s; last answer: {answer!r}")
        time.sleep(tick)
    return answer
