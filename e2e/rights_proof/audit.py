"""What operators asked of an API server, by its audit log."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from harness.rights import SERVICE_ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Namespaces of tests have names of their own; these two places have not.
CLUSTER: Final = "(cluster)"
NODE_LEASES: Final = "kube-node-lease"
SERVED: Final = "(served namespace)"

_USER: Final = "system:serviceaccount:"


class Use(NamedTuple):
    """A verb on a resource, such as `patch` on `pods/status`, and in what kind of place."""

    place: str
    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        """As a sentence has it."""
        group = f".{self.group}" if self.group else ""
        return f"{self.verb} {self.resource}{group} in {self.place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What operators were allowed to do and did, and what they tried and were not allowed to."""

    used: frozenset[Use]
    denied: frozenset[Use]


def findings(lines: Iterable[str]) -> Findings:
    """Return what the operators in an audit log did: one JSON object a line."""
    used: set[Use] = set()
    denied: set[Use] = set()
    mine = f":{SERVICE_ACCOUNT}"
    for line in lines:
        if mine not in line:  # most are of others, and not worth parsing
            continue
        event: dict[str, Any] = json.loads(line)
        name = event["user"]["username"]
        if "objectRef" not in event or not (name.startswith(_USER) and name.endswith(mine)):
            continue
        decision = event.get("annotations", {}).get("authorization.k8s.io/decision")
        (denied if decision == "forbid" else used).add(_use(event["verb"], event["objectRef"]))
    return Findings(used=frozenset(used), denied=frozenset(denied))


def place(namespace: str) -> str:
    """Return what kind of place a namespace is."""
    if not namespace:
        return CLUSTER
    return NODE_LEASES if namespace == NODE_LEASES else SERVED


def _use(verb: str, ref: dict[str, str]) -> Use:
    parts = (ref["resource"], ref.get("subresource"))
    return Use(
        place=place(ref.get("namespace", "")),
        group=ref.get("apiGroup", ""),
        resource="/".join(filter(None, parts)),
        verb=verb,
    )


def left(audit_log: Path, folder: Path) -> Path:
    """Leave the findings of a session's audit log in a folder, in a new file."""
    with audit_log.open(encoding="utf-8") as lines:
        found = findings(lines)
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / f"{uuid.uuid4()}.json"
    text = {"used": sorted(found.used), "denied": sorted(found.denied)}
    written.write_text(json.dumps(text, indent=1), encoding="utf-8")
    return written


def merged(folder: Path) -> Findings:
    """Return the findings of all sessions that left some in a folder."""
    told = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    return Findings(
        used=frozenset(Use(*use) for each in told for use in each["used"]),
        denied=frozenset(Use(*use) for each in told for use in each["denied"]),
    )
