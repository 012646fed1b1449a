"""What the API server says of a change: whether it takes it, or names the field that is wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hostile.stage import RefusedError

if TYPE_CHECKING:
    from hostile.schema import Change
    from hostile.stage import Objects

# The body itself can't be read then: the API server knows no field yet.
_UNREADABLE: Final = re.compile(r"json: cannot unmarshal|error decoding|cannot restore")


def refusal(objects: Objects, kind: str, name: str, change: Change, *, dry: bool) -> str:
    """Ask for a change; return why the API server does not take it, or nothing if it does.

    Raises:
        AssertionError: its sentence does not name the field, nor what the field is in.
    """
    try:
        objects.replace(kind, name, change.spec, dry=dry)
    except RefusedError as error:
        message = str(error)
        assert is_named(change, message), f"{change}: {message}"
        return message
    return ""


def is_named(change: Change, message: str) -> bool:
    """Whether a refusal names the field of a change, what holds it, or one beside it.

    A rule may be about several fields, and names the one that its author thought of.
    """
    if _UNREADABLE.search(message):
        return True
    holders = [name for name in change.spot.path if name != "[]"]
    return "spec" in message and any(
        re.search(rf"\b{re.escape(name)}\b", message) for name in [*holders, "spec."]
    )
