"""What is wrong with a gateway: each class a pure function of what is seen, with its evidence.

The most certain ailment counts. What looks like one and is none (a start, a drain, a restart long
ago, a quiet fleet) is told apart here; what is somebody else's cause (a rollout, a dependency, a
storm) in healing.py and consent.py.
"""

from collections.abc import Callable
from datetime import timedelta

from imchat_operator.core.ailments import Ailment, Diagnosis, Scene
from imchat_operator.core.outliers import outlier
from imchat_operator.core.snapshot import Gateway, NotAsked, Reported, Silent
from imchat_operator.models import Healing
from imchat_operator.units import duration_text

_START_ERRORS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "ImageInspectError",
        "RegistryUnavailable",
        "CreateContainerConfigError",
        "CreateContainerError",
        "CreatePodSandboxError",
        "RunContainerError",
    }
)


def diagnosis(gateway: Gateway, scene: Scene) -> Diagnosis | None:
    """Return what is wrong with a gateway, the most certain ailment first; None if nothing is."""
    if gateway.terminating:
        return _stuck(gateway, scene)
    found = (sign(gateway, scene) for sign in _SIGNS)
    return next(filter(None, found), None)


def _stuck(gateway: Gateway, scene: Scene) -> Diagnosis | None:
    due, node = gateway.deletion_due, gateway.node
    if due is None or scene.now < due:
        return None
    is_off = node is not None and node.is_off and not isinstance(gateway.reading, Reported)
    remedy = ""
    if gateway.finalizers:
        remedy = f"whoever set {', '.join(gateway.finalizers)} has to remove it from the pod"
    elif not is_off:
        name = gateway.node_name
        remedy = (
            f"if node {name} is off for certain, delete the Node, or kubectl taint node {name} "
            "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute; else look at its kubelet"
        )
    return Diagnosis(
        ailment=Ailment.STUCK_TERMINATING,
        evidence=f"its grace period ended at {due:%Y-%m-%d %H:%M:%S} UTC",
        patience=timedelta() if is_off and not remedy else scene.policy.terminating_for,
        evident_at=due,
        remedy=remedy,
    )


def _failed(gateway: Gateway, scene: Scene) -> Diagnosis | None:
    if not gateway.failure:
        return None
    return Diagnosis(
        ailment=Ailment.FAILED,
        evidence=f"the pod is over ({gateway.failure})",
        patience=scene.policy.failed_for,
    )


def _requested(gateway: Gateway, _: Scene) -> Diagnosis | None:
    if gateway.quarantine is not None:
        why = gateway.quarantine or "annotation imchat.dev/quarantine, which gives no reason"
        return Diagnosis(ailment=Ailment.QUARANTINE_REQUESTED, evidence=why, patience=timedelta())
    if gateway.drain_requested:
        return Diagnosis(
            ailment=Ailment.DRAIN_REQUESTED,
            evidence="annotation imchat.dev/drain is true",
            patience=timedelta(),
        )
    return None


def _not_startable(gateway: Gateway, scene: Scene) -> Diagnosis | None:
    if gateway.unschedulable:
        return Diagnosis(
            ailment=Ailment.UNSCHEDULABLE,
            evidence=f"no node takes it ({gateway.unschedulable})",
            patience=scene.policy.pending_for,
            evident_at=gateway.created_at,
            remedy="add a node that fits, or change what the pod asks for",
        )
    if gateway.waiting in _START_ERRORS:
        said = f": {gateway.waiting_message}" if gateway.waiting_message else ""
        return Diagnosis(
            ailment=Ailment.START_FAILING,
            evidence=f"its container can't be started ({gateway.waiting}{said})",
            patience=scene.policy.pending_for,
            remedy="another pod would fail alike: correct the image or the configuration",
        )
    return None


