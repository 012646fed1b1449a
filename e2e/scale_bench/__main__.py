"""The command line: `python -m scale_bench --part clusters -o scale.json`.

Progress goes to standard error, the Markdown tables to standard output, everything that was
measured to the JSON file, which is written as soon as it is. Figures that the file holds already
and that are not measured again stay.
Exit status: 0 all was measured, 1 something was not, 2 bad input, 130 stopped.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

from controlplane.versions import KUBERNETES, KWOK
from harness.benchmark import INTERRUPTED, context, save, say
from loopback_node.api import ApiError
from scale_bench import autoscalers, connections, fleet, ills, life, pods, turnover
from scale_bench.decisions import decided
from scale_bench.figures import Figure, Results, as_json, kept, together
from scale_bench.stage import stage
from scale_bench.table import tables

_TROUBLES = (AssertionError, TimeoutError, OSError, ApiError, ExceptionGroup)

Options = argparse.Namespace
Part = Callable[[Options], AsyncIterator[list[Figure]]]


async def _decisions(_: Options) -> AsyncIterator[list[Figure]]:
    yield decided()


async def _clusters(options: Options) -> AsyncIterator[list[Figure]]:
    """So many clusters, and at one size as many autoscalers on the same Deployments."""
    beside = options.autoscalers or max(options.clusters)
    async with stage(_folder()) as made:
        async for found in life.clusters(made, options.clusters, options.rest):
            yield found
            if found[0].size == beside:
                async for theirs in autoscalers.swept(made, fleet.names(beside), 5):
                    yield theirs


async def _pods(options: Options) -> AsyncIterator[list[Figure]]:
    async with stage(_folder()) as made:
        async for found in pods.watched(made, options.pods):
            yield found
        async for found in pods.unrelated(made, options.strangers):
            yield found


async def _ills(options: Options) -> AsyncIterator[list[Figure]]:
    async with stage(_folder()) as made:
        async for found in ills.suffered(made, options.ills):
            yield found


async def _generations(options: Options) -> AsyncIterator[list[Figure]]:
    async with stage(_folder()) as made:
        async for found in turnover.generations(made, options.generations):
            yield found


async def _quiet(options: Options) -> AsyncIterator[list[Figure]]:
    """Few clusters for a long time."""
    async with stage(_folder()) as made:
        async for found in life.quiet(made, options.quiet):
            yield found


async def _connections(options: Options) -> AsyncIterator[list[Figure]]:
    """Real clients on real gateways."""
    for found in connections.moved(_folder(), options.connections):
        yield found


PARTS: Final[dict[str, Part]] = {
    "decisions": _decisions,
    "clusters": _clusters,
    "pods": _pods,
    "ills": _ills,
    "quiet": _quiet,
    "generations": _generations,
    "connections": _connections,
}


def main() -> int:
    """Run the command line; the exit status."""
    # A polite end is to end what was started as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = _parser().parse_args()
    try:
        known = kept(options.output)
    except ValueError as error:
        say(str(error))
        return 2
    failed = False
    try:
        for part in options.part or PARTS:
            known, is_whole = asyncio.run(_measured(part, options, known))
            failed |= not is_whole
    except KeyboardInterrupt:
        say("Stopped; what was measured before is in the output file.")
        return INTERRUPTED
    sys.stdout.write(tables(known))
    return int(failed)


async def _measured(part: str, options: Options, known: Results) -> tuple[Results, bool]:
    """Measure a part so many times; the results with it, and whether all of it was measured."""
    runs: list[list[Figure]] = []
    results, is_whole = known, True
    for number in range(options.runs):
        say(f"{part}, run {number + 1} of {options.runs}")
        run: list[Figure] = []
        runs.append(run)
        try:
            async for found in PARTS[part](options):
                run.extend(found)
                for each in found:
                    say(f"{each.name} {each.size}: {each.values[0]:.4g}")
                results = known.with_run(part, _ran_on(options), together(runs))
                save(options.output, as_json(results))
        except _TROUBLES as error:
            say(f"{part}: {error!r}")
            is_whole = False
    return results, is_whole


def _ran_on(options: Options) -> dict[str, Any]:
    return context(KUBERNETES, kwok=KWOK, load=os.getloadavg()[0], restSeconds=options.rest)


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="imchat-scale-bench-"))
    say(f"The logs are in {folder}.")
    return folder


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scale_bench",
        description="Measures the operator with clusters and pods by the thousand.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--part", action="append", choices=list(PARTS), help="one part; may be repeated")
    add("--runs", type=int, default=1, help="how often each part is measured")
    add("--clusters", type=int, nargs="+", default=[100, 300, 1000], help="numbers of clusters")
    add(
        "--autoscalers",
        type=int,
        metavar="CLUSTERS",
        help="the one of these numbers that the HPA controller plays too (default: the largest)",
    )
    add("--pods", type=int, nargs="+", default=[100, 1000, 5000], help="numbers of watched pods")
    add("--strangers", type=int, default=5000, help="pods that belong to no fleet")
    add("--ills", type=int, default=100, help="clusters of which one gateway each is ill")
    add("--quiet", type=float, default=600.0, help="seconds for which 100 clusters rest")
    add("--generations", type=int, default=20_000, help="pods that come and go")
    add("--connections", type=int, default=20_000, help="WebSockets on ten gateways")
    add("--rest", type=float, default=60.0, help="seconds that are looked at while all is quiet")
    add("-o", "--output", type=Path, metavar="FILE", help="the results as JSON; added to")
    return parser


if __name__ == "__main__":
    sys.exit(main())
