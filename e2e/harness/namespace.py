"""A namespace of a cluster, as a test sees it."""

import json
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import yaml
from kubernetes import client, config

from controlplane.kubectl import kubectl
from harness.manifests import CRDS, Manifest
from harness.waiting import wait_for

T = TypeVar("T")

_JSON = {"Content-Type": "application/json"}
_GATEWAY_SECONDS = 5.0
_TOLD_SECONDS = 3.0
_GATEWAY_PORT = 8080
_ROOTS = {
    "pods": "/api/v1",
    "deployments": "/apis/apps/v1",
    "services": "/api/v1",
    "statefulsets": "/apis/apps/v1",
    "imchatclusters": "/apis/imchat.dev/v1alpha1",
}


class KubectlError(Exception):
    """kubectl failed; the text is what it printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """Where one test, or the demo, has its objects."""

    kubeconfig: Path
    name: str
    _client: list[Any] = field(default_factory=list, repr=False, compare=False)

    def create(self) -> None:
        """Create it, and wait until pods can be made in it."""
        self.post("/api/v1/namespaces", {"metadata": {"name": self.name}})
        path = f"/api/v1/namespaces/{self.name}/serviceaccounts/default"
        wait_for(lambda: self.get(path), what="the default service account")

    def install_crds(self) -> None:
        """Apply the CRDs, and wait until the API server serves both kinds.

        `kubectl wait` fails at once where a definition has no conditions yet.
        """
        self.kubectl("apply", "-f", str(CRDS))
        kinds = ("imchatclusters", "maintenancewindows")
        wait_for(
            lambda: all(self.get(f"/apis/imchat.dev/v1alpha1/{kind}") for kind in kinds),
            what="both kinds served",
        )

    def delete(self) -> None:
        """Delete it with all that is in it; return without waiting."""
        self._answer("DELETE", f"/api/v1/namespaces/{self.name}")

    def kubectl(self, *arguments: str, manifest: str | None = None) -> str:
        """Run kubectl in this namespace and return what it prints.

        Raises:
            KubectlError: it failed.
        """
        done = kubectl(
            "--namespace", self.name, *arguments, kubeconfig=self.kubeconfig, manifest=manifest
        )
        if done.returncode:
            raise KubectlError(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def apply(self, *objects: Manifest | Iterable[Manifest]) -> None:
        """Apply manifests as a user does.

        Raises:
            KubectlError: the API server refused one.
        """
        flat = [m for o in objects for m in ([o] if isinstance(o, dict) else o)]
        self.kubectl("apply", "-f", "-", manifest=yaml.safe_dump_all(flat))

    def get(self, path: str) -> dict[str, Any] | None:
        """Return what the API server has at a URL path; None for 404."""
        return self._answer("GET", path)

    def patch(self, path: str, changes: dict[str, Any], *, manager: str = "") -> None:
        """Merge changes into the object at a URL path, as a field manager.

        Raises:
            client.ApiException: the API server refused.
        """
        query = [("fieldManager", manager)] if manager else []
        headers = {"Content-Type": "application/merge-patch+json"}
        found = self._answer("PATCH", path, query_params=query, header_params=headers, body=changes)
        assert found is not None, f"there is no {path}"

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post an object to a URL path and return the answer.

        Raises:
            client.ApiException: the API server refused.
        """
        found = self._answer("POST", path, header_params=_JSON, body=body)
        assert found is not None, f"there is no {path}"
        return found

    def create_if_missing(self, path: str, body: dict[str, Any]) -> None:
        """Post an object to the URL path of its collection, unless it is there already.

        Raises:
            client.ApiException: the API server refused.
        """
        try:
            self.post(path, body)
        except client.ApiException as error:
            if error.status != 409:  # noqa: PLR2004 -- HTTP's own number
                raise

    def _answer(self, method: str, path: str, **parts: Any) -> dict[str, Any] | None:
        if not self._client:
            self._client.append(config.new_client_from_config(str(self.kubeconfig)))  # type: ignore[no-untyped-call]
        api = self._client[0]
        request = api.param_serialize(method, path, auth_settings=["BearerToken"], **parts)
        answer = api.call_api(*request, _request_timeout=10)
        text = answer.read()
        if answer.status == 404:  # noqa: PLR2004 -- HTTP's own number
            return None
        body = json.loads(text)
        if answer.status >= 400:  # noqa: PLR2004 -- HTTP's own number
            raise client.ApiException(status=answer.status, reason=body.get("message"))
        found: dict[str, Any] = body
        return found

    def items(self, prefix: str, plural: str) -> list[dict[str, Any]]:
        """Return the objects of a collection of this namespace."""
        found = self.get(f"{prefix}/namespaces/{self.name}/{plural}")
        return list(found["items"]) if found else []

    def pods(self) -> list[dict[str, Any]]:
        """Return the gateways that are not being deleted."""
        pods = self.items("/api/v1", "pods")
        return [p for p in pods if "deletionTimestamp" not in p["metadata"]]

    def ready_pods(self) -> list[dict[str, Any]]:
        """Return the gateways that Services send connections to."""
        return [p for p in self.pods() if is_true(p, "Ready")]

    def pod_names(self) -> set[str]:
        """Return the names of the gateways that are not being deleted."""
        return {p["metadata"]["name"] for p in self.pods()}

    def path(self, kind: str, name: str = "") -> str:
        """Return the URL path of this namespace's objects of a kind, or of one of them."""
        return "/".join([_ROOTS[kind], "namespaces", self.name, kind, name]).rstrip("/")

    def cluster(self, name: str = "chat") -> dict[str, Any]:
        """Return an ImChatCluster."""
        return self.get(self.path("imchatclusters", name)) or {}

    def change(self, **spec: Any) -> None:
        """Merge fields into the spec of the ImChatCluster."""
        self.patch(self.path("imchatclusters", "chat"), {"spec": spec})

    def status(self) -> dict[str, Any]:
        """Return the ImChatCluster's status."""
        found: dict[str, Any] = self.cluster().get("status", {})
        return found

    def condition(self, kind: str) -> dict[str, Any]:
        """Return a condition of the ImChatCluster, empty if it has none."""
        conditions = self.status().get("conditions", [])
        return next((c for c in conditions if c["type"] == kind), {})

    def wait_for_load(self) -> None:
        """Wait until the operator knows the load: until then it could be anything."""
        self.wait_until(lambda: self.condition("MetricsAvailable").get("status") == "True")

    def replicas(self, kind: str = "deployments") -> int:
        """Return the replicas that the gateways' Deployment, or other workload, asks for."""
        found = self.get(self.path(kind, "gateway"))
        return int(found["spec"]["replicas"]) if found else 0

    def events(self, kind: str = "ImChatCluster") -> list[dict[str, Any]]:
        """Return the Events on objects of a kind; those that were seen last come last.

        What the ImChatCluster promises to tell comes after what was done: it is waited for, unless
        nobody posts it.
        """
        with suppress(TimeoutError):
            wait_for(self._is_told, seconds=_TOLD_SECONDS)
        found = self.items("/apis/events.k8s.io/v1", "events")
        mine = [e for e in found if e["regarding"]["kind"] == kind and e.get("eventTime")]
        return sorted(mine, key=lambda e: (_last_seen(e), e["metadata"]["name"]))

    def _is_told(self) -> bool:
        promised = {e["name"]: e.get("count", 1) for e in self.status().get("pendingEvents", ())}
        if not promised:
            return True
        found = self.items("/apis/events.k8s.io/v1", "events")
        counts = {e["metadata"]["name"]: (e.get("series") or {"count": 1})["count"] for e in found}
        return all(counts.get(name, 0) >= count for name, count in promised.items())

    def reasons(self, kind: str = "ImChatCluster") -> list[str]:
        """Return the reasons of the operator's Events on a kind, once for each time they were told.

        Those that were told last come last.
        """
        mine = [e for e in self.events(kind) if e["reportingController"] == "imchat-operator"]
        return [
            e["reason"] for e in mine for _ in range((e.get("series") or {"count": 1})["count"])
        ]

    def note(self, reason: str) -> str:
        """Return the text of the latest Event on the ImChatCluster with a reason, or nothing."""
        notes = [e["note"] for e in self.events() if e["reason"] == reason]
        return str(notes[-1]) if notes else ""

    def told_at(self, reason: str) -> datetime:
        """Return when the latest Event on the ImChatCluster with a reason was last decided."""
        times = [_last_seen(e) for e in self.events() if e["reason"] == reason]
        return datetime.fromisoformat(times[-1])

    def gateway_state(self, pod: str) -> str:
        """Return what a gateway says of itself: Serving, Draining or Drained."""
        url = self._url(pod, "drain")
        with urllib.request.urlopen(url, timeout=_GATEWAY_SECONDS) as answer:  # noqa: S310 -- http
            return str(json.load(answer)["state"])

    def fault(self, pod: str, kind: str) -> None:
        """Have a gateway fail; a hanging or crashed one can't even say yes."""
        request = urllib.request.Request(  # noqa: S310 -- http
            self._url(pod, "fault"),
            data=json.dumps({"kind": kind}).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_GATEWAY_SECONDS):  # noqa: S310 -- same
                pass
        except OSError:
            if kind not in {"crash", "hang"}:
                raise

    def _url(self, pod: str, path: str) -> str:
        found = self.get(self.path("pods", pod))
        assert found is not None, f"there is no pod {pod}"
        return f"http://{found['status']['podIP']}:{_GATEWAY_PORT}/{path}"

    def wait_until(
        self, what: Callable[[], T | None], *, seconds: float = 30.0, tick: float = 0.2
    ) -> T:
        """Wait until a call gives something true, and return it; fail with the status after that.

        Raises:
            AssertionError: it was not so in time.
        """
        try:
            return wait_for(what, seconds=seconds, tick=tick)
        except TimeoutError as error:
            story = [f"{e['reason']}: {e['note']}" for e in self.events()]
            told = yaml.safe_dump(self.status(), sort_keys=False)
            raise AssertionError("\n".join([str(error), told, *story])) from error


def _last_seen(event: dict[str, Any]) -> str:
    """Return when an Event was told, for the latest time if it is a series."""
    series = event.get("series") or {}
    return str(series.get("lastObservedTime") or event["eventTime"])


def is_true(found: dict[str, Any], kind: str) -> bool:
    """Return whether an object's condition is True."""
    conditions = found.get("status", {}).get("conditions", [])
    return any(c["type"] == kind and c["status"] == "True" for c in conditions)
