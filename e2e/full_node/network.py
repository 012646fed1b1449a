"""Network namespaces: a bridge in ours, and a cable to one for each node."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from full_node.addresses import HUB, HUB_BRIDGE, with_prefix
from full_node.commands import run
from full_node.errors import FullNodeError

if TYPE_CHECKING:
    from full_node.addresses import NodeAddress

_NAMES = Path("/run/netns")


def lay_hub() -> None:
    """Set up our own namespace, which has nothing yet: no way leads out of it."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", HUB_BRIDGE, "type", "bridge")
    run("ip", "address", "add", with_prefix(HUB), "dev", HUB_BRIDGE)
    run("ip", "link", "set", HUB_BRIDGE, "up")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="utf-8")
    # Thousands of clients come and go from one address.
    Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("10000 65000", encoding="utf-8")


def plug_in(node: NodeAddress) -> None:
    """Make a node's namespace, new, and connect it."""
    unplug(node)
    run("ip", "netns", "add", node.name)
    run(
        *("ip", "link", "add", node.cable, "type", "veth"),
        *("peer", "name", "eth0", "netns", node.name),
    )
    run("ip", "link", "set", node.cable, "master", HUB_BRIDGE, "up")
    inside = ("ip", "-netns", node.name)
    run(*inside, "link", "set", "lo", "up")
    run(*inside, "address", "add", with_prefix(node.address), "dev", "eth0")
    run(*inside, "link", "set", "eth0", "up")
    run(*inside, "route", "add", "default", "via", HUB)
    run("ip", "route", "replace", node.pods, "via", node.address)


def unplug(node: NodeAddress) -> None:
    """Take a node's namespace away, if there is one; what runs in it has to be gone."""
    with suppress(FullNodeError):  # the cable goes with either end
        run("ip", "link", "delete", node.cable)
    if (_NAMES / node.name).exists():
        run("ip", "netns", "delete", node.name)


def entered(node: NodeAddress) -> list[str]:
    """The beginning of a command line that runs in a node's namespace."""
    return ["nsenter", f"--net={_NAMES / node.name}", "--"]
