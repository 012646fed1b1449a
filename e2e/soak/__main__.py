"""The command line: `python -m soak --minutes 60 --seed 1 -o soak.json`.

Exit status: 0 all checks held, 1 one did not, 130 stopped.
"""

import argparse
import json
import os
import platform
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import controlplane
import loopback_node
from controlplane.console import shown
from harness import Namespace, OperatorProcess, Users
from harness.benchmark import BEGUN, INTERRUPTED, save, say
from harness.waiting import wait_for
from soak import checks
from soak.checks import Check
from soak.faults import Kind, Planned, Theatre, plan, tried
from soak.fleet import GATEWAYS, LASTING, LASTING_CLIENTS, manifests
from soak.table import table
from soak.watch import Watch
from soak.weeks import WEEK_SECONDS, load, most

_NODES = 5
_UP_SECONDS = 300.0
_CALM_SECONDS = 180.0
_KILLS_SHARE = 0.4
_USERS = ("--interval", "8", "--patience", "10", "--speed", "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """All that a soak has, at work."""

    version: str
    theatre: Theatre
    watch: Watch


def main() -> int:
    """Run the command line; the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    options = _parser().parse_args()
    seconds = options.minutes * 60
    say(f"Seed {options.seed}, {options.minutes:g} minutes.")
    try:
        with _set_up(options.minutes, options.seed) as soak:
            _suffer(soak, plan(seconds, seconds * _KILLS_SHARE, options.seed), seconds)
            found = _verdicts(soak)
    except KeyboardInterrupt:
        say("Stopped; nothing is told of a part.")
        return INTERRUPTED
    summary = _summary(soak, options, found)
    save(options.output, json.dumps(summary, indent=1) + "\n")
    sys.stdout.write(table(summary))
    return 0 if all(each.is_kept for each in found) else 1


@contextmanager
def _set_up(minutes: float, seed: int) -> Iterator[Soak]:
    """Control plane, nodes, gateways, operator, clients, somebody who looks on."""
    folder = Path(tempfile.mkdtemp(prefix="imchat-soak-"))
    say(f"The logs are in {folder}.")
    text = load(minutes + _CALM_SECONDS / 60, seed)
    trace = folder / "weeks.csv"
    trace.write_text(text, encoding="utf-8")
    flags = {
        "kube-controller-manager": ["--node-monitor-grace-period=10s", "--node-monitor-period=1s"]
    }
    with ExitStack() as stack:
        with shown() as on_progress:
            plane = stack.enter_context(controlplane.running(on_progress=on_progress, flags=flags))
        namespace = Namespace(kubeconfig=plane.kubeconfig, name="soak")
        namespace.create()
        namespace.install_crds()
        nodes = loopback_node.running(
            plane.kubeconfig,
            nodes=_NODES,
            lease_interval=2.0,
            restart_backoff=1.0,
            log=folder / "nodes.log",
            ready_within=_UP_SECONDS,
        )
        stack.enter_context(nodes)
        operator = OperatorProcess(plane.kubeconfig, namespace.name, folder / "operator.log")
        operator.start()
        stack.callback(_end_operator, operator)
        namespace.apply(*manifests())
        wait_for(
            lambda: len(tried(namespace.ready_pods())) == GATEWAYS,
            seconds=_UP_SECONDS,
            what="ready gateways",
        )
        options = ("--trace", str(trace), "--peak", str(most(text)), *_USERS)
        users = stack.enter_context(Users.connected(plane.kubeconfig, namespace.name, *options))
        lasting = ("--clients", str(LASTING_CLIENTS), "--selector", f"app={LASTING}")
        stack.enter_context(Users.connected(plane.kubeconfig, namespace.name, *lasting))
        wait_for(lambda: users.report().get("connected"), seconds=_UP_SECONDS, what="users")
        # A Namespace keeps one connection, which two threads can't share.
        watch = Watch(Namespace(kubeconfig=plane.kubeconfig, name="soak"), operator)
        stack.enter_context(watch.looking())
        yield Soak(
            version=plane.version,
            theatre=Theatre(
                namespace=namespace,
                users=users,
                operator=operator,
                api_pid=plane.pids["kube-apiserver"],
            ),
            watch=watch,
        )


def _end_operator(operator: OperatorProcess) -> None:
    if operator.pid is not None:
        operator.stop()


def _suffer(soak: Soak, planned: Sequence[Planned], seconds: float) -> None:
    """Let the faults happen, each at its time or when the one before it is over."""
    begun = time.monotonic()
    for each in planned:
        time.sleep(max(0.0, begun + each.after - time.monotonic()))
        if each.kind is Kind.OPERATOR:
            soak.watch.is_down_on_purpose.set()
        soak.theatre.strike(each)
        soak.watch.is_down_on_purpose.clear()
        done = soak.theatre.happened[-1]
        say(
            f"{done.kind} for {done.seconds:g} s: {len(done.victims)} gateways, {done.held} clients"
        )
    time.sleep(max(0.0, begun + seconds - time.monotonic()))


def _verdicts(soak: Soak) -> list[Check]:
    """Wait until all is calm, and judge."""
    theatre, watch = soak.theatre, soak.watch
    trouble = _end(theatre)
    reasons = Counter(theatre.namespace.reasons())
    report = theatre.users.report()
    return [
        checks.no_leak(checks.longest_life(watch.resources)),
        checks.no_drift(trouble, [s.status_bytes for s in watch.sights]),
        checks.no_unexplained_cut(int(report["dropped"]), theatre.happened),
        checks.no_lost_streak(watch.sights, reasons["StreakInterrupted"]),
        checks.windows_kept(watch.sights),
        checks.never_ended(watch.ended, theatre.happened),
    ]


def _end(theatre: Theatre) -> str:
    """Why all is not well within a time after the last fault; empty if it is."""
    last = ["nothing was seen"]

    def is_well() -> bool:
        namespace, report = theatre.namespace, theatre.users.report()
        pods, replicas = tried(namespace.items("/api/v1", "pods")), namespace.replicas()
        last[:] = checks.leftovers(pods, namespace.status(), replicas)
        if len(tried(namespace.ready_pods())) != replicas:
            last.append("not all gateways are ready")
        if report["connected"] < report["target"]:
            last.append(f"{report['target'] - report['connected']} clients have no connection")
        return not last

    try:
        wait_for(is_well, seconds=_CALM_SECONDS - 30, what="the calm")
    except TimeoutError:
        return "; ".join(last)
    return ""


def _summary(soak: Soak, options: argparse.Namespace, found: Sequence[Check]) -> dict[str, Any]:
    """What docs/soak.md is made of."""
    report, happened = soak.theatre.users.report(), soak.theatre.happened
    replicas = [s.replicas for s in soak.watch.sights]
    return {
        "seed": options.seed,
        "minutes": options.minutes,
        "weeks": round(options.minutes * 60 / WEEK_SECONDS, 1),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "kubernetes": soak.version,
        "operator": version("imchat-operator"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "nice": os.nice(0),
        "faults": dict(Counter(each.kind for each in happened)),
        "changesOfSize": sum(a != b for a, b in pairwise(replicas)),
        "users": {k: report[k] for k in ("opened", "returned", "left", "closed", "dropped")},
        "messages": {key: report[key] for key in ("sent", "echoed", "lost")},
        "checks": [asdict(each) for each in found],
        "resident": [[round(r.at - BEGUN), r.pid, r.resident] for r in soak.watch.resources[::20]],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m soak",
        description="Lives through simulated weeks under random faults, and checks what is left.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--minutes", type=float, default=60.0, help="how long, without the calm at the end")
    add("--seed", type=int, default=random.randrange(1_000_000), help="of load and faults")  # noqa: S311
    add("-o", "--output", type=Path, metavar="FILE", help="the summary as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
