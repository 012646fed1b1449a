"""The commands of `imchat`, by name."""

import typer

from imchat_operator.cli.simulate import simulate
from imchat_operator.cli.windows import windows

app = typer.Typer(
    name="imchat",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(simulate)
app.command()(windows)


@app.callback()
def imchat() -> None:
    """See what the operator would do about a fleet of gateways, before it does it."""
