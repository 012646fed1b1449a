"""The command line: `python -m healing_bench -o results.json`.

Progress goes to standard error, the Markdown table to standard output, everything that was measured
to the JSON file, which is written after each scenario. Figures that the file holds already and
that are not measured again stay, so that the sides can be measured one at a time.
Exit status: 0 all was measured, 1 something was not, 2 bad input, 130 stopped.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue

from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from harness.benchmark import INTERRUPTED, context, save, say
from harness.namespace import KubectlError
from healing_bench.figures import Figures, Results, Setting, Side, as_json, kept
from healing_bench.measure import measured
from healing_bench.scenarios import SCENARIOS, Scenario
from healing_bench.stage import NODES, Stage, played, stage
from healing_bench.table import table, troubles

_GATEWAYS, _CAPACITY = 5, 3000
_TROUBLES = (AssertionError, TimeoutError, OSError, KubectlError, ApiException, HTTPError)
"""What one scenario may fail with, and the next may not."""


def main() -> int:
    """Run the command line; the exit status."""
    # A polite end is to end what was started as Ctrl-C does, in the background too.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    options = _parser().parse_args()
    setting = Setting(
        clients=options.clients, gateways=_GATEWAYS, capacity=_CAPACITY, cap=options.cap
    )
    try:
        known = kept(options.output, setting)
    except ValueError as error:
        say(str(error))
        return 2
    try:
        results = _all(options, setting, known)
    except KeyboardInterrupt:
        say("Stopped; what was measured before is in the output file.")
        return INTERRUPTED
    sys.stdout.write(table(results, {s.name: s.title for s in SCENARIOS}))
    failed = troubles(results.figures)
    say("\n".join(failed) or "All was measured.")
    return 1 if failed else 0


def _all(options: argparse.Namespace, setting: Setting, known: tuple[Figures, ...]) -> Results:
    """Play what was chosen, as many at a time as there are lanes; keep each once it is measured."""
    folder = Path(tempfile.mkdtemp(prefix="imchat-healing-bench-"))
    say(f"The logs are in {folder}.")
    with ExitStack() as stack:
        workers = stack.enter_context(ThreadPoolExecutor(options.lanes))
        # Before they are waited for: what goes on without a control plane ends at once.
        made = stack.enter_context(stage(folder, setting, options.lanes))
        stack.callback(workers.shutdown, wait=False, cancel_futures=True)
        free = Queue[str]()
        for lane in made.lanes:
            free.put(lane)
        ran_on = context(made.version, lanes=len(made.lanes), nodes=NODES)
        results = Results(setting=setting, context=ran_on, figures=known)
        chosen = _chosen(options.only, options.side)
        plays = [workers.submit(_one, made, free, *each) for each in chosen]
        for play in as_completed(plays):
            results = results.with_figures(play.result())
            save(options.output, as_json(results))
    return results


def _chosen(names: Sequence[str], side: str) -> Iterator[tuple[Scenario, Side]]:
    sides = tuple(Side) if side == "both" else (Side(side),)
    for scenario in SCENARIOS:
        if not names or scenario.name in names:
            yield from ((scenario, each) for each in sides)


def _one(stage: Stage, free: Queue[str], scenario: Scenario, side: Side) -> Figures:
    """The figures of one scenario on one side in a free lane, or why there are none."""
    lane = free.get()
    try:
        return _played(stage, lane, scenario, side)
    finally:
        free.put(lane)


def _played(stage: Stage, lane: str, scenario: Scenario, side: Side) -> Figures:
    say(f"{scenario.name}, {side}: begins")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    found = Figures(scenario=scenario.name, side=side, measured_at=now, trouble="it did not begin")
    try:
        with played(stage, scenario, side, lane) as play:
            names = ", ".join(v.name for v in play.case.victims)
            say(f"{scenario.name}, {side}: {names} will fail")
            log = stage.folder / f"{scenario.name}-{side}.jsonl"
            seen = measured(scenario, play.case, play.watch, stage.setting.cap, log)
            play.assert_lives()
            found = seen
            say(_line(found))
    except _TROUBLES as error:
        say(f"{scenario.name}, {side}: {error!r}")
        return replace(found, trouble=repr(error)) if found.trouble else found
    return found


def _line(found: Figures) -> str:
    return (
        f"{found.scenario}, {found.side}: noticed {found.detected} ({found.detected_by}), whole "
        f"{found.restored}, pod gone {found.cleared}; {found.cut} cut, {found.moved} moved, "
        f"{found.lost} lost, {found.most_without} without; {found.deleted} deleted, "
        f"{found.restarted} restarted, {found.bystanders} bystanders; watched {found.watched}, "
        f"load {found.load}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m healing_bench",
        description="Plays every failure class with the operator and with plain Kubernetes.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    names = [scenario.name for scenario in SCENARIOS]
    add = parser.add_argument
    add("--only", action="append", default=[], choices=names, help="one scenario; may be repeated")
    add("--side", choices=[*Side, "both"], default="both", help="with or without the operator")
    add("--clients", type=_count, default=5000, help="live WebSocket clients")
    add("--cap", type=float, default=420.0, help="seconds after which a service is given up")
    add("--lanes", type=_count, default=2, help="how many scenarios are played at a time")
    add("-o", "--output", type=Path, metavar="FILE", help="the results as JSON; added to")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
