"""Where gateways answer: which addresses of pods are believed, and on which port.

A pod's address is what its status says, and who may write that could point the operator anywhere:
at the cloud's metadata service, at what listens on the operator's own loopback, at a router. So
an address is refused unless a gateway can have it, and a port unless the pod declares it.
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from imchat_operator.shell.objects import Pod

Network = IPv4Network | IPv6Network

_REMEMBERED = 1 << 14

# Where clouds answer machines that ask for credentials or configuration; 169.254.169.254, which
# most use, is link-local and refused as such.
_METADATA = frozenset(
    map(
        ip_address,
        (
            "100.100.100.200",  # Alibaba Cloud
            "168.63.129.16",  # Azure
            "192.0.0.192",  # Oracle Cloud, of old
            "fd00:ec2::254",  # AWS
            "fd20:ce::254",  # Google Cloud
        ),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where something answers, or why it is not asked.

    Attributes:
        namespace: the pod's; its gateways may have TLS and a token.
        refused: why nothing is sent there, in words.
    """

    host: str
    port: int
    namespace: str = ""
    refused: str = ""

    def url(self, path: str, scheme: str = "http") -> str:
        """Return the URL of a path; IPv6 addresses are bracketed.

        A path is one even if it does not begin as such: `@evil/` must not become part of the host.
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}/{path.removeprefix('/')}"


def address_of(pod: Pod, port: int, networks: tuple[Network, ...]) -> Address:
    """Return where a gateway answers.

    Args:
        pod: the gateway.
        port: the port that `spec.gatewayPort` says.
        networks: where gateways may be; empty for wherever pods can.
    """
    refused = _refusal(pod.address, networks)
    if not refused and port not in pod.ports:
        known = ", ".join(map(str, pod.ports)) or "none"
        refused = (
            f"not asked: its pod declares no TCP containerPort {port} (it declares {known}): "
            "add it, or correct spec.gatewayPort"
        )
    return Address(host=pod.address, port=port, namespace=pod.namespace, refused=refused)


# Each pass asks it of every gateway, and addresses hardly change.
@lru_cache(maxsize=_REMEMBERED)
def _refusal(text: str, networks: tuple[Network, ...]) -> str:
    try:
        host = ip_address(text)
    except ValueError:
        return "not asked: the address in its pod's status is no IP address"
    kind = _kind(host)
    is_listed = any(host in network for network in networks)
    if kind == "a loopback" and is_listed:
        return ""
    if kind:
        return f"not asked: {text} is {kind} address, which no gateway can have"
    if networks and not is_listed:
        return f"not asked: {text} is in none of the networks of IMCHAT_GATEWAY_NETWORKS"
    return ""


def _kind(host: IPv4Address | IPv6Address) -> str:
    """Return what makes an address one that no pod has; nothing if a pod can have it."""
    if isinstance(host, IPv6Address) and (host.ipv4_mapped or host.scope_id):
        return "an ambiguous"
    if host.is_loopback:
        return "a loopback"
    if host.is_link_local:
        return "a link-local"
    if host.is_multicast:
        return "a multicast"
    if host.is_unspecified or host.is_reserved:
        return "a reserved"
    return "a metadata service's" if host in _METADATA else ""
