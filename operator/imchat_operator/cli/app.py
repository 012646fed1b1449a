"""The commands of `imchat`, by name; and how all of them tell what is wrong: in one line."""

from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from imchat_operator.cli.failures import Failure
from imchat_operator.cli.output import printable
from imchat_operator.cli.pauses import pause, resume
from imchat_operator.cli.requests import drain, quarantine
from imchat_operator.cli.simulate import simulate
from imchat_operator.cli.status import explain, status
from imchat_operator.cli.windows import windows


class Commands(TyperGroup):
    """Ends a command that can't do its work with one sentence and its exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except TyperException as error:
            told = " ".join(error.format_message().split())
            # What typer itself refuses is about usage; a Failure says already what to do.
            asked = getattr(error, "ctx", None) or ctx
            hint = "" if isinstance(error, Failure) else f" (see {asked.command_path} --help)"
            typer.echo(printable(f"{told}{hint}"), err=True)
            raise typer.Exit(error.exit_code) from None


app = typer.Typer(
    name="imchat",
    cls=Commands,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (status, explain, drain, quarantine, pause, resume, windows, simulate):
    app.command()(command)


@app.callback(invoke_without_command=True)
def imchat(ctx: typer.Context) -> None:
    """See what the operator does about a fleet of gateways, and why; and ask it for something.

    Exit codes: 0 done; 1 the answer is no; 2 something written is wrong; 3 the API server can't be
    reached, or refuses.
    """
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
