"""What people ask for by annotations: of a gateway's pod, or of the ImChatCluster."""

from typing import Final

from imchat_operator.models.base import GROUP
from imchat_operator.models.window import WindowAction

# Of a pod: drained and replaced; kept for forensics, with the reason; what the operator notes.
DRAIN: Final = f"{GROUP}/drain"
QUARANTINE: Final = f"{GROUP}/quarantine"
RELEASED: Final = f"{GROUP}/released"

# Of an ImChatCluster: what is paused; the value is the reason.
PAUSES: Final = {
    WindowAction.SCALE_UP: f"{GROUP}/pause-scale-up",
    WindowAction.SCALE_DOWN: f"{GROUP}/pause-scale-down",
    WindowAction.HEALING: f"{GROUP}/pause-healing",
}
