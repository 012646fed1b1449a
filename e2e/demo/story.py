"""The acts of the demo. Each waits for its part to happen, and says with what figures it did."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.fleet import Fleet
from demo.screen import NotToldError, Screen
from harness import Namespace
from harness.manifests import window

PEAK = 1500
_WINDOW_SECONDS = 30
_SHORTEST_WINDOW = timedelta(minutes=1)
_EVENING = 0.5  # share of the peak below which the last gateways would be sent home


@dataclass(slots=True, kw_only=True)
class Scene:
    """Where the story happens, and the facts that its end tells."""

    namespace: Namespace
    fleet: Fleet
    screen: Screen
    facts: dict[str, str] = field(default_factory=dict)

    def wait(self, what: str, happened: Callable[[], bool], seconds: float = 40) -> None:
        """Wait for something to happen, showing it."""
        self.screen.wait_for(what, happened, seconds)

    def report(self) -> dict[str, Any]:
        """Return the users' latest figures."""
        return self.fleet.view.report

    def dropped(self) -> int:
        """Return how many connections ended without a close frame so far."""
        return int(self.report().get("dropped", 0))

    def told(self, reason: str, about: str = "") -> str:
        """Return the latest Event of a reason whose text names something, or nothing."""
        notes = [e["note"] for e in self.namespace.events() if e["reason"] == reason]
        return next((str(n) for n in reversed(notes) if about in n), "")

    def event(self, reason: str, about: str = "", seconds: float = 40) -> str:
        """Wait for an Event, tell it, and return its text."""
        self.wait(f"the Event {reason}", lambda: bool(self.told(reason, about)), seconds)
        text = self.told(reason, about)
        self.screen.tell(f"[cyan]{reason}[/cyan] {text}")
        return text

    def busiest(self) -> tuple[str, int]:
        """Return the gateway with the most clients, and their number."""
        held = self.report().get("byGateway", {})
        name = max(held, key=lambda n: (held[n], n))
        return name, int(held[name])


def a_sick_gateway_is_drained_and_replaced(scene: Scene) -> None:
    """A gateway fails its readiness probe though its clients are still served."""
    scene.wait("clients arrive", lambda: scene.report().get("connected", 0) > PEAK / 6)
    ill, held = scene.busiest()
    scene.screen.tell(
        f"[bold]1. A gateway falls ill.[/bold] {ill} fails its readiness; {held} clients are on it."
    )
    scene.namespace.fault(ill, "unready")
    scene.event("GatewayUnhealthy", ill)
    scene.event("GatewayDrained", ill)
    note = scene.event("GatewayReplaced", ill)
    _require(scene.dropped() == 0, f"{scene.dropped()} connections were dropped by the drain")
    scene.facts["replaced without a cut"] = note


def the_fleet_grows(scene: Scene) -> None:
    """The morning's load fills the gateways."""
    scene.screen.tell("[bold]2. The morning rush.[/bold] The load follows a real trace.")
    scene.event("ScalingUp", seconds=60)
    size = scene.namespace.replicas()
    scene.wait(f"{size} gateways are ready", lambda: len(scene.namespace.ready_pods()) >= size)
    scene.wait("the peak", lambda: scene.report().get("connected", 0) > 0.9 * PEAK, 60)
    _require(scene.dropped() == 0, f"{scene.dropped()} connections were dropped while growing")


def a_crash_cuts_only_its_own(scene: Scene) -> None:
    """A process dies: what it held is lost, and nothing else."""
    victim, held = scene.busiest()
    scene.screen.tell(
        f"[bold]3. A crash.[/bold] {victim} dies with about {held} clients; nobody can drain it."
    )
    scene.namespace.fault(victim, "crash")
    scene.wait("the clients notice", lambda: scene.dropped() > 0)
    scene.wait(
        "all clients are back",
        lambda: scene.report()["connected"] >= 0.99 * scene.report()["target"],
    )
    cut = scene.dropped()
    _require(cut <= 1.1 * held + 10, f"{cut} connections were dropped, the gateway held {held}")
    scene.facts["cut by the crash"] = f"{cut} connections; {victim} held {held} just before"


def a_window_holds_the_scale_down(scene: Scene) -> None:
    """People are at work: automation waits for the window to close."""
    scene.wait(
        "the evening, when the load falls",
        lambda: scene.report().get("target", PEAK) < _EVENING * PEAK,
        120,
    )
    # It counts from a while ago: the API takes no window of less than a minute.
    end = datetime.now(UTC) + timedelta(seconds=_WINDOW_SECONDS)
    times = (end - _SHORTEST_WINDOW, end)
    opens, closes = (t.isoformat(timespec="seconds") for t in times)
    scene.screen.tell(
        f"[bold]4. Maintenance.[/bold] A MaintenanceWindow opens for {_WINDOW_SECONDS}s."
    )
    scene.namespace.apply(window("evening-work", {"once": {"start": opens, "end": closes}}))
    scene.event("WindowOpen", seconds=10)
    scene.event("HeldByWindow")
    size = scene.namespace.replicas()
    scene.event("WindowClosed")
    _require(scene.namespace.replicas() == size, "the fleet shrank inside the window")
    scene.facts["held by the window"] = f"{size} gateways kept until it closed"


def the_fleet_shrinks(scene: Scene) -> None:
    """The least loaded gateways are drained first and only then removed."""
    before = scene.dropped()
    scene.screen.tell("[bold]5. The night.[/bold] Fewer gateways are enough.")
    scene.event("ScalingDown")
    note = scene.event("ScaledDown", seconds=60)
    _require(scene.dropped() == before, "the scale-down dropped connections")
    scene.facts["scaled down without a cut"] = note


ACTS: tuple[Callable[[Scene], None], ...] = (
    a_sick_gateway_is_drained_and_replaced,
    the_fleet_grows,
    a_crash_cuts_only_its_own,
    a_window_holds_the_scale_down,
    the_fleet_shrinks,
)


def _require(holds: bool, otherwise: str) -> None:  # noqa: FBT001 -- reads as a sentence
    if not holds:
        raise NotToldError(otherwise)
