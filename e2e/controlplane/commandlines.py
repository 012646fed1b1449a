"""The argument lists of etcd, kube-apiserver and kube-controller-manager: pure, no process here.

Everything listens on 127.0.0.1 only, but the API server where it is told another address: then
there are real nodes, and what is switched off for want of them is on. Each connection has TLS, and
RBAC is on. Flags of the caller come last, so that they win over ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .credentials import FRONT_PROXY, LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .credentials import Credentials

# EndpointSlices and Endpoints refuse loopback addresses, which is what pods have on loopback nodes.
_LOOPBACK_CONTROLLERS: Final = (
    "*,-endpoints-controller,-endpointslice-controller,-endpointslice-mirroring-controller"
)
_LOOPBACK_API: Final = (
    "--authorization-mode=RBAC",
    "--service-cluster-ip-range=127.1.0.0/16",
    "--endpoint-reconciler-type=none",
)
_NODES_API: Final = (
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--service-cluster-ip-range=10.96.0.0/16",
    "--kubelet-preferred-address-types=InternalIP",  # there is no DNS for their names
)
SERVICE_ADDRESS: Final = "10.96.0.1"
"""Where pods on real nodes find the API server: the first address of the Services' range."""

# Whoever counts requests must not lose some to a rotated file, as by default after 100 MB.
_AUDIT_MEGABYTES: Final = 10_000

AUDIT_POLICY: Final = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The TCP ports: the API server's on its address, the others on 127.0.0.1."""

    apiserver: int
    etcd: int
    etcd_peer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where things of one control plane are: its folder, its programs, its ports."""

    folder: Path
    programs: Mapping[str, Path]
    ports: Ports
    address: str = LOOPBACK
    audit: bool = False
    flags: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def server(self) -> str:
        """The address of the API server."""
        return f"https://{self.address}:{self.ports.apiserver}"

    @property
    def is_loopback(self) -> bool:
        """Whether nothing but this machine reaches the API server."""
        return self.address == LOOPBACK

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where its serving certificates have to be good for."""
        return (LOOPBACK,) if self.is_loopback else (LOOPBACK, self.address, SERVICE_ADDRESS)

    @property
    def audit_log(self) -> Path:
        """The file of the API server's audit log, one JSON object a line."""
        return self.folder / "audit.jsonl"

    @property
    def audit_policy(self) -> Path:
        """The file of the audit policy."""
        return self.folder / "audit-policy.yaml"

    @property
    def controller_manager_kubeconfig(self) -> Path:
        """The kubeconfig of kube-controller-manager's own identity."""
        return self.folder / "controller-manager.kubeconfig"

    def command(self, program: str, flags: Sequence[str]) -> list[str]:
        """The program with our flags and then the caller's."""
        return [str(self.programs[program]), *flags, *self.flags.get(program, ())]


def etcd(layout: Layout, credentials: Credentials) -> list[str]:
    """One member that skips fsync: the data is thrown away at the end."""
    client = f"https://127.0.0.1:{layout.ports.etcd}"
    peer = f"https://127.0.0.1:{layout.ports.etcd_peer}"
    serving, authority = credentials.server, credentials.authority.certificate
    return layout.command(
        "etcd",
        [
            f"--data-dir={layout.folder / 'etcd'}",
            "--unsafe-no-fsync",
            "--name=local",
            f"--initial-cluster=local={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--listen-peer-urls={peer}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            "--client-cert-auth",
            f"--trusted-ca-file={authority}",
            f"--cert-file={serving.certificate}",
            f"--key-file={serving.key}",
            "--peer-client-cert-auth",
            f"--peer-trusted-ca-file={authority}",
            f"--peer-cert-file={serving.certificate}",
            f"--peer-key-file={serving.key}",
        ],
    )


def apiserver(layout: Layout, credentials: Credentials) -> list[str]:
    """The API server with RBAC, tokens, client certificates, aggregation and, if asked, audit."""
    service_accounts = credentials.service_accounts
    audit = [
        f"--audit-policy-file={layout.audit_policy}",
        f"--audit-log-path={layout.audit_log}",
        f"--audit-log-maxsize={_AUDIT_MEGABYTES}",
    ]
    return layout.command(
        "kube-apiserver",
        [
            f"--etcd-servers=https://127.0.0.1:{layout.ports.etcd}",
            f"--etcd-cafile={credentials.authority.certificate}",
            f"--etcd-certfile={credentials.etcd_client.certificate}",
            f"--etcd-keyfile={credentials.etcd_client.key}",
            f"--bind-address={layout.address}",
            f"--advertise-address={layout.address}",
            f"--secure-port={layout.ports.apiserver}",
            f"--tls-cert-file={credentials.server.certificate}",
            f"--tls-private-key-file={credentials.server.key}",
            f"--client-ca-file={credentials.authority.certificate}",
            f"--token-auth-file={credentials.tokens}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={service_accounts.certificate}",
            f"--service-account-signing-key-file={service_accounts.key}",
            *(_LOOPBACK_API if layout.is_loopback else _NODES_API),
            *_aggregation(credentials),
            *(audit if layout.audit else ()),
        ],
    )


def _aggregation(credentials: Credentials) -> list[str]:
    """How the API server asks aggregated API servers, and tells them for whom."""
    return [
        f"--requestheader-client-ca-file={credentials.front_proxy_authority.certificate}",
        f"--requestheader-allowed-names={FRONT_PROXY}",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={credentials.front_proxy.certificate}",
        f"--proxy-client-key-file={credentials.front_proxy.key}",
    ]


def controller_manager(layout: Layout, credentials: Credentials) -> list[str]:
    """All controllers but, on loopback, those that refuse its pods; it serves nothing itself."""
    authority = credentials.authority
    return layout.command(
        "kube-controller-manager",
        [
            f"--kubeconfig={layout.controller_manager_kubeconfig}",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={credentials.service_accounts.key}",
            f"--root-ca-file={authority.certificate}",
            f"--cluster-signing-cert-file={authority.certificate}",
            f"--cluster-signing-key-file={authority.key}",
            "--leader-elect=false",
            "--secure-port=0",
            f"--controllers={_LOOPBACK_CONTROLLERS if layout.is_loopback else '*'}",
            # The defaults (20, 30) make its own start take 3 s longer.
            "--kube-api-qps=200",
            "--kube-api-burst=400",
            "--node-monitor-grace-period=20s",
        ],
    )
