"""Zombies: gateways that look well to every probe, and badly beside their peers.

Peers share the clients of one fleet, so that what most of them do for each connection is what is
to be expected of one more. With fewer than two peers nobody is an outlier.
"""

from statistics import median

from imchat_operator.core.ailments import Ailment, Diagnosis, Scene
from imchat_operator.core.snapshot import Gateway, Reported

# Peers that have to tell their figures before a gateway can be an outlier among them.
_LEAST_PEERS = 2
# Connections below which a gateway without traffic is no wonder.
_LEAST_CONNECTIONS = 10
# Messages that a zombie should have answered in `zombieFor`: by chance none comes once in e^30.
_LEAST_EXPECTED = 30
# Errors below which nobody is an outlier: a second in all, and a second for each connection.
_LEAST_ERRORS = 0.1
_LEAST_ERROR_SHARE = 0.001


def outlier(gateway: Gateway, scene: Scene) -> Diagnosis | None:
    """Return how a gateway that is ready differs from its peers, if it does."""
    reading = gateway.reading
    if not gateway.ready or not isinstance(reading, Reported):
        return None
    evidence = _no_traffic(gateway, reading, scene) or _errors(gateway, reading, scene)
    if not evidence:
        return None
    return Diagnosis(ailment=Ailment.ZOMBIE, evidence=evidence, patience=scene.policy.zombie_for)


# They are looked at where a gateway's own figures are suspicious: of a large fleet, all of them
# for each of them would be most of a decision.
def _peers(gateway: Gateway, scene: Scene) -> list[Reported]:
    others = (g.reading for g in scene.peers if g.uid != gateway.uid)
    return [r for r in others if isinstance(r, Reported) and r.connections]


def _no_traffic(gateway: Gateway, own: Reported, scene: Scene) -> str:
    if own.message_rate != 0 or own.connections < _LEAST_CONNECTIONS:
        return ""
    peers = _peers(gateway, scene)
    shares = [r.message_rate / r.connections for r in peers if r.message_rate is not None]
    if len(shares) < _LEAST_PEERS:
        return ""
    expected = median(shares) * own.connections
    if expected * scene.policy.zombie_for.total_seconds() < _LEAST_EXPECTED:
        return ""
    return (
        f"is ready and answers no message of its {own.connections} clients; "
        f"by its peers it should answer {expected:.1f} a second"
    )


def _errors(gateway: Gateway, own: Reported, scene: Scene) -> str:
    rate = own.error_rate
    if rate is None or rate < _LEAST_ERRORS:
        return ""
    peers = _peers(gateway, scene)
    shares = [r.error_rate / r.connections for r in peers if r.error_rate is not None]
    if len(shares) < _LEAST_PEERS:
        return ""
    usual = max(median(shares), _LEAST_ERROR_SHARE)
    share, factor = rate / max(1, own.connections), scene.policy.zombie.error_factor
    if share < factor * usual:
        return ""
    return (
        f"is ready and loses {rate:.1f} sessions a second to errors, "
        f"more than {factor} times what its peers do for each connection"
    )
