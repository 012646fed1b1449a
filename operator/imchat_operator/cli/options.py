"""Options that several commands share, named as kubectl names its own."""

from pathlib import Path
from typing import Annotated

import typer

from imchat_operator.cli.cluster import Cluster, Place
from imchat_operator.cli.failures import Failure
from imchat_operator.cli.output import Output

_PANEL = "Which cluster"


def _connected(context: typer.Context) -> Cluster:
    """Return a session with the cluster that the options so far name."""
    given = context.params
    return Cluster.at(
        Place(
            kubeconfig=given.get("kubeconfig"),
            context=given.get("context"),
            namespace=given.get("namespace"),
        )
    )


def _names(context: typer.Context, kind: str) -> list[str]:
    """Return names to complete with; none where the cluster can't be asked."""
    try:
        with _connected(context) as cluster:
            path = cluster.core("pods") if kind == "pods" else cluster.custom(kind)
            return [item["metadata"]["name"] for item in cluster.items(path)]
    except Failure:
        return []


def cluster_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the ImChatClusters that a word can be completed to."""
    return [n for n in _names(ctx, "imchatclusters") if n.startswith(incomplete)]


def pod_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the pods that a word can be completed to."""
    return [n for n in _names(ctx, "pods") if n.startswith(incomplete)]


Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace", "-n", help="kubectl's current one by default.", rich_help_panel=_PANEL
    ),
]
Context = Annotated[
    str | None,
    typer.Option(help="A context of the kubeconfig.", rich_help_panel=_PANEL),
]
Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Instead of KUBECONFIG or ~/.kube/config.", rich_help_panel=_PANEL
    ),
]
Everywhere = Annotated[
    bool,
    typer.Option("--all-namespaces", "-A", help="In all namespaces.", rich_help_panel=_PANEL),
]
Format = Annotated[Output, typer.Option("--output", "-o", help="How to print it.")]
SomeCluster = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="The ImChatCluster; all of the namespace without it.",
        autocompletion=cluster_names,
    ),
]
Pod = Annotated[
    str, typer.Argument(metavar="POD", help="The gateway's pod.", autocompletion=pod_names)
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether it is meant.")]
Cancel = Annotated[bool, typer.Option("--cancel", help="Take the wish back.")]
