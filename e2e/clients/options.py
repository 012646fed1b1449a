"""The command line of `python -m clients`, read and checked."""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clients.balancer import PROPAGATION_SECONDS, Endpoint
from clients.bank_calls import bank_calls
from clients.fleet import check_size
from clients.trace import Trace, csv_trace, moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where the gateways are, what load to play, how the users behave. Times are seconds."""

    kubeconfig: Path | None
    namespace: str
    selector: str
    port: int
    propagation_delay: float
    endpoints: tuple[Endpoint, ...]
    """Used where there is no kubeconfig."""
    trace: Trace | None
    clients: int
    """The highest number of clients of the trace, or the constant number without one."""
    speed: float
    interval: float
    patience: float


def options_from(arguments: Sequence[str]) -> Options:
    """The options; exits with status 2 and a sentence where argparse finds a mistake.

    Raises:
        ValueError: one sentence for mistakes that argparse does not see.
    """
    given = _parser().parse_args(arguments)
    if (given.kubeconfig is None) == (not given.endpoint):
        raise ValueError("say where the gateways are: either --kubeconfig or --endpoint")
    check_size(given.peak if given.clients is None else given.clients)
    return Options(
        kubeconfig=given.kubeconfig,
        namespace=given.namespace,
        selector=given.selector,
        port=given.port,
        propagation_delay=given.propagation_delay,
        endpoints=tuple(given.endpoint or ()),
        trace=_trace(given) if given.clients is None else None,
        clients=given.peak if given.clients is None else given.clients,
        speed=given.speed,
        interval=given.interval,
        patience=given.patience,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m clients",
        description="Plays users against gateways and prints what they feel, a JSON line a second.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument_group("gateways, those of a cluster or a fixed list").add_argument
    add("--kubeconfig", type=Path, help="watch the pods of this cluster")
    add("--namespace", default="default", help="the pods' namespace")
    add("--selector", default="app=gateway", help="the pods' labels")
    add("--port", type=int, default=8080, help="the pods' port")
    add(
        "--propagation-delay",
        type=_positive,
        default=PROPAGATION_SECONDS,
        metavar="SECONDS",
        help="how late clients hear of a pod's readiness",
    )
    add("--endpoint", type=_endpoint, action="append", metavar="HOST:PORT", help="a gateway")
    add = parser.add_argument_group("load, a trace or a constant number of clients").add_argument
    add("--clients", type=int, metavar="N", help="a constant number, until stopped")
    add(
        "--trace",
        default="bank_calls",
        help="bank_calls (weekdays from 07:00 to 21:05, of 2003) or a CSV file timestamp,value",
    )
    add("--from", dest="start", type=moment, metavar="TIME", help="first row")
    add("--hours", type=_positive, help="how much of the trace to play")
    add("--speed", type=_positive, default=300.0, help="times as fast as life")
    add("--peak", type=int, default=1000, metavar="N", help="clients at the highest value played")
    add = parser.add_argument_group("users").add_argument
    add("--interval", type=_positive, default=5.0, help="mean seconds between a user's messages")
    add("--patience", type=_positive, default=5.0, help="seconds that a user waits for an echo")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _endpoint(text: str) -> Endpoint:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return Endpoint(name=text, host=host, port=int(port))


def _trace(given: argparse.Namespace) -> Trace:
    whole = bank_calls() if given.trace == "bank_calls" else csv_trace(Path(given.trace))
    return whole.part(given.start, given.hours)
