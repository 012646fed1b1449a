"""What a pod's manifest asks of its node, parsed from the API server's JSON.

`pod_manifest()` keeps the fields a loopback node honours. What a container asks for that a
loopback node cannot give (an image's own entrypoint, Secrets, init containers, ...) becomes an
`Impossible`: a waiting reason and a sentence, as a kubelet reports a container it cannot create.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loopback_node.environment import UnsupportedError, environment, expanded, pod_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loopback_node.api import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpGet:
    """An HTTP request to the pod: good is 200 to 399."""

    path: str
    port: int
    scheme: str
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpSocket:
    """A TCP connection to the pod: good is that it opens."""

    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exec:
    """A command run beside the container: good is exit code 0."""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A preStop hook that only waits."""

    seconds: float


Check = HttpGet | TcpSocket | Exec
Hook = HttpGet | TcpSocket | Exec | Pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A check and its rhythm; durations in seconds, thresholds in consecutive results."""

    check: Check
    initial_delay: float
    period: float
    timeout: float
    success_threshold: int
    failure_threshold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Impossible:
    """Why a container cannot be created here: a waiting reason and a sentence."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container: its command line and environment, expanded, and its probes and hook."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    startup: Probe | None
    readiness: Probe | None
    liveness: Probe | None
    pre_stop: Hook | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRequest:
    """A container by name, and either what to run or why that is impossible."""

    name: str
    image: str
    wanted: Container | Impossible


@dataclass(frozen=True, slots=True, kw_only=True)
class PodManifest:
    """What of a pod never changes while it lives; `grace_period` in seconds."""

    namespace: str
    name: str
    uid: str
    node: str
    restart_policy: str
    grace_period: float
    containers: tuple[ContainerRequest, ...]

    @property
    def path(self) -> str:
        """The pod's path on the API server."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"

    def __str__(self) -> str:
        """Namespace and name, for logs."""
        return f"{self.namespace}/{self.name}"


def pod_manifest(pod: Json, *, address: str, host_address: str) -> PodManifest:
    """The manifest of a bound pod that gets `address` on the node at `host_address`."""
    metadata, spec = pod["metadata"], pod["spec"]
    fields = pod_fields(pod, address=address, host_address=host_address)
    grace = spec.get("terminationGracePeriodSeconds", 30)
    return PodManifest(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        node=spec["nodeName"],
        restart_policy=spec.get("restartPolicy", "Always"),
        grace_period=grace,
        containers=tuple(
            ContainerRequest(
                name=container["name"],
                image=container.get("image", ""),
                wanted=_wanted(container, spec, fields),
            )
            for container in spec["containers"]
        ),
    )


def declared_ports(pod: Json) -> tuple[int, ...]:
    """The TCP ports that the pod's containers declare."""
    return tuple(
        port["containerPort"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports", ())
        if port.get("protocol", "TCP") == "TCP"
    )


def _wanted(container: Json, spec: Json, fields: Mapping[str, str]) -> Container | Impossible:
    if spec.get("initContainers"):
        return _config_error("a loopback node runs no initContainers: leave them out")
    if not container.get("command"):
        image = container.get("image", "")
        return Impossible(
            reason="ErrImagePull",
            message=f"a loopback node pulls no images ({image}): "
            f"give container {container['name']} a command",
        )
    if container.get("workingDir"):
        return _config_error("a loopback node has no file system of an image: drop workingDir")
    if container.get("envFrom"):
        return _config_error("a loopback node reads no envFrom: write the variables into env")
    try:
        return _container(container, fields)
    except UnsupportedError as error:
        return _config_error(str(error))


def _config_error(message: str) -> Impossible:
    return Impossible(reason="CreateContainerConfigError", message=message)


def _container(container: Json, fields: Mapping[str, str]) -> Container:
    env = environment(container.get("env", ()), fields)
    line = (*container["command"], *container.get("args", ()))
    ports = {
        port["name"]: port["containerPort"] for port in container.get("ports", ()) if "name" in port
    }
    return Container(
        name=container["name"],
        command=tuple(expanded(word, env) for word in line),
        env=env,
        startup=_probe(container.get("startupProbe"), ports),
        readiness=_probe(container.get("readinessProbe"), ports),
        liveness=_probe(container.get("livenessProbe"), ports),
        pre_stop=_hook(container.get("lifecycle", {}).get("preStop"), ports),
    )


def _probe(probe: Json | None, ports: Mapping[str, int]) -> Probe | None:
    if probe is None:
        return None
    check = _hook(probe, ports)
    if check is None or isinstance(check, Pause):
        raise UnsupportedError("a loopback node probes by httpGet, tcpSocket or exec only")
    return Probe(
        check=check,
        initial_delay=probe.get("initialDelaySeconds", 0),
        period=probe.get("periodSeconds", 10),
        timeout=probe.get("timeoutSeconds", 1),
        success_threshold=probe.get("successThreshold", 1),
        failure_threshold=probe.get("failureThreshold", 3),
    )


def _hook(handler: Json | None, ports: Mapping[str, int]) -> Hook | None:
    match handler:
        case {"httpGet": {"port": port} as get}:
            return HttpGet(
                path=get.get("path", "/"),
                port=_port(port, ports),
                scheme=get.get("scheme", "HTTP").lower(),
                headers=tuple((h["name"], h["value"]) for h in get.get("httpHeaders", ())),
            )
        case {"tcpSocket": {"port": port}}:
            return TcpSocket(port=_port(port, ports))
        case {"exec": {"command": [*words]}}:
            return Exec(command=tuple(words))
        case {"sleep": {"seconds": seconds}}:
            return Pause(seconds=seconds)
        case _:
            return None


def _port(port: Any, ports: Mapping[str, int]) -> int:
    if isinstance(port, int):
        return port
    if port not in ports:
        raise UnsupportedError(f"no port of the container is named {port!r}: give its number")
    return ports[port]
