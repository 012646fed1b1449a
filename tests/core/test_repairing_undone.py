"""A repair of a gateway that is well is undone when its cause is gone, before it is removed."""

from typing import Any

from tests.core.fleet import isolated
from tests.core.ladder import told

from imchat_operator.core.decision import Reason
from imchat_operator.core.draining import Step
from imchat_operator.core.snapshot import Gateway, Node
from imchat_operator.models import Phase

MOVABLE = [Phase.SURGING, Phase.ISOLATING, Phase.DRAINING]
UNDONE = Step(
    drain=None,
    notices=told(
        Reason.REMEDIATION_UNDONE,
        "a stays, and takes connections again: its cause is gone (NodeLeaving: node n goes away)",
    ),
)


def on(reading: int = 300, **node: Any) -> Gateway:
    return isolated("a", reading, released="v1", node=Node(name="n", **node))
