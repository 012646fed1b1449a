"""`imchat`: what the operator would do, and why, from the command line.

`main` is the console script. It needs the extra `cli`; a plot needs `report`.
"""

import sys


def main() -> None:
    """Run the command line; without its libraries, say what to install."""
    try:
        from imchat_operator.cli.app import app  # noqa: PLC0415 -- the libraries are an extra
    except ModuleNotFoundError as error:
        if error.name not in {"icalendar", "rich", "typer"}:
            raise
        sys.exit(f"imchat needs the package {error.name}: pip install 'imchat-operator[cli]'")
    app()
