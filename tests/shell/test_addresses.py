"""Which addresses of pods are believed."""

from ipaddress import ip_network

import pytest
from tests.shell.pods import pod

from imchat_operator.shell.addresses import address_of

_NONE_CAN_HAVE = "address, which no gateway can have"


@pytest.mark.parametrize(
    ("host", "networks", "why"),
    [
        pytest.param("10.1.2.3", "", "", id="a private one"),
        pytest.param("100.64.3.4", "", "", id="one of a carrier's range, as some clouds use"),
        pytest.param("203.0.113.9", "", "", id="a public one, as nodes may have"),
        pytest.param("fd00:1::9", "", "", id="a private one of IPv6"),
        pytest.param("2001:db8::9", "", "", id="a public one of IPv6"),
        pytest.param("10.1.2.3", "10.0.0.0/8", "", id="one of the administrator's networks"),
        pytest.param("fd00::1", "10.0.0.0/8,fd00::/8", "", id="one of a second network"),
        pytest.param(
            "192.168.0.1",
            "10.0.0.0/8",
            "is in none of the networks of IMCHAT_GATEWAY_NETWORKS",
            id="one of no such network",
        ),
        pytest.param("127.0.0.1", "", _NONE_CAN_HAVE, id="loopback"),
        pytest.param("127.8.8.8", "10.0.0.0/8", _NONE_CAN_HAVE, id="loopback, not listed"),
        pytest.param("127.8.8.8", "127.0.0.0/8", "", id="loopback, where the administrator says"),
        pytest.param("::1", "", _NONE_CAN_HAVE, id="loopback of IPv6"),
        pytest.param("::ffff:127.0.0.1", "127.0.0.0/8", _NONE_CAN_HAVE, id="loopback, mapped"),
        pytest.param("::ffff:10.0.0.1", "", _NONE_CAN_HAVE, id="any that is mapped"),
        pytest.param("169.254.169.254", "", _NONE_CAN_HAVE, id="the metadata service"),
        pytest.param("169.254.0.9", "0.0.0.0/0", _NONE_CAN_HAVE, id="link-local, whoever lists it"),
        pytest.param("fe80::1", "", _NONE_CAN_HAVE, id="link-local of IPv6"),
        pytest.param("fd00:1::1%eth0", "", _NONE_CAN_HAVE, id="one with a scope"),
        pytest.param("fd00:ec2::254", "", _NONE_CAN_HAVE, id="the metadata service of AWS"),
        pytest.param("168.63.129.16", "0.0.0.0/0", _NONE_CAN_HAVE, id="that of Azure"),
        pytest.param("64:ff9b::a9fe:a9fe", "", _NONE_CAN_HAVE, id="metadata, by translation"),
        pytest.param("224.0.0.1", "", _NONE_CAN_HAVE, id="multicast"),
        pytest.param("ff02::1", "", _NONE_CAN_HAVE, id="multicast of IPv6"),
        pytest.param("255.255.255.255", "", _NONE_CAN_HAVE, id="broadcast"),
        pytest.param("0.0.0.0", "", _NONE_CAN_HAVE, id="unspecified"),  # noqa: S104 -- the point
        pytest.param("::", "", _NONE_CAN_HAVE, id="unspecified of IPv6"),
        pytest.param("metadata.internal", "", "is no IP address", id="a name"),
        pytest.param("10.0.0.1:80@evil", "", "is no IP address", id="more than an address"),
        pytest.param("0x7f000001", "", "is no IP address", id="another notation"),
        pytest.param("127.1", "", "is no IP address", id="a short one"),
        pytest.param("010.0.0.1", "", "is no IP address", id="one that may be octal"),
    ],
)
def test_an_address_is_believed_if_a_gateway_can_have_it(
    host: str, networks: str, why: str
) -> None:
    listed = tuple(ip_network(part) for part in networks.split(",") if part)
    refused = address_of(pod("a", address=host, ports=(8080,)), 8080, listed).refused
    assert refused.endswith(why)
    assert bool(refused) == bool(why)


def test_a_port_that_the_pod_does_not_declare_is_refused_with_what_to_do() -> None:
    found = address_of(pod("a", address="10.0.0.1", ports=(8080, 9100)), 10250, ())
    assert found.refused == (
        "not asked: its pod declares no TCP containerPort 10250 (it declares 8080, 9100): "
        "add it, or correct spec.gatewayPort"
    )
