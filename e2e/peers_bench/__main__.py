"""The command line: `python -m peers_bench -o results.json`.

Progress goes to standard error, the Markdown tables to standard output, everything that was
measured to the JSON file, which is added to after each run. Exit status: 0 all was measured,
1 something was not, 2 bad input, 130 stopped.
"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from harness.benchmark import INTERRUPTED, context, save, say
from harness.namespace import KubectlError
from peers_bench import plot
from peers_bench.course import figures
from peers_bench.measure import played
from peers_bench.results import Run, as_json, kept, run_of
from peers_bench.setting import EVICTIONS_A_SECOND, PARTS, Part
from peers_bench.stage import stage
from peers_bench.subjects import SUBJECTS
from peers_bench.table import table

_TRACES = Path(__file__).resolve().parents[3] / "shared" / "traces"
_TROUBLES = (AssertionError, TimeoutError, OSError, KubectlError, ApiException, HTTPError)
"""What one run may fail with, and the next may not."""


def main() -> int:
    """Run the command line; the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    options = _parser().parse_args()
    parts = [p for p in PARTS if not options.part or p.name in options.part]
    missing = [p.file for p in parts if not (options.traces / p.file).exists()]
    try:
        runs = kept(options.output)
    except ValueError as error:
        say(str(error))
        return 2
    if missing and not options.show:
        say(f"{options.traces} lacks {', '.join(missing)}: name their folder with --traces.")
        return 2
    failed = False
    try:
        for part in [] if options.show else parts * options.runs:
            try:
                runs = (*runs, _run(part, options))
            except _TROUBLES as error:
                say(f"{part.name}: {error!r}")
                failed = True
            save(options.output, as_json(runs))
    except KeyboardInterrupt:
        say("Stopped; what was measured before is in the output file.")
        return INTERRUPTED
    _show(runs, options.plots)
    return 1 if failed else 0


def _show(runs: tuple[Run, ...], plots: Path | None) -> None:
    """Print the tables; draw the latest run of each part."""
    for part in PARTS:
        found = [run for run in runs if run.part == part.name]
        if not found:
            continue
        sys.stdout.write(f"### {part.title}\n\n{table(found)}\n")
        if plots:
            plot.save(found[-1], part.title, plots / f"side-by-side-{part.name}.svg")


def _run(part: Part, options: argparse.Namespace) -> Run:
    chosen = [s for s in SUBJECTS if not options.subject or s.name in options.subject]
    folder = Path(tempfile.mkdtemp(prefix="imchat-peers-bench-"))
    say(f"{part.name}: {part.seconds:.0f} s; the logs are in {folder}")
    with stage(folder, part, options.traces, chosen) as made:
        courses, busy = played(made, part, options.traces, say)
        ran_on = context(made.version, nodeEvictionsPerSecond=EVICTIONS_A_SECOND)
    found = {name: figures(course) for name, course in courses.items()}
    say(f"{part.name}: {busy.idle} % idle, {busy.niced} % of a lower priority")
    return run_of(part.name, ran_on, busy, courses, found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m peers_bench",
        description="Plays recorded loads on the operator and on the HPA at the same time.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    names = [part.name for part in PARTS]
    add("--part", action="append", default=[], choices=names, help="one part; may be repeated")
    subjects = [subject.name for subject in SUBJECTS]
    add("--subject", action="append", default=[], choices=subjects, help="one; may be repeated")
    add("--traces", type=Path, default=_TRACES, metavar="FOLDER", help="where the traces are")
    add("--runs", type=int, default=1, choices=range(1, 10), help="how often each part is played")
    add("--show", action="store_true", help="play nothing, show what the file holds")
    add("--plots", type=Path, metavar="FOLDER", help="where to draw each part's latest run")
    add("-o", "--output", type=Path, metavar="FILE", help="the results as JSON; added to")
    return parser


if __name__ == "__main__":
    sys.exit(main())
