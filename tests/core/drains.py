"""Names, moments and drains of every kind: parts of snapshots."""

from datetime import datetime
from typing import Any

from hypothesis import strategies as st
from tests.core.fleet import at, drain

from imchat_operator.models import Drain, Phase, Purpose

NAMES = [f"gateway-{number}" for number in range(8)]


def moments(earliest: int = -120, latest: int = 0) -> st.SearchStrategy[datetime]:
    """Draw a moment by its seconds after noon."""
    return st.integers(earliest, latest).map(at)


@st.composite
def a_drain(draw: st.DrawFn, /, name: str, **fields: Any) -> Drain:
    since = draw(moments())
    record: dict[str, Any] = {
        "purpose": draw(st.sampled_from(Purpose)),
        "phase": draw(st.sampled_from(Phase)),
        "silent_since": draw(st.none() | moments()),
        "keep": draw(st.sampled_from([0, 100])),
        "blocked": draw(st.sampled_from(["", "it would violate the budget"])),
    }
    return drain(name, since=since, **{**record, **fields})


@st.composite
def drains(draw: st.DrawFn) -> tuple[Drain, ...]:
    names = draw(st.lists(st.sampled_from([*NAMES, "ghost"]), unique=True, max_size=4))
    return tuple(draw(a_drain(name)) for name in names)
