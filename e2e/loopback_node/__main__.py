"""The command: `python -m loopback_node --kubeconfig FILE --nodes N`.

Prints one JSON line to standard output once its nodes can take pods, logs to standard error, and
runs until SIGINT, SIGTERM or, with --until-stdin-closes, the end of its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from kubernetes.aio.config import ConfigException

from loopback_node.addresses import AddressesExhaustedError
from loopback_node.play import Settings, play

_MOST_NODES = 200
_MOST_SECONDS = 300.0


def main() -> int:
    """Run the command line; gives the exit status."""
    arguments = _arguments()
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s.%(msecs)03d %(levelname)s loopback-node %(message)s",
        datefmt="%H:%M:%S",
    )
    settings = Settings(
        kubeconfig=arguments.kubeconfig,
        nodes=arguments.nodes,
        prefix=arguments.prefix,
        schedule=arguments.scheduler,
        lease_interval=arguments.lease_interval,
        restart_backoff=arguments.restart_backoff,
    )
    try:
        asyncio.run(_until_told(settings, tied_to_stdin=arguments.until_stdin_closes))
    except (AddressesExhaustedError, ConfigException, OSError) as error:
        sys.stderr.write(f"loopback_node: {error}\n")
        return 1
    return 0


async def _until_told(settings: Settings, *, tied_to_stdin: bool) -> None:
    """Play until a signal, or the end of standard input, says stop."""
    playing = asyncio.ensure_future(play(settings, lambda block: _announce(settings, block)))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, playing.cancel)
    if tied_to_stdin:
        loop.add_reader(sys.stdin.fileno(), _read_stdin, loop, playing)
    with suppress(asyncio.CancelledError):
        await playing


def _read_stdin(loop: asyncio.AbstractEventLoop, playing: asyncio.Future[None]) -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        loop.remove_reader(sys.stdin.fileno())
        playing.cancel()


def _announce(settings: Settings, block: str) -> None:
    sys.stdout.write(json.dumps({"ready": settings.names, "addresses": block}) + "\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m loopback_node",
        description="Plays kubelet for some Nodes: pods run as processes on loopback addresses.",
    )
    parser.add_argument("--kubeconfig", type=_file, required=True, metavar="FILE")
    parser.add_argument("--nodes", type=_count, default=3, metavar="N")
    parser.add_argument("--prefix", default="imchat-node", help="Nodes are called PREFIX-0, ...")
    parser.add_argument(
        "--no-scheduler",
        dest="scheduler",
        action="store_false",
        help="leave binding pods to a scheduler",
    )
    parser.add_argument(
        "--lease-interval",
        type=_seconds,
        default=10.0,
        metavar="SECONDS",
        help="how often a Node's Lease is renewed (it lasts four times that)",
    )
    parser.add_argument(
        "--restart-backoff",
        type=_seconds,
        default=10.0,
        metavar="SECONDS",
        help="CrashLoopBackOff's first wait; it doubles up to 300 s",
    )
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="stop when standard input ends, as it does when the parent dies",
    )
    return parser.parse_args()


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_NODES:
        raise argparse.ArgumentTypeError(f"{text} is no number from 1 to {_MOST_NODES}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0, at most 300")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