def _crash_looping(gateway: Gateway, scene: Scene) -> Diagnosis | None:
    times, policy = scene.restarts.get(gateway.uid, ()), scene.policy
    if len(times) < policy.restarts:
        return None
    is_in_back_off = gateway.waiting == "CrashLoopBackOff"
    is_fresh = scene.now - times[-1] < policy.recovered_for
    if not (is_in_back_off or is_fresh or not gateway.containers_ready):
        return None
    aside = " and is in back-off" if is_in_back_off else ""
    span = duration_text(policy.restart_span)
    return Diagnosis(
        ailment=Ailment.CRASH_LOOPING,
        evidence=f"restarted {len(times)} times within {span}{aside}",
        patience=timedelta(),
        evident_at=times[-1],
    )


def _of_the_node(gateway: Gateway, scene: Scene) -> Diagnosis | None:
    node, policy = gateway.node, scene.policy
    if node is None:
        return None
    is_unheard = isinstance(gateway.reading, Silent | NotAsked)
    if is_unheard and (node.is_off or not node.ready):
        state = "is off" if node.fenced else "is not ready" if node.exists else "is gone"
        evidence = f"node {node.name} {state} and the gateway does not answer"
    elif node.lapsed and node.name in scene.silent_nodes:
        evidence = f"node {node.name} renews its lease no more and no gateway on it answers"
    else:
        return _of_the_living_node(gateway, policy)
    silent = gateway.reading if isinstance(gateway.reading, Silent) else None
    # One that was never asked may just be starting there, on a node that is back in a moment.
    is_certain = silent is not None or node.is_off
    return Diagnosis(
        ailment=Ailment.NODE_LOST,
        evidence=f"{evidence} ({silent.why})" if silent else evidence,
        patience=timedelta() if is_certain else policy.not_ready_for,
        evident_at=silent.last_answer if silent else None,
    )


def _of_the_living_node(gateway: Gateway, policy: Healing) -> Diagnosis | None:
    node = gateway.node
    if node is None or isinstance(gateway.reading, Silent):
        return None
    if node.leaving or node.cordoned:
        return Diagnosis(
            ailment=Ailment.NODE_LEAVING,
            evidence=f"node {node.name} goes away: {node.leaving or 'it is cordoned'}",
            patience=timedelta() if node.leaving else policy.not_ready_for,
        )
    if not node.ready:
        return Diagnosis(
            ailment=Ailment.NODE_NOT_READY,
            evidence=f"node {node.name} is not ready, though the gateway answers",
            patience=policy.not_ready_for,
        )
    return None


def _unresponsive(gateway: Gateway, scene: Scene) -> Diagnosis | None:
    silent = gateway.reading
    if not gateway.running or not isinstance(silent, Silent):
        return None
    # One that never answered and is not ready yet is starting: its probe decides, with more time.
    if not gateway.containers_ready and silent.last_connections is None:
        return None
    return Diagnosis(
        ailment=Ailment.UNRESPONSIVE,
        evidence=f"runs but does not answer ({silent.why})",
        patience=scene.policy.unresponsive_for,
        evident_at=silent.last_answer,
    )


def _not_ready(gateway: Gateway, scene: Scene) -> Diagnosis | None:
    if not gateway.running or gateway.containers_ready:
        return None
    return Diagnosis(
        ailment=Ailment.NOT_READY,
        evidence="runs but fails its readiness probe",
        patience=scene.policy.not_ready_for,
        evident_at=gateway.not_ready_since,
    )


def _pressed(gateway: Gateway, scene: Scene) -> Diagnosis | None:
    node = gateway.node
    if node is None or not node.pressures:
        return None
    return Diagnosis(
        ailment=Ailment.NODE_PRESSURE,
        evidence=f"node {node.name} has {', '.join(node.pressures)}",
        patience=scene.policy.not_ready_for,
    )


def _superseded(gateway: Gateway, scene: Scene) -> Diagnosis | None:
    if gateway.uid not in scene.replaced:
        return None
    return Diagnosis(
        ailment=Ailment.SUPERSEDED,
        evidence="it is out of its ReplicaSet, where another has its place by now",
        patience=timedelta(),
    )


_SIGNS: tuple[Callable[[Gateway, Scene], Diagnosis | None], ...] = (
    _failed,
    _requested,
    _not_startable,
    _crash_looping,
    _of_the_node,
    _unresponsive,
    _not_ready,
    outlier,
    _pressed,
    _superseded,
)
