"""The failures: how each is brought about, and what would come after it in life.

What an `inject`, a step or `again` does goes through kubectl, the API server and the gateways' own
faults. Nodes are cut off by the loopback node's annotation.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from harness import Namespace
from harness.waiting import wait_for
from healing_bench.figures import Side
from healing_bench.watch import Life, Sample
from loopback_node import ALIVE, CUT_OFF, DEAD

_FINALIZER = "example.com/archive"
_SPOT_TAINT = "aws-node-termination-handler/spot-itn"
_SPOT_SECONDS = 30.0
_OUTAGE_SECONDS = 150.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A gateway that is to fail: its pod, the pod's present life, and its node."""

    name: str
    life: Life
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One scenario on one side: where, and who is to fail."""

    namespace: Namespace
    side: Side
    victims: tuple[Victim, ...]


Deed = Callable[[Case], None]


def _nothing(_case: Case, _sample: Sample) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happens so many seconds after the injection."""

    after: float
    do: Deed


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One failure class.

    Attributes:
        name: for the command line.
        title: for the table.
        inject: brings it about.
        victims: how many gateways fail; 0 for all.
        steps: what comes later.
        again: done after each look.
        is_lifted: whether the failure is over, with the same processes, after the last step.
        leaves_pods: whether its end is also that the failed pods' objects are gone.
        has_newcomers: whether one client a second goes and another comes; else nobody does. It is
            the newcomers whom a gateway that nobody stays with goes on hurting.
    """

    name: str
    title: str
    inject: Deed
    victims: int = 1
    steps: tuple[Step, ...] = ()
    again: Callable[[Case, Sample], None] = _nothing
    is_lifted: bool = False
    leaves_pods: bool = False
    has_newcomers: bool = False


def _fault(kind: str) -> Deed:
    def have_them_fail(case: Case) -> None:
        for victim in case.victims:
            case.namespace.fault(victim.name, kind)

    return have_them_fail


def _lift(case: Case) -> None:
    """End the fault of those that are still there."""
    present = case.namespace.pod_names()
    for victim in case.victims:
        if victim.name in present:
            case.namespace.fault(victim.name, "none")


def _crash_again(case: Case, sample: Sample) -> None:
    """Crash a victim as soon as it is up once more."""
    for victim in case.victims:
        seen = sample.gateways.get(victim.name)
        if seen and seen.is_ready and not seen.is_leaving:
            with suppress(AssertionError):  # it has been removed since it was seen
                case.namespace.fault(victim.name, "crash")


def _cut_off(how: str) -> Deed:
    def cut_off_nodes(case: Case) -> None:
        for victim in case.victims:
            case.namespace.kubectl("annotate", "node", victim.node, f"{CUT_OFF}={how}")

    return cut_off_nodes


def _announce_the_end_of_nodes(case: Case) -> None:
    """Cordon and taint, as a cloud's termination handler does."""
    for victim in case.victims:
        case.namespace.kubectl("cordon", victim.node)
        taint = f"{_SPOT_TAINT}=true:NoSchedule"
        case.namespace.kubectl("taint", "node", victim.node, taint)


def _evict_as_a_kubelet(case: Case) -> None:
    """Kill the process and leave the pod as Failed, as a kubelet short of memory does.

    The node is cut off meanwhile: a loopback node evicts nobody, and corrects who does it for it.
    """
    _cut_off(DEAD)(case)
    for victim in case.victims:
        wait_for(partial(_is_silent, case.namespace, victim.name), what="the process's end")
        path = f"{case.namespace.path('pods', victim.name)}/status"
        case.namespace.patch(path, {"status": _evicted_status(victim)})
        case.namespace.kubectl("annotate", "node", victim.node, f"{CUT_OFF}-")


def _is_silent(namespace: Namespace, pod: str) -> bool:
    try:
        namespace.gateway_state(pod)
    except OSError:
        return True
    return False


