"""`imchat`, also as `kubectl imchat`: what the operator does and why, from the command line.

The functions are console scripts. They need the extra `cli`; a plot needs `report`.
"""

import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path

_PLUGIN = "kubectl-imchat"
# What kubectl is to do with completions: cobra's directive for "no file names".
_NO_FILES = ":4"


def main() -> None:
    """Run the command line; without its libraries, say what to install."""
    is_plugin = Path(sys.argv[0]).stem == _PLUGIN
    _run("kubectl imchat" if is_plugin else "imchat")


def complete() -> None:
    """Tell kubectl how the last word of a command line can go on (`kubectl_complete-imchat`)."""
    *words, last = sys.argv[1:] or [""]
    line = shlex.join(["imchat", *words])
    os.environ |= {
        "_IMCHAT_COMPLETE": "complete_fish",  # one value a line, a tab, its help: as kubectl's
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": f"{line} {shlex.quote(last) if last else ''}",
    }
    with suppress(SystemExit):
        _run("imchat")
    sys.stdout.write(f"{_NO_FILES}\n")


def _run(name: str) -> None:
    try:
        from imchat_operator.cli.app import app  # noqa: PLC0415 -- the libraries are an extra
    except ModuleNotFoundError as error:
        if error.name not in {"icalendar", "rich", "typer"}:
            raise
        sys.exit(f"imchat needs the package {error.name}: pip install 'imchat-operator[cli]'")
    app(prog_name=name)
