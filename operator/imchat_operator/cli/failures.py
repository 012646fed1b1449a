"""What goes wrong on a command line: one sentence each, and the exit code that scripts see."""

from enum import IntEnum

from typer.exceptions import TyperException


class Code(IntEnum):
    """What a command ends with; docs/cli.md has the same table."""

    OK = 0
    NO = 1  # asked and answered, and the answer is no: not ready, not confirmed, not in time
    WRONG = 2  # what was written: an option, a name, a file
    UNASKED = 3  # the API server can't be reached, or refuses


class Failure(TyperException):
    """A command can't do its work; the text says why, and what to do."""

    def __init__(self, message: str, code: int = Code.WRONG) -> None:
        super().__init__(message)
        self.exit_code = int(code)


class Unreachable(Failure):
    """The API server does not answer, which may pass."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Code.UNASKED)
