"""The command line: `python -m faults`.

    python -m faults one heal conflict@3 gone@12     one plan, with all that was written
    python -m faults plans "heal cut@3" "edit gone@9" several plans
    python -m faults clean                           every workload without any fault
    python -m faults trials --seeds 200              as many seeded plans
    python -m faults seed 17                         one of them again
    python -m faults kills                           kill -9 around every write
    python -m faults matrix                          each fault once in each workload
    python -m faults compacted                       410 as etcd gives it, once it has forgotten
    python -m faults planted                         which planted bugs are found
    python -m faults index                           what is found of a build by `@kopf.index`

Exit status: 0 nothing was found wrong (of `planted`: every bug was found), 1 something was, 2 bad
input, 130 stopped.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from faults.campaign import Campaign, is_unjudged
from faults.gateways import Ailment
from faults.plans import KILLS, LONG, OF_ORDERS, OF_STORAGE, Fault, Kind, fault_of
from faults.planted import BUGS, Bug, found_by, indexed, plan_of_words
from faults.seeds import plan_of
from faults.stage import Stage, staged
from faults.trial import Plan, Result
from faults.workloads import WORKLOADS, Workload

_INTERRUPTED = 130
_KILLED_IN = "heal,scale-up,scale-down,window,emergency"
_MIDDLE = 5
_COMPACTED_AT = (3, 15, 30)
# What a cache that never forgets stands, and what it does not.
_HARMLESS = ("", "conflict@3", "conflict@9", "watch-cut@9", "kill-answered@6", "kill-answered@12")
_OF_CACHES = (
    *(f"kill-stale@{at}" for at in (9, 12, 15)),
    *(f"watch-missed@{at}" for at in (3, 4, 5)),
    *(f"watch-swallowed@{at}" for at in (13, 16, 19, 22)),
)


def main() -> int:
    """Run the command line; the exit status."""
    options = _parser().parse_args()
    try:
        return asyncio.run(_run(options))
    except ValueError as error:
        print(error, file=sys.stderr)  # noqa: T201 -- this is a command line
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED


async def _run(options: argparse.Namespace) -> int:
    folder = Path(tempfile.mkdtemp(prefix="imchat-faults-"))
    _say(f"The operators' logs are in {folder}.")
    command: Callable[[Stage, argparse.Namespace], Awaitable[int]] = options.command
    async with staged(folder, is_cached=options.is_cached) as stage:
        return await command(stage, options)


async def _one(stage: Stage, options: argparse.Namespace) -> int:
    faults = tuple(map(fault_of, options.faults))
    plan = Plan(
        workload=_workload(options.workload), faults=faults, gateways=Ailment(options.gateways)
    )
    return await _told(Campaign(stage, 1), [plan], options)


async def _plans(stage: Stage, options: argparse.Namespace) -> int:
    plans = list(map(plan_of_words, options.plans))
    return await _told(Campaign(stage, options.jobs), plans, options)


async def _clean(stage: Stage, options: argparse.Namespace) -> int:
    """Play each workload twice without any fault: whether the second ends as the first."""
    plans = [Plan(workload=_workload(name)) for name in options.workloads.split(",")]
    return await _told(Campaign(stage, options.jobs), plans, options)


async def _seed(stage: Stage, options: argparse.Namespace) -> int:
    return await _told(Campaign(stage, 1), [plan_of(options.seed)], options)


async def _trials(stage: Stage, options: argparse.Namespace) -> int:
    seeds = range(options.first, options.first + options.seeds)
    plans = [plan_of(seed) for seed in seeds]
    _say(f"seeds {seeds.start} to {seeds.stop - 1}")
    names = {id(plan): f"seed {seed}" for seed, plan in zip(seeds, plans, strict=True)}
    return await _told(Campaign(stage, options.jobs), plans, options, names)


async def _kills(stage: Stage, options: argparse.Namespace) -> int:
    campaign = Campaign(stage, options.jobs)
    workloads = [_workload(name) for name in options.workloads.split(",")]
    made = await asyncio.gather(*map(campaign.kills, workloads))
    plans = [plan for some in made for plan in some]
    return await _told(campaign, plans, options)


async def _matrix(stage: Stage, options: argparse.Namespace) -> int:
    left_out = {*KILLS, *OF_STORAGE} if options.long else {*KILLS, *OF_STORAGE, *LONG}
    plans = [
        Plan(workload=w, faults=(Fault(kind=kind, at=1 if kind in OF_ORDERS else _MIDDLE),))
        for w in map(_workload, options.workloads.split(","))
        for kind in Kind
        if kind not in left_out
    ]
    drained = [WORKLOADS[name] for name in ("heal", "scale-down")]
    plans += [
        Plan(workload=w, gateways=ailment)
        for w in drained
        for ailment in (
            Ailment.IGNORES_DRAIN,
            Ailment.HANGS_IN_DRAIN,
            Ailment.DIES_IN_DRAIN,
            Ailment.LIES_IN_DRAIN,
        )
    ]
    return await _told(Campaign(stage, options.jobs), plans, options)


async def _compacted(stage: Stage, options: argparse.Namespace) -> int:
    """Have etcd forget all at an early, a middle and a late event of each workload."""
    plans = [
        Plan(workload=w, faults=(Fault(kind=Kind.COMPACTED, at=at),))
        for w in map(_workload, options.workloads.split(","))
        for at in _COMPACTED_AT
    ]
    return await _told(Campaign(stage, options.jobs), plans, options)


async def _index(stage: Stage, options: argparse.Namespace) -> int:
    """Play one workload on the build by `@kopf.index`: what harms it must be found, and no more."""
    of_caches, harmless = (
        [plan_of_words(f"{options.workload} {words}") for words in found]
        for found in (_OF_CACHES, _HARMLESS)
    )
    async with indexed(stage, Campaign(stage, options.jobs), options.jobs) as campaign:
        _say("Without a fault, and with those that no cache minds:")
        is_wrong = await _told(campaign, harmless, options)
        _say("With those of lists and watches:")
        is_found = await _told(campaign, of_caches, options)
    return int(bool(is_wrong) or not is_found)


async def _planted(stage: Stage, options: argparse.Namespace) -> int:
    bugs = [bug for bug in BUGS if not options.names or bug.name in options.names]
    rows: dict[str, str | None] = {}
    free, sound = asyncio.Semaphore(options.jobs), Campaign(stage, options.jobs)

    async def tried(bug: Bug) -> None:
        async with free:
            why = await found_by(stage, sound, bug)
        missed = "NOT FOUND" if why is not None else "NOT JUDGED: the machine was too busy"
        _say(f"{bug.name}: {f'found by {why}' if why else missed}")
        rows[bug.name] = why
        if options.output:  # at once, as all together take some minutes
            _written(options.output, rows)

    await asyncio.gather(*map(tried, bugs))
    found = [why for why in rows.values() if why]
    _say(f"{len(found)} of {len(bugs)} planted bugs were found.")
    return 0 if len(found) == len(bugs) else 1


async def _told(
    campaign: Campaign,
    plans: Sequence[Plan],
    options: argparse.Namespace,
    names: dict[int, str] | None = None,
) -> int:
    """Play plans, tell of those that went wrong, and sum up."""
    begun, results = time.monotonic(), list[Result]()
    async for result in campaign.results(plans):
        results.append(result)
        words = f"{(names or {}).get(id(result.plan), '')} python -m faults one {result.plan}"
        for violation in result.discarded:
            _say(f"AGAIN {words}: {violation}")
        if result.violations:
            _say(f"{'STARVED' if is_unjudged(result) else 'WRONG'} {words}  ({result.log})")
            for violation in result.violations:
                _say(f"    {violation}")
        if options.verbose:
            _say(_story(result))
    if options.output:
        _written(options.output, list(map(_row, results)))
    return _summed_up(results, time.monotonic() - begun)


def _summed_up(results: Sequence[Result], spent: float) -> int:
    """Say what came of all; return the exit status."""
    starved = sum(map(is_unjudged, results))
    failed = sum(bool(r.violations) for r in results) - starved
    discarded = sum(len(r.discarded) for r in results)
    planned = sum(len(r.plan.faults) for r in results)
    pending = sum(len(r.pending) for r in results)
    lateness = [r.lateness for r in results]
    _say(f"{len(results)} trials in {spent:.0f}s, {failed} with violations.")
    if starved:
        _say(f"{starved} more can't be judged: the machine was too busy, each time.")
    if discarded:
        _say(f"{discarded} were wrong while the machine was too busy, and were played again.")
    if pending:
        _say(f"Of {planned} faults {pending} never had their turn: less was written or read.")
    half, most = statistics.median(lateness), max(lateness)
    _say(f"The harness was late by {half:.1f}s of 5s in half of them, by {most:.1f}s at most.")
    return 1 if failed or starved else 0


def _written(output: Path, rows: object) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _row(result: Result) -> dict[str, object]:
    return {
        "plan": str(result.plan),
        "seconds": round(result.seconds, 1),
        "lateness": round(result.lateness, 2),
        "discarded": [str(v) for v in result.discarded],
        "violations": [str(v) for v in result.violations],
        "counts": result.counts,
        "pending": [str(fault) for fault in result.pending],
        "operators": len({c.operator for c in result.calls}),
        "footprints": [asdict(one) for one in result.footprints],
    }


def _story(result: Result) -> str:
    lines = [
        f"  {c.at:7.2f} {c.operator} {c.method:6} {c.path.split('/', 5)[-1]} {c.status}"
        for c in result.calls
    ]
    return "\n".join([f"{result.plan} took {result.seconds:.1f}s {result.counts}", *lines])


def _workload(name: str) -> Workload:
    if name not in WORKLOADS:
        raise ValueError(f"{name!r} is no workload: there are {', '.join(WORKLOADS)}")
    return WORKLOADS[name]


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 -- this is a command line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__.partition("\n")[0])
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--jobs", type=int, default=8, help="trials at a time")
    common.add_argument("--output", type=Path, help="a JSON file with one row for each trial")
    common.add_argument("--verbose", action="store_true", help="show every write")
    commands = parser.add_subparsers(required=True)

    def command(
        name: str, run: Callable[[Stage, argparse.Namespace], Awaitable[int]]
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, parents=[common])
        made.set_defaults(command=run, is_cached=True)
        return made

    one = command("one", _one)
    one.add_argument("workload")
    one.add_argument("faults", nargs="*")
    one.add_argument("--gateways", default=Ailment.NONE, choices=list(Ailment))
    command("plans", _plans).add_argument("plans", nargs="+")
    clean = command("clean", _clean)
    clean.add_argument("--workloads", default=",".join(WORKLOADS))
    command("seed", _seed).add_argument("seed", type=int)
    trials = command("trials", _trials)
    trials.add_argument("--seeds", type=int, default=200)
    trials.add_argument("--first", type=int, default=0)
    kills = command("kills", _kills)
    kills.add_argument("--workloads", default=_KILLED_IN)
    matrix = command("matrix", _matrix)
    matrix.add_argument("--workloads", default=",".join(WORKLOADS))
    matrix.add_argument("--long", action="store_true", help="those too that take minutes")
    compacted = command("compacted", _compacted)
    compacted.set_defaults(is_cached=False)
    compacted.add_argument("--workloads", default=",".join(WORKLOADS))
    command("planted", _planted).add_argument("names", nargs="*")
    command("index", _index).add_argument("--workload", default="heal")
    return parser


if __name__ == "__main__":
    sys.exit(main())
