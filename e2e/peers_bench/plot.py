"""The picture of a run: what was wanted, what served, and who was without a connection."""

from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from peers_bench.course import HOT, WARM
from peers_bench.results import Run
from peers_bench.setting import CAPACITY, SPEED
from peers_bench.subjects import SUBJECTS


def save(run: Run, title: str, file: Path) -> None:
    """Write a run's picture as SVG: for each subject, clients and what its gateways can hold."""
    shown = [subject for subject in SUBJECTS if subject.name in run.curves]
    with rc_context({"svg.hashsalt": "imchat", "svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=(9, 1.9 * len(shown)), layout="constrained")
        figure.suptitle(title)
        panels = figure.subplots(len(shown), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for panel, subject in zip(panels, shown, strict=True):
            seconds, wanted, connected, serving, _ = zip(*run.curves[subject.name], strict=True)
            hours = [each * SPEED / 3600 for each in seconds]
            for percent, style in ((100, "-"), (HOT, "--"), (WARM, ":")):
                held = [each * CAPACITY * percent / 100 for each in serving]
                panel.step(hours, held, style, where="post", color="tab:blue", linewidth=0.8)
            panel.plot(hours, wanted, color="black", linewidth=0.8)
            panel.fill_between(hours, connected, wanted, color="tab:red")
            panel.set_title(subject.title, loc="left", fontsize=8)
        panels[0].set_ylim(bottom=0)  # of all, which share it
        panels[-1].set_xlabel("hours of the trace")
        figure.supylabel("clients: wanted (black), without a connection (red), capacity (blue)")
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, format="svg", metadata={"Date": None})
