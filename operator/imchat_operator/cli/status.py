"""`imchat status` and `imchat explain`: what is, what is waited for, and why."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from imchat_operator.cli.cluster import Cluster, Place
from imchat_operator.cli.documents import Document, explanation_document, status_document
from imchat_operator.cli.failures import Code, Failure
from imchat_operator.cli.fleet import Fleet, bodies, fleet, plain
from imchat_operator.cli.options import (
    Context,
    Everywhere,
    Format,
    Kubeconfig,
    Namespace,
    SomeCluster,
)
from imchat_operator.cli.output import Output, console, dumped
from imchat_operator.cli.views import explanation_view, status_view
from imchat_operator.cli.watching import Look, watch

Watch = Annotated[bool, typer.Option("--watch", "-w", help="Show every change, until Ctrl-C.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How fleets are shown."""

    view: Callable[[Fleet], RenderableType]
    document: Callable[[Fleet], Document]
    is_single: bool

    def shown(self, fleets: list[Fleet]) -> Look:
        """Return what a look at fleets shows, for people and for programs."""
        found = self.whole(fleets)
        return Look(view=Group(*map(self.view, fleets)), line=json.dumps(found, ensure_ascii=False))

    def whole(self, fleets: list[Fleet]) -> Any:
        """Return the document: an object if one was asked for by name, else a list."""
        documents = [self.document(found) for found in fleets]
        return documents[0] if self.is_single else documents


def status(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    name: SomeCluster = None,
    everywhere: Everywhere = False,  # noqa: FBT002 -- a flag of the command
    watching: Watch = False,  # noqa: FBT002 -- same
    output: Format = Output.TABLE,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show fleets: gateways, load, streaks, windows, what is waited for, the latest decisions.

    Ends with 1 if one of them is not Ready.
    """
    place = Place(kubeconfig=kubeconfig, context=context, namespace=namespace)
    form = _Form(view=status_view, document=status_document, is_single=name is not None)
    with Cluster.at(place) as cluster:

        def look() -> list[Fleet]:
            return [fleet(cluster, body) for body in _asked(cluster, name, everywhere=everywhere)]

        fleets = _show(look, form, output, is_watching=watching)
    if not all(found.is_ready for found in fleets):
        raise typer.Exit(Code.NO)


def explain(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    name: SomeCluster = None,
    everywhere: Everywhere = False,  # noqa: FBT002 -- a flag of the command
    watching: Watch = False,  # noqa: FBT002 -- same
    output: Format = Output.TABLE,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show why a fleet has the size that it has: every step and clamp, with its figures.

    It is what the operator itself recorded when it decided; nothing is computed anew.
    """
    place = Place(kubeconfig=kubeconfig, context=context, namespace=namespace)
    form = _Form(view=explanation_view, document=explanation_document, is_single=name is not None)
    with Cluster.at(place) as cluster:

        def look() -> list[Fleet]:
            return [plain(body) for body in _asked(cluster, name, everywhere=everywhere)]

        _show(look, form, output, is_watching=watching)


def _asked(cluster: Cluster, name: str | None, *, everywhere: bool) -> list[Any]:
    if name is not None and everywhere:
        raise Failure("a name is of one namespace: leave out either the name or -A")
    return bodies(cluster, name, everywhere=everywhere)


def _show(
    look: Callable[[], list[Fleet]], form: _Form, output: Output, *, is_watching: bool
) -> list[Fleet]:
    """Print what a look shows; return it, or nothing after a watch."""
    is_for_people = output is Output.TABLE
    if is_watching:
        if output is Output.YAML:
            raise Failure("--watch prints a table or one JSON line a change: use -o json")
        watch(lambda: form.shown(look()), console(), is_for_people=is_for_people)
        return []
    fleets = look()
    if is_for_people:
        console().print(form.shown(fleets).view)
    else:
        typer.echo(dumped(form.whole(fleets), output))
    return fleets
