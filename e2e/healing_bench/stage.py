"""Where scenarios are played: on one control plane, each in a namespace and on nodes of its own.

The nodes make lanes; in each one scenario is played at a time.

The gateways' manifest is the suites', with the liveness probe that docs/gateway-contract.md
recommends; without the operator it has no readiness gate, which nobody would set.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import controlplane
import loopback_node
from controlplane.console import shown
from harness import Namespace, OperatorProcess, Users
from harness.manifests import Manifest, gateways, plain_cluster
from harness.namespace import is_true
from harness.waiting import wait_for
from healing_bench.figures import Setting, Side
from healing_bench.scenarios import Case, Scenario, Victim, mend
from healing_bench.watch import NEWCOMERS, Watch
from loopback_node.registration import PREFIX_LABEL

_NODES = 6
_LEASE_SECONDS, _GRACE_SECONDS = 10.0, 50  # the defaults of kubelet and kube-controller-manager
_UP_SECONDS = 90.0
_STEADY_SECONDS = 300.0  # the operator may have to get over the fleet's start
_SETTLED_SECONDS = 20.0  # more than one of the operator's samples
_GONE_SECONDS = 120.0
_USERS = ("--interval", "10", "--patience", "5")
NODES: Manifest = {
    "ofALane": _NODES,
    "leaseSeconds": _LEASE_SECONDS,
    "graceSeconds": _GRACE_SECONDS,
    "restartBackoff": 10.0,
}
"""What the nodes are, for the context of a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """An API server with the nodes of some lanes, by the lanes' names; logs go to `folder`."""

    kubeconfig: Path
    version: str
    folder: Path
    setting: Setting
    lanes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """A scenario that is set up; `operator` is None on the plain side."""

    case: Case
    watch: Watch
    operator: OperatorProcess | None

    def assert_lives(self) -> None:
        """See whether the operator, where there is one, has come through.

        Raises:
            AssertionError: it ended.
            TimeoutError: it is not healthy.
        """
        if self.operator is not None:
            self.operator.wait_until_healthy()


@contextmanager
def stage(folder: Path, setting: Setting, lanes: int) -> Iterator[Stage]:
    """Set up a control plane and nodes for so many lanes, for as long as the block lasts."""
    names = tuple(f"lane-{number}" for number in range(lanes))
    grace = f"--node-monitor-grace-period={_GRACE_SECONDS}s"
    with ExitStack() as stack:
        with shown() as on_progress:
            plane = stack.enter_context(
                controlplane.running(
                    on_progress=on_progress, flags={"kube-controller-manager": [grace]}
                )
            )
        everywhere = Namespace(kubeconfig=plane.kubeconfig, name="default")
        everywhere.install_crds()
        for name in names:
            nodes = loopback_node.running(
                plane.kubeconfig,
                nodes=_NODES,
                prefix=name,
                lease_interval=_LEASE_SECONDS,
                log=folder / f"{name}.log",
            )
            stack.enter_context(nodes)
        yield Stage(
            kubeconfig=plane.kubeconfig,
            version=plane.version,
            folder=folder,
            setting=setting,
            lanes=names,
        )


