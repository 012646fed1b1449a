"""`imchat pause` and `imchat resume`: automation that a person does not want for now."""

from enum import StrEnum
from typing import Annotated

import typer

from imchat_operator.cli.cluster import Cluster, Place
from imchat_operator.cli.failures import Code, Failure
from imchat_operator.cli.fleet import CLUSTERS, bodies, plain
from imchat_operator.cli.options import Context, Kubeconfig, Namespace, cluster_names
from imchat_operator.models import PAUSES, WindowAction


class What(StrEnum):
    """What can be paused."""

    SCALE_UP = "scale-up"
    SCALE_DOWN = "scale-down"
    HEALING = "healing"


_ACTIONS = {
    What.SCALE_UP: WindowAction.SCALE_UP,
    What.SCALE_DOWN: WindowAction.SCALE_DOWN,
    What.HEALING: WindowAction.HEALING,
}

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The ImChatCluster.", autocompletion=cluster_names)
]
Only = Annotated[
    list[What] | None,
    typer.Option("--only", help="Only this; may be repeated. Without it: all three."),
]


def pause(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, and whom to ask; it is shown.")],
    only: Only = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Pause scaling up, scaling down and healing of a fleet, until `imchat resume`.

    A scale-down that is under way is undone; a repair that is under way is finished.
    """
    if not reason.strip():
        raise Failure("--reason must say something: it is all that the next one on duty sees")
    what = _named(only)
    place = Place(kubeconfig=kubeconfig, context=context, namespace=namespace)
    with Cluster.at(place) as cluster:
        _annotate(cluster, name, dict.fromkeys(what, reason.strip()))
    typer.echo(f"{name}: {', '.join(what)} paused: {reason.strip()}")


def resume(
    name: Name,
    only: Only = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """End pauses of a fleet. Ends with 1 if its spec still has one, which only an edit ends."""
    what = _named(only)
    place = Place(kubeconfig=kubeconfig, context=context, namespace=namespace)
    with Cluster.at(place) as cluster:
        _annotate(cluster, name, dict.fromkeys(what))
        (body,) = bodies(cluster, name)
    actions = {str(_ACTIONS[w]) for w in what}
    left = [p for p in plain(body).paused if p.what in actions]
    if left:
        told = "; ".join(f"{p.what} by {p.by} ({p.reason})" for p in left)
        raise Failure(f"{name} is still paused: {told}: edit its spec", Code.NO)
    typer.echo(f"{name}: {', '.join(what)} not paused")


def _named(only: list[What] | None) -> tuple[What, ...]:
    return tuple(dict.fromkeys(only or What))


def _annotate(cluster: Cluster, name: str, values: dict[What, str] | dict[What, None]) -> None:
    bodies(cluster, name)  # says so if there is none
    annotations = {PAUSES[_ACTIONS[what]]: value for what, value in values.items()}
    cluster.change(cluster.custom(CLUSTERS, name), {"metadata": {"annotations": annotations}})
