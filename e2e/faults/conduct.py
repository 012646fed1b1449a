"""What must hold of the operators themselves: oracles of how they end, rest, and ask.

As those of `faults.oracles`: pure functions of a history, which return what is wrong in sentences.
"""

from collections import Counter
from collections.abc import Iterator

from faults.history import History

_MORE_DESCRIPTORS, _MORE_THREADS, _MORE_MEMORY = 4, 1, 4 << 10
# An object that has changed, or is gone, is read again: that may happen as often as it changes.
_REFUSED, _OF_RACES = 400, {404, 409}
_MOST_REFUSALS, _MOST_RACES = 6, 40


def quiet_at_the_end(history: History) -> Iterator[str]:
    """Once all has settled nothing is written but the Lease."""
    late = [c for c in history.writes if c.at > history.moments.settled]
    if late:
        yield f"{len(late)} writes after all had settled, such as {late[0].method} {late[0].path}"


def no_crash(history: History) -> Iterator[str]:
    """No operator ends by itself, and none logs an exception that it did not expect."""
    counts = Counter(history.crashes)
    yield from (f"{what} ({count} times)" for what, count in counts.items())


def nothing_left_behind(history: History) -> Iterator[str]:
    """An operator that lived through it all has in use what it had before, or about as much."""
    if history.footprints is None:
        return
    before, after = history.footprints
    if after.descriptors > before.descriptors + _MORE_DESCRIPTORS:
        yield f"{after.descriptors} open files, {before.descriptors} before"
    if after.threads > before.threads + _MORE_THREADS:
        yield f"{after.threads} threads, {before.threads} before"
    if after.memory > before.memory + _MORE_MEMORY:
        yield f"{after.memory} KiB of memory, {before.memory} before"


def no_hammering(history: History) -> Iterator[str]:
    """What the API server refuses is not asked for again and again."""
    refused = (c for c in history.calls if c.status >= _REFUSED)
    counts = Counter((c.method, c.path, c.status in _OF_RACES) for c in refused)
    for (method, target, is_race), count in counts.items():
        if count > (_MOST_RACES if is_race else _MOST_REFUSALS):
            yield f"{method} {target} was refused {count} times"
