"""`imchat drain` and `imchat quarantine`: what a person asks of one gateway."""

import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

import typer

from imchat_operator.cli.cluster import Cluster, Json, Place
from imchat_operator.cli.failures import Code, Failure
from imchat_operator.cli.fleet import CLUSTERS, Fleet, body_of, plain, pods_of
from imchat_operator.cli.options import Cancel, Context, Kubeconfig, Namespace, Pod, Yes
from imchat_operator.cli.output import printable
from imchat_operator.cli.simulate import length
from imchat_operator.models import DRAIN, QUARANTINE
from imchat_operator.units import duration_text

_PAUSE_SECONDS = 1.0


def drain(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    pod: Pod,
    cancel: Cancel = False,  # noqa: FBT002 -- a flag of the command
    yes: Yes = False,  # noqa: FBT002 -- same
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end.")] = False,  # noqa: FBT002
    timeout: Annotated[
        timedelta,
        typer.Option(parser=length, metavar="DURATION", show_default="30m", help="Longest --wait."),
    ] = timedelta(minutes=30),
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Have a gateway drained, evicted and replaced properly.

    It passes windows, pauses and modes, and waits for the storm gate and the disruption budget.
    Ends with 1 if it was not confirmed, was undone, or did not end in time.
    """
    place = Place(kubeconfig=kubeconfig, context=context, namespace=namespace)
    with Cluster.at(place) as cluster:
        found, owner = _gateway_of(cluster, pod)
        if cancel:
            _take_back(cluster, found, DRAIN)
            return
        _confirm(f"Drain {pod} of {owner.name}, and replace it?", is_meant=yes)
        _annotate(cluster, found, DRAIN, "true")
        typer.echo(f"{pod} will be drained and replaced; `imchat drain {pod} --cancel` undoes it")
        if wait:
            _follow(cluster, found, owner, timeout)


def quarantine(  # noqa: PLR0913, PLR0917 -- each is an option of the command
    pod: Pod,
    reason: Annotated[
        str, typer.Option(help="Why, for those who find it; needed unless --cancel.")
    ] = "",
    cancel: Cancel = False,  # noqa: FBT002 -- a flag of the command
    yes: Yes = False,  # noqa: FBT002 -- same
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Have a gateway drained and kept for forensics, out of rotation and out of the count.

    With --cancel it is given up: it is evicted.
    """
    if not reason and not cancel:
        raise Failure("why? Add --reason, such as --reason 'heap dump for INC-7'")
    place = Place(kubeconfig=kubeconfig, context=context, namespace=namespace)
    with Cluster.at(place) as cluster:
        found, owner = _gateway_of(cluster, pod)
        if cancel:
            _take_back(cluster, found, QUARANTINE)
            return
        _confirm(f"Drain {pod} of {owner.name}, and keep it in quarantine?", is_meant=yes)
        _annotate(cluster, found, QUARANTINE, reason)
        typer.echo(f"{pod} will be drained and kept; `imchat quarantine {pod} --cancel` ends it")


def _gateway_of(cluster: Cluster, name: str) -> tuple[Json, Fleet]:
    """Return a pod, and the fleet that it is a gateway of.

    Raises:
        Failure: there is no such pod, or it is of no fleet.
    """
    found = cluster.found(cluster.core("pods", name))
    if found is None:
        why = f"namespace {cluster.namespace} has no pod {name}"
        raise Failure(f"{why}: `imchat status` lists the gateways")
    for body in cluster.items(cluster.custom(CLUSTERS)):
        owner = plain(body)
        named = pods_of(cluster, owner, {"fieldSelector": f"metadata.name={name}"})
        if any(p["metadata"]["uid"] == found["metadata"]["uid"] for p in named):
            return found, owner
    raise Failure(
        f"{name} belongs to no ImChatCluster of namespace {cluster.namespace}, so nobody would "
        "drain it: use `kubectl delete pod` or `kubectl drain`"
    )


def _annotate(cluster: Cluster, pod: Json, key: str, value: str | None) -> None:
    """Set an annotation of the very pod that was looked at."""
    meta = pod["metadata"]
    changes = {"metadata": {"uid": meta["uid"], "annotations": {key: value}}}
    cluster.change(cluster.core("pods", meta["name"]), changes)


def _take_back(cluster: Cluster, pod: Json, key: str) -> None:
    name = pod["metadata"]["name"]
    if key not in pod["metadata"].get("annotations", {}):
        typer.echo(f"{name} was not asked for it: nothing is changed")
        return
    _annotate(cluster, pod, key, None)
    typer.echo(f"{name} is not asked for it any more")


def _confirm(question: str, *, is_meant: bool) -> None:
    if is_meant:
        return
    if not sys.stdin.isatty():
        raise Failure("there is nobody to confirm it: add --yes")
    if not typer.confirm(question, err=True):
        raise typer.Exit(Code.NO)


def _follow(cluster: Cluster, pod: Json, owner: Fleet, timeout: timedelta) -> None:
    """Print each change until the gateway is replaced.

    Args:
        cluster: where it is.
        pod: the gateway.
        owner: its fleet before it was asked for: repairs that it knows are not this one.
        timeout: how long to wait.

    Raises:
        Failure: it was not, or not in time.
    """
    deadline = time.monotonic() + timeout.total_seconds()
    before = ""
    while True:
        found = plain(body_of(cluster, owner.name))
        if _is_over(cluster, pod, found, owner):
            return
        for text in _progress(found, pod["metadata"]["uid"]):
            if text != before:
                before = text
                typer.echo(printable(text))
        if time.monotonic() > deadline:
            why = f"{pod['metadata']['name']} is not replaced after {duration_text(timeout)}"
            raise Failure(f"{why}: `imchat explain {owner.name}` says what it waits for", Code.NO)
        time.sleep(_PAUSE_SECONDS)


def _is_over(cluster: Cluster, pod: Json, found: Fleet, before: Fleet) -> bool:
    """Return whether it is done, and say by whom it was replaced.

    Raises:
        Failure: it was undone, or did not work out.
    """
    meta = pod["metadata"]
    known = {r.ended_at for r in before.status.remediations}
    records = found.status.remediations
    ended = [r for r in records if r.uid == meta["uid"] and r.ended_at not in known]
    if ended and ended[-1].outcome == "Failed":
        why = f"the repair of {meta['name']} failed"
        raise Failure(f"{why}: `kubectl describe imc {found.name}` says why", Code.NO)
    if ended:
        record = ended[-1]
        typer.echo(f"{meta['name']} is replaced by {record.by}, {record.cut} connections cut")
        return True
    if any(d.uid == meta["uid"] for d in found.status.drains):
        return False
    now = cluster.found(cluster.core("pods", meta["name"]))
    if now is None or now["metadata"]["uid"] != meta["uid"]:
        typer.echo(f"{meta['name']} is gone")
        return True
    if DRAIN not in now["metadata"].get("annotations", {}):
        raise Failure(f"somebody took the wish back: {meta['name']} stays", Code.NO)
    return False


def _progress(found: Fleet, uid: str) -> Iterator[str]:
    """Yield how far the drain has come, or what keeps it from beginning."""
    healing, blocked = found.condition("Healing"), found.condition("RemediationBlocked")
    for record in found.status.drains:
        if record.uid == uid:
            rest = f", blocked: {record.blocked}" if record.blocked else ""
            yield f"{record.pod} {record.phase}{rest}"
            return
    if blocked is not None and blocked.status == "True":
        yield f"waits: {blocked.message}"
    elif healing is not None:
        yield f"waits: {healing.message}"