def _evicted_status(victim: Victim) -> dict[str, Any]:
    ended = {"exitCode": 137, "reason": "Error"}
    container = {
        "name": "gateway",
        "image": "",
        "imageID": "",
        "ready": False,
        "restartCount": victim.life.restarts,
        "state": {"terminated": ended},
    }
    return {
        "phase": "Failed",
        "reason": "Evicted",
        "message": "The node was low on resource: memory.",
        "containerStatuses": [container],
        "conditions": [
            {"type": "PodScheduled", "status": "True"},
            {"type": "ContainersReady", "status": "False", "reason": "PodFailed"},
            {"type": "Ready", "status": "False", "reason": "PodFailed"},
            {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"},
        ],
    }


def _delete(case: Case) -> None:
    for victim in case.victims:
        case.namespace.kubectl("delete", "pod", victim.name, "--wait=false")


def _delete_with_a_finalizer(case: Case) -> None:
    for victim in case.victims:
        path = case.namespace.path("pods", victim.name)
        case.namespace.patch(path, {"metadata": {"finalizers": [_FINALIZER]}})
    _delete(case)


def _delete_on_a_dead_node(case: Case) -> None:
    _cut_off(DEAD)(case)
    _delete(case)


def _ask_for_a_drain(case: Case) -> None:
    """Take a gateway out by hand: the operator is asked, plain Kubernetes told."""
    if case.side is Side.PLAIN:
        _delete(case)
        return
    for victim in case.victims:
        case.namespace.kubectl("annotate", "pod", victim.name, "imchat.dev/drain=true")


def mend(case: Case) -> None:
    """Give the victims' nodes back as they were, and let go of pods that a finalizer holds."""
    for victim in case.victims:
        case.namespace.kubectl("annotate", "node", victim.node, f"{CUT_OFF}-")
        case.namespace.kubectl("uncordon", victim.node)
        node = case.namespace.get(f"/api/v1/nodes/{victim.node}") or {}
        if any(t["key"] == _SPOT_TAINT for t in node["spec"].get("taints", ())):
            case.namespace.kubectl("taint", "node", victim.node, f"{_SPOT_TAINT}-")
        path = case.namespace.path("pods", victim.name)
        if case.namespace.get(path):
            case.namespace.patch(path, {"metadata": {"finalizers": None}})


SCENARIOS = (
    Scenario(
        name="crash-loop",
        title="Crash loop",
        inject=_fault("crash"),
        again=_crash_again,
    ),
    Scenario(name="not-ready", title="Not ready, clients served", inject=_fault("unready")),
    Scenario(name="hang", title="Hang", inject=_fault("hang")),
    Scenario(name="zombie", title="Zombie: ready, no echo", inject=_fault("zombie")),
    Scenario(
        name="flaky",
        title="Zombie: ready, cuts its clients",
        inject=_fault("flaky"),
        has_newcomers=True,
    ),
    Scenario(
        name="node-cut-off",
        title="Node cut off, its gateway serves",
        inject=_cut_off(ALIVE),
    ),
    Scenario(name="node-dead", title="Node dead", inject=_cut_off(DEAD)),
    Scenario(
        name="spot",
        title=f"Spot node: notice, dead {_SPOT_SECONDS:g} s later",
        inject=_announce_the_end_of_nodes,
        steps=(Step(after=_SPOT_SECONDS, do=_cut_off(DEAD)),),
    ),
    Scenario(
        name="evicted",
        title="Evicted by the kubelet",
        inject=_evict_as_a_kubelet,
        leaves_pods=True,
    ),
    Scenario(
        name="stuck-finalizer",
        title="Deleted, held by somebody's finalizer",
        inject=_delete_with_a_finalizer,
    ),
    Scenario(
        name="stuck-dead-node",
        title="Deleted on a dead node",
        inject=_delete_on_a_dead_node,
    ),
    Scenario(name="manual-drain", title="Taken out by hand", inject=_ask_for_a_drain),
    Scenario(
        name="storm-hang",
        title="3 of 5 hang at once",
        inject=_fault("hang"),
        victims=3,
    ),
    Scenario(
        name="storm-not-ready",
        title=f"All not ready for {_OUTAGE_SECONDS:g} s",
        inject=_fault("unready"),
        victims=0,
        steps=(Step(after=_OUTAGE_SECONDS, do=_lift),),
        is_lifted=True,
    ),
)
