"""A run as a picture: load, and gateways, over time. Needs matplotlib, which is an extra."""

from collections.abc import Mapping
from html import escape
from importlib.util import find_spec
from io import StringIO
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from imchat_operator.simulation.playback import Run, Stretch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FORMATS = (".png", ".html")
# More can't be seen: of the stretches that share a bin, the one with the highest load is drawn.
_BINS = 2000
_LOAD_SHOWN = 150
_DAY = 86_400  # matplotlib's dates are days since 1970
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{margin:2em auto;max-width:1200px;font-family:sans-serif}}svg{{width:100%}}</style>
<h1>{title}</h1>
{svg}
</html>
"""


def check(path: Path) -> None:
    """Raise ValueError, with a sentence on what to do, if nothing can be drawn to a file."""
    if path.suffix not in _FORMATS:
        raise ValueError(f"--plot {path} must end in {' or '.join(_FORMATS)}")
    if not path.parent.is_dir():
        raise ValueError(f"--plot {path}: there is no directory {path.parent}, create it")
    if find_spec("matplotlib") is None:
        raise ValueError("--plot needs matplotlib: pip install 'imchat-operator[report]'")


def draw(runs: Mapping[str, Run], title: str) -> "Figure":
    """Return the picture of runs of the same load, by name; `check` comes first."""
    from matplotlib.figure import Figure  # noqa: PLC0415 -- an extra, and slow to import

    figure = Figure(figsize=(12, 7), layout="constrained")
    load, gateways = figure.subplots(2, 1, sharex=True)
    figure.suptitle(title)
    for name, run in runs.items():
        drawn = _thinned(run)
        times = [s.begin.timestamp() / _DAY for s in drawn]
        shown = [_percent(s, run.capacity) for s in drawn]
        load.plot(times, shown, drawstyle="steps-post", linewidth=0.8, label=name)
        sizes = [s.replicas for s in drawn]
        gateways.plot(times, sizes, drawstyle="steps-post", linewidth=1.2, label=name)
    for percent, style in ((70, ":"), (90, "--")):
        load.axhline(percent, color="grey", linestyle=style, linewidth=0.8)
    load.set_ylim(0, _LOAD_SHOWN)
    load.set_ylabel("load, % of the gateways in rotation")
    gateways.set_ylim(bottom=0)
    gateways.set_ylabel("gateways")
    gateways.xaxis_date()
    gateways.legend()
    return figure


def save(figure: "Figure", path: Path) -> None:
    """Write a picture as PNG, or as an HTML page that needs nothing else.

    Raises:
        OSError: the file can't be written.
    """
    if path.suffix == ".png":
        figure.savefig(path, format="png", dpi=120)
        return
    from matplotlib import rc_context  # noqa: PLC0415 -- as above

    svg = StringIO()
    with rc_context({"svg.hashsalt": "imchat"}):  # or else its ids are drawn by lot
        figure.savefig(svg, format="svg", metadata={"Date": None})
    drawing = svg.getvalue()
    page = _PAGE.format(title=escape(figure.get_suptitle()), svg=drawing[drawing.index("<svg") :])
    path.write_text(page, "utf-8")


def _thinned(run: Run) -> list[Stretch]:
    """Return at most so many stretches as can be seen, the most loaded ones."""
    begin = run.stretches[0].begin
    length = (run.stretches[-1].end - begin) / _BINS
    bins = groupby(run.stretches, key=lambda s: (s.begin - begin) // length)
    return [max(group, key=lambda s: _percent(s, run.capacity)) for _, group in bins]


def _percent(stretch: Stretch, capacity: int) -> float:
    if not stretch.serving:
        return _LOAD_SHOWN if stretch.wanted else 0
    return 100 * stretch.wanted / (capacity * stretch.serving)
