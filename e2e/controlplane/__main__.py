"""The command line: `python -m controlplane up|down|status`.

Standard output of `up` is one line for the shell, `export KUBECONFIG=...`; all else goes to
standard error. Exit status: 0 done (for `status`: something is up), 1 not, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys

from .console import shown
from .errors import ControlPlaneError
from .instance import AlreadyUpError, Instance, LocalState, State
from .locations import CONTEXT_VARIABLE, STATE_VARIABLE, named_context, state_folder
from .versions import ETCD, KUBERNETES, PROGRAMS

_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command and give its exit status."""
    options = _parser().parse_args(arguments)
    # A polite end and a closed terminal are to end what is under way as Ctrl-C does, and that also
    # where a shell that runs this in the background has SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    instance = Instance(state_folder())
    try:
        return int(options.run(instance, options))
    except ControlPlaneError as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        _say("Stopped; nothing of it is left running.")
        return _INTERRUPTED


def _up(instance: Instance, options: argparse.Namespace) -> int:
    context = options.context or named_context()
    try:
        if context is None:
            _start(instance, options)
        else:
            _announce(instance.use_context(context, allow_any=options.allow_any_context))
    except AlreadyUpError as already:
        if already.state.context != context:
            raise
        _say("Already up, with the flags of its own start.")
        _announce(already.state)
    return 0


def _start(instance: Instance, options: argparse.Namespace) -> None:
    flags: dict[str, list[str]] = {}
    for program, flag in options.flags:
        flags.setdefault(program, []).append(flag)
    with shown() as on_progress:
        instance.start(
            on_progress,
            _announce,
            foreground=options.foreground,
            audit=options.audit,
            flags=flags,
        )


def _down(instance: Instance, _: argparse.Namespace) -> int:
    with shown() as on_progress:
        state = instance.stop(on_progress)
    if state is None:
        _say("Nothing was up.")
    elif isinstance(state, LocalState):
        _say(f"Stopped the control plane on {state.running.server}.")
    else:
        _say(f"The context {state.context} is no longer used; its cluster is left as it is.")
    return 0


def _status(instance: Instance, _: argparse.Namespace) -> int:
    state = instance.state()
    if state is None:
        _tell("Nothing is up; `python -m controlplane up` starts a control plane.")
        return 1
    if not state.is_alive():
        _tell("The control plane ended by itself; `python -m controlplane down` clears it away.")
        _tell(instance.last_words() or "It was killed.")
        return 1
    _tell("\n".join(_description(state)))
    return 0


def _description(state: State) -> list[str]:
    if not isinstance(state, LocalState):
        return [
            f"Kubernetes {state.version} on {state.server}, your own cluster {state.context}",
            f"kubeconfig  {state.kubeconfig}",
        ]
    told = state.running
    processes = {"supervisor": state.pid, **told.pids}
    return [
        f"Kubernetes {told.version} on {told.server}",
        f"kubeconfig  {told.kubeconfig}",
        f"folder      {told.folder}",
        f"audit log   {told.audit_log or 'off'}",
        "pids        " + ", ".join(f"{name} {pid}" for name, pid in processes.items()),
        "ports       " + ", ".join(f"{name} {port}" for name, port in told.ports.items()),
    ]


def _announce(state: State) -> None:
    _say("\n".join(_description(state)[:2]))
    _tell(f"export KUBECONFIG={shlex.quote(state.kubeconfig)}")


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _flag(text: str) -> tuple[str, str]:
    program, _, flag = text.partition("=")
    if program not in PROGRAMS or not flag.startswith("--"):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not PROGRAM=--FLAG with a PROGRAM of {', '.join(PROGRAMS)}"
        )
    return program, flag


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m controlplane",
        description=f"A local Kubernetes {KUBERNETES} control plane (etcd {ETCD}) on loopback.",
        epilog=f"{STATE_VARIABLE} names another folder to remember what is up.",
    )
    commands = parser.add_subparsers(required=True, metavar="up|down|status")
    up = commands.add_parser("up", help="start it, or name a cluster to use")
    up.set_defaults(run=_up)
    up.add_argument("--foreground", action="store_true", help="stay; Ctrl-C ends it")
    up.add_argument(
        "--context", help=f"use this cluster of your kubeconfig (default: ${CONTEXT_VARIABLE})"
    )
    up.add_argument(
        "--allow-any-context",
        action="store_true",
        help="even if its name starts with neither kind- nor imchat-",
    )
    up.add_argument("--audit", action="store_true", help="write an audit log (Metadata level)")
    up.add_argument(
        "--flag",
        dest="flags",
        action="append",
        default=[],
        type=_flag,
        metavar="PROGRAM=--FLAG",
        help="a further flag of one program, such as kube-apiserver=--v=2",
    )
    commands.add_parser("down", help="end what up started").set_defaults(run=_down)
    commands.add_parser("status", help="what is up").set_defaults(run=_status)
    return parser


if __name__ == "__main__":
    sys.exit(main())