@contextmanager
def played(stage: Stage, scenario: Scenario, side: Side, lane: str) -> Iterator[Play]:
    """Set a scenario up in a namespace of its own: gateways, clients, all well for a while.

    Raises:
        TimeoutError: it did not come up.
    """
    namespace = Namespace(kubeconfig=stage.kubeconfig, name=f"{scenario.name}-{side}")
    namespace.create()
    with ExitStack() as stack:
        stack.callback(_remove, namespace, lane)
        operator = None
        if side is Side.OURS:
            log = stage.folder / f"{namespace.name}.log"
            running = OperatorProcess.running(stage.kubeconfig, namespace.name, log)
            operator = stack.enter_context(running)
            stack.callback(_forget_cluster, namespace)
        namespace.apply(manifests(side, stage.setting, lane))
        size, clients = stage.setting.gateways, stage.setting.clients
        wait_for(
            lambda: len(namespace.ready_pods()) == size,
            seconds=_UP_SECONDS,
            what=f"{size} ready gateways",
        )
        load = _load(stage, scenario)
        users = stack.enter_context(
            Users.connected(stage.kubeconfig, namespace.name, *load, *_USERS)
        )
        users.wait_for_connected(clients, seconds=_UP_SECONDS)
        watch = Watch(namespace, users)
        wait_for(
            lambda: watch.is_steady(_SETTLED_SECONDS),
            seconds=_STEADY_SECONDS,
            what="a steady fleet",
        )
        case = Case(namespace=namespace, side=side, victims=_victims(watch, scenario.victims))
        stack.callback(mend, case)
        yield Play(case=case, watch=watch, operator=operator)


def manifests(side: Side, setting: Setting, lane: str) -> list[Manifest]:
    """The objects that a side applies."""
    deployment, budget = gateways(replicas=setting.gateways, capacity=setting.capacity)
    pod = deployment["spec"]["template"]["spec"]
    pod["nodeSelector"] = {PREFIX_LABEL: lane}
    pod["containers"][0]["livenessProbe"] = {
        "httpGet": {"path": "/healthz", "port": "gateway"},
        "periodSeconds": 10,
        "failureThreshold": 3,
    }
    if side is Side.OURS:
        return [deployment, budget, _cluster(setting)]
    del pod["readinessGates"]
    return [deployment, budget]


def _cluster(setting: Setting) -> Manifest:
    """An ImChatCluster that heals with all its defaults."""
    return plain_cluster(
        minReplicas=setting.gateways,
        maxReplicas=setting.gateways + 3,
        draining={"connectionsPerSecond": 200},
    )


def _load(stage: Stage, scenario: Scenario) -> tuple[str, ...]:
    """The options of the users: a constant number, or that number with newcomers in it."""
    clients = stage.setting.clients
    if not scenario.has_newcomers:
        return ("--clients", str(clients))
    file = stage.folder / "newcomers.csv"
    file.write_text(newcomers(clients))
    return ("--trace", str(file), "--peak", str(clients), "--speed", "1")


def newcomers(clients: int) -> str:
    """A load trace of an hour in which two clients go and two come in every two seconds."""
    begin = datetime(2026, 1, 1)  # noqa: DTZ001 -- traces have no zone
    rows = (
        f"{(begin + timedelta(seconds=second)).isoformat()},{clients - second % 2 * NEWCOMERS}\n"
        for second in range(3600)
    )
    return "timestamp,value\n" + "".join(rows)


def _victims(watch: Watch, count: int) -> tuple[Victim, ...]:
    """The first so many gateways by name; all for 0."""
    seen = watch.samples[-1].gateways
    names = sorted(seen)[: count or None]
    return tuple(Victim(name=n, life=seen[n].life, node=seen[n].node) for n in names)


def _forget_cluster(namespace: Namespace) -> None:
    """Delete the ImChatCluster while its operator can give back what it was draining."""
    namespace.kubectl("delete", "imc", "chat", "--timeout=30s")


def _remove(namespace: Namespace, lane: str) -> None:
    """Delete all of it, and wait until the next scenario finds the nodes as this one did."""
    namespace.delete()
    wait_for(
        lambda: not namespace.items("/api/v1", "pods") and _has_good_nodes(namespace, lane),
        seconds=_GONE_SECONDS,
        what="an empty stage",
    )


def _has_good_nodes(namespace: Namespace, lane: str) -> bool:
    selected = f"/api/v1/nodes?labelSelector={PREFIX_LABEL}%3D{lane}"
    found = namespace.get(selected) or {"items": []}
    return all(is_true(n, "Ready") and not n["spec"].get("taints") for n in found["items"])
