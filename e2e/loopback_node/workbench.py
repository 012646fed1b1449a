"""What tests of pods on loopback nodes hold in hand: the API as JSON, a namespace, pods, waiting.

`workbench()` gives a `Workbench` with a namespace of its own, on the nodes of one prefix only, so
that several may work on one API server. `SERVER` is a container's program that answers HTTP on the
pod's address, for tests that need no gateway.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from loopback_node.api import connected
from loopback_node.registration import PREFIX_LABEL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from loopback_node.api import Api, Json

# GET / is 200 until POST /unready, POST /exit/3 ends with 3, POST /hang answers no more. On SIGTERM
# it ends with 7 after GET /pre-stop, else with 9; with STUBBORN in its environment it goes on.
SERVER = """
import http.server, os, signal, socketserver, time
status, end = 200, 9
def on_term(*_):
    if "STUBBORN" not in os.environ:
        os._exit(end)
class Handler(http.server.BaseHTTPRequestHandler):
    def reply(self, code):
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def do_GET(self):
        global end
        if self.path == "/pre-stop":
            end = 7
        self.reply(status)
    def do_POST(self):
        global status
        self.reply(200)
        if self.path == "/unready":
            status = 503
        elif self.path == "/ready":
            status = 200
        elif self.path == "/hang":
            time.sleep(1000)
        else:
            print("told to end", flush=True)
            os._exit(int(self.path.rpartition("/")[2]))
    def log_message(self, *_):
        pass
signal.signal(signal.SIGTERM, on_term)
socketserver.TCPServer.allow_reuse_address = True
socketserver.TCPServer((os.environ["POD_IP"], 8080), Handler).serve_forever()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """An API server, a namespace on it and the Nodes whose pods are meant."""

    api: Api
    namespace: str
    prefix: str

    @property
    def pods(self) -> str:
        """The path of the namespace's pods."""
        return f"/api/v1/namespaces/{self.namespace}/pods"

    @property
    def deployments(self) -> str:
        """The path of the namespace's Deployments."""
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments"

    async def pod(self, name: str) -> Json:
        """The pod as the API server has it."""
        return await self.api.get(f"{self.pods}/{name}")

    def pod_spec(self, container: Json | None = None, **fields: Any) -> Json:
        """A spec with one container: `SERVER`, with a readiness probe, changed by `container`."""
        return {
            "nodeSelector": {PREFIX_LABEL: self.prefix},
            "terminationGracePeriodSeconds": 3,
            "containers": [
                {
                    "name": "main",
                    "image": "example",
                    "command": ["python", "-c", SERVER],
                    "ports": [{"name": "http", "containerPort": 8080}],
                    "env": [_field("POD_IP", "status.podIP")],
                    "readinessProbe": {
                        "httpGet": {"path": "/", "port": "http"},
                        "periodSeconds": 1,
                        "failureThreshold": 1,
                    },
                    **(container or {}),
                }
            ],
            **fields,
        }

    async def create_pod(self, name: str, spec: Json) -> Json:
        """Create a pod of this spec."""
        metadata = {"name": name, "labels": {"app": name}}
        return await self.api.create(
            self.pods, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        )

    async def create_deployment(self, name: str, replicas: int, spec: Json) -> Json:
        """Create a Deployment of pods of this spec, labelled app=`name`."""
        body = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
            },
        }
        return await self.api.create(self.deployments, body)

    async def ready_pod(self, name: str) -> Json:
        """The pod, once it is Ready."""
        return await eventually(lambda: self.pod(name), lambda pod: condition(pod, "Ready"))


async def ask(pod: Json, path: str = "/", *, method: str = "GET") -> int | None:
    """The HTTP status that `SERVER` in this pod answers, None where no answer comes."""
    url = f"http://{pod['status']['podIP']}:8080{path}"
    try:
        async with aiohttp.ClientSession() as http, http.request(method, url) as response:
            return response.status
    except aiohttp.ClientError:
        return None


def _field(name: str, path: str) -> Json:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def condition(item: Json, kind: str) -> bool:
    """Whether the object's condition of this type is True."""
    conditions = item.get("status", {}).get("conditions", ())
    return any(c["type"] == kind and c["status"] == "True" for c in conditions)


def container_status(pod: Json) -> Json:
    """The status of the pod's only container, empty before there is one."""
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    status: Json = statuses[0]
    return status


def process_id(pod: Json) -> int:
    """The pid of the pod's only container, which leads the container's process group."""
    identity: str = container_status(pod)["containerID"]
    return int(identity.removeprefix("loopback://").partition("-")[0])


def is_alive(group: int) -> bool:
    """Whether any process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return not _is_all_zombies(group)


def _is_all_zombies(group: int) -> bool:
    """Whether all that is left is dead but not yet collected, as without an init process."""
    states = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, leader, *_ = path.read_text().rpartition(")")[2].split()
            if int(leader) == group:
                states.append(state)
    return bool(states) and set(states) <= {"Z", "X"}


async def eventually(
    look: Callable[[], Awaitable[Json]], holds: Callable[[Json], bool], within: float = 30.0
) -> Json:
    """What `look` finds, once `holds` is true of it.

    Raises:
        AssertionError: it is not within so many seconds; it shows what was found last.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while True:
        found = await look()
        if holds(found):
            return found
        if loop.time() > deadline:
            raise AssertionError(f"not within {within:g}s: {found}")
        await asyncio.sleep(0.05)


@asynccontextmanager
async def workbench(kubeconfig: Path, prefix: str) -> AsyncIterator[Workbench]:
    """A workbench whose namespace is deleted with it."""
    async with connected(kubeconfig) as api:
        name = f"bench-{secrets.token_hex(4)}"
        await api.create("/api/v1/namespaces", {"metadata": {"name": name}})
        bench = Workbench(api=api, namespace=name, prefix=prefix)
        try:
            account = f"/api/v1/namespaces/{name}/serviceaccounts"
            await eventually(lambda: api.get(account), lambda found: bool(found["items"]))
            yield bench
        finally:
            await api.delete(f"/api/v1/namespaces/{name}")
