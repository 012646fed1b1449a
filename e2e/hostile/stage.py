"""An operator that serves several small fleets in one namespace, and what it took badly."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from kubernetes import client, config

from harness.manifests import cluster, gateways
from harness.waiting import wait_for

if TYPE_CHECKING:
    from harness import Namespace, OperatorProcess
    from hostile.schema import Json

_ROOT = "/apis/imchat.dev/v1alpha1"
_PLURALS = {"ImChatCluster": "imchatclusters", "MaintenanceWindow": "maintenancewindows"}
_TYPES = {"PATCH": "application/json-patch+json", "POST": "application/json"}
_SETTLING = 60.0
# kopf has errors of its own, such as for each attempt at a watch that is refused for a moment.
_GRAVE = re.compile(r"^\S+ (error|critical) +imchat_operator")


class RefusedError(Exception):
    """The API server takes no such object; the text is its message."""


class Objects:
    """The custom resources of a namespace, as raw as the API server takes them.

    One thread's: it has a connection of its own.
    """

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace.name
        self._client = config.new_client_from_config(str(namespace.kubeconfig))  # type: ignore[no-untyped-call]

    def create(self, kind: str, name: str, spec: Any, *, dry: bool = False, **parts: Any) -> Json:
        """Create an object; `spec` may be nonsense.

        Raises:
            RefusedError: the API server does not take it.
        """
        body = {
            "apiVersion": "imchat.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, **parts},
            "spec": spec,
        }
        return self._asked("POST", self._path(kind), body, dry=dry)

    def replace(self, kind: str, name: str, spec: Any, *, dry: bool = False) -> Json:
        """Replace an object's spec.

        Raises:
            RefusedError: the API server does not take it.
        """
        body = [{"op": "add", "path": "/spec", "value": spec}]
        return self._asked("PATCH", self._path(kind, name), body, dry=dry)

    def tell(self, kind: str, name: str, status: Any) -> Json:
        """Write an object's status as anybody with the right to may.

        Raises:
            RefusedError: the API server does not take it.
        """
        body = [{"op": "add", "path": "/status", "value": status}]
        return self._asked("PATCH", f"{self._path(kind, name)}/status", body)

    def delete(self, kind: str, name: str) -> None:
        """Delete an object, if it is there."""
        self._asked("DELETE", self._path(kind, name))

    def get(self, kind: str, name: str) -> Json:
        """Return an object; empty if there is none."""
        return self._asked("GET", self._path(kind, name))

    def _path(self, kind: str, name: str = "") -> str:
        return "/".join([_ROOT, "namespaces", self.namespace, _PLURALS[kind], name]).rstrip("/")

    def _asked(self, method: str, path: str, body: Any = None, *, dry: bool = False) -> Json:
        request = self._client.param_serialize(
            method,
            path,
            query_params=[("dryRun", "All")] if dry else [],
            header_params={"Content-Type": _TYPES[method]} if method in _TYPES else {},
            body=body,
            auth_settings=["BearerToken"],
        )
        answer = self._client.call_api(*request, _request_timeout=30)
        found: Json = json.loads(answer.read())
        if answer.status == 404:  # noqa: PLR2004 -- HTTP's own number
            return {}
        if answer.status >= 500:  # noqa: PLR2004 -- same
            raise client.ApiException(status=answer.status, reason=found.get("message"))
        if answer.status >= 400:  # noqa: PLR2004 -- same
            raise RefusedError(found["message"])
        return found


@dataclass(frozen=True, slots=True)
class End:
    """How a fleet is, without what differs from time to time."""

    conditions: tuple[tuple[str, str, str], ...]
    replicas: int
    ready: int
    drains: int
    is_seen: bool

    @classmethod
    def of(cls, found: Json) -> Self:
        """Return how an ImChatCluster says that its fleet is."""
        status = found.get("status", {})
        conditions = status.get("conditions", [])
        return cls(
            conditions=tuple(sorted((c["type"], c["status"], c["reason"]) for c in conditions)),
            replicas=status.get("replicas", 0),
            ready=status.get("readyReplicas", 0),
            drains=len(status.get("drains", [])),
            is_seen=status.get("observedGeneration") == found["metadata"]["generation"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """An operator and its fleets.

    Attributes:
        ends: how each fleet was when all was well.
    """

    namespace: Namespace
    operator: OperatorProcess
    objects: Objects
    ends: dict[str, End] = field(default_factory=dict)

    def settle(self, *names: str) -> None:
        """Wait until the fleets are well, and remember how they are then."""
        for name in names:
            wait_for(partial(self._is_well, name), seconds=2 * _SETTLING, what=f"{name} well")
            self.ends[name] = End.of(self.objects.get("ImChatCluster", name))

    def _is_well(self, name: str) -> bool:
        end = End.of(self.objects.get("ImChatCluster", name))
        is_ready = ("Ready", "True", "FleetReady") in end.conditions
        return is_ready and end.is_seen and not end.drains

    def is_as_before(self, name: str, objects: Objects | None = None) -> bool:
        """Whether a fleet is as it was when all was well."""
        found = (objects or self.objects).get("ImChatCluster", name)
        return End.of(found) == self.ends[name]

    def complaints(self) -> list[str]:
        """Return what the operator took badly: crashes, failed passes, a loop that stands still."""
        log = self.operator.log().splitlines()
        crashes = [
            "\n".join(log[max(0, at - 1) : at + 40])
            for at, line in enumerate(log)
            if line.startswith("Traceback") or _GRAVE.search(line)
        ]
        failed = [
            f"{name}: {count:g} failed passes"
            for name, count in self.operator.metrics().items()
            if name.startswith("imchat_operator_passes_total")
            and 'result="error"' in name
            and count
        ]
        return [*crashes[:3], *failed, *self._ills()]

    def _ills(self) -> list[str]:
        try:
            with urllib.request.urlopen(self.operator.health_url, timeout=5):  # noqa: S310 -- http
                return []
        except urllib.error.HTTPError as error:
            return [f"/healthz: {error.read().decode()}"]


def is_seen(found: Json) -> bool:
    """Whether the operator has seen a cluster's spec as it is now."""
    return End.of(found).is_seen


def fleet(name: str, *, replicas: int = 2) -> list[Json]:
    """Return a fleet's Deployment and budget, under a name of its own."""
    found: list[Json] = json.loads(
        json.dumps(gateways(replicas=replicas)).replace('"gateway"', f'"{name}"')
    )
    container = found[0]["spec"]["template"]["spec"]["containers"][0]
    container["command"] = ["python", "-m", "gateway"]
    return found


def good_spec(name: str) -> Json:
    """Return the spec of a fleet whose size stays, and which is patient with a slow machine."""
    spec: Json = cluster(
        targetRef={"kind": "Deployment", "name": name},
        minReplicas=2,
        maxReplicas=2,
        metrics={"interval": "1s", "timeout": "2s"},
        scaling={
            "scaleUp": [{"above": 100, "for": "1h"}],
            "scaleDown": [{"below": 1, "for": "1h"}],
        },
        healing={"unresponsiveFor": "1m", "notReadyFor": "2m"},
    )["spec"]
    return spec


def staged(namespace: Namespace, operator: OperatorProcess, *names: str) -> Stage:
    """Make fleets of these names, and wait until they are well; the operator is started already."""
    stage = Stage(namespace=namespace, operator=operator, objects=Objects(namespace))
    for name in names:
        namespace.apply(fleet(name))
        stage.objects.create("ImChatCluster", name, good_spec(name))
    stage.settle(*names)
    return stage
