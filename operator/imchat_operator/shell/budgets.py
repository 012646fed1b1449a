"""PodDisruptionBudgets: which of them select a pod, and what they have against its eviction.

What is said of them is as of when they were listed.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from imchat_operator.core.snapshot import Keeper
from imchat_operator.shell.kube import BUDGETS, FAILED, Api, Json
from imchat_operator.shell.objects import Pod

_TIMEOUT = 5.0
_LONGEST = 15.0  # seconds that a list is good for


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a PodDisruptionBudget says of the pods that it selects.

    Attributes:
        selector: of labels, as policy/v1 has it.
        is_current: whether the status is of the present spec.
        trouble: why its controller could not compute it; empty if it could.
        allowed: pods that may be evicted now.
        healthy: of the pods.
        needed: healthy pods that have to stay.
        expected: pods that there should be.
        evicted: pods that were let go of and are not seen to be deleted yet.
    """

    name: str
    selector: Json | None
    is_current: bool
    trouble: str
    allowed: int
    healthy: int
    needed: int
    expected: int
    evicted: int

    @property
    def objection(self) -> str:
        """Why it lets no pod go; empty if it does."""
        name = f"PodDisruptionBudget {self.name}"
        if not self.is_current:
            return f"{name} was changed, its new figures are awaited"
        if self.trouble:
            return f"{name} allows no disruption: {self.trouble}"
        if 0 < self.expected <= self.needed:
            figures = f"{self.needed} healthy of {self.expected} expected"
            return f"{name} can never allow it: it needs {figures}"
        if self.allowed > 0:
            return ""
        figures = f"{self.healthy} of {self.expected} healthy, {self.needed} needed"
        aside = f", {self.evicted} on the way out" if self.evicted else ""
        return f"{name} allows no disruption now ({figures}{aside})"

    @property
    def yields(self) -> bool:
        """Whether it lets a pod go that is not ready once a replacement is ready beside it."""
        return self.is_current and not self.trouble and self.needed <= self.expected


class Keepers:
    """What would keep pods from being evicted."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._asked: frozenset[str] = frozenset()
        self._known: tuple[Budget, ...] = ()
        self._until = 0.0

    async def of(self, pods: Sequence[Pod]) -> Mapping[str, Keeper]:
        """Return them by the uids of pods, as of some seconds ago at most.

        Where the budgets can't be listed nothing is said of any pod.
        """
        uids = frozenset(p.uid for p in pods)
        if not uids:
            return {}
        if time.monotonic() >= self._until or not uids <= self._asked:
            listed = await budgets(self._api, self._namespace)
            if listed is None:
                return {}
            self._known, self._asked = listed, uids
            self._until = time.monotonic() + _LONGEST
        found = {p.uid: keeper(selecting(self._known, dict(p.labels))) for p in pods}
        return {uid: one for uid, one in found.items() if one is not None}


def keeper(selecting_it: Sequence[Budget]) -> Keeper | None:
    """Return what the budgets that select a pod have against its eviction; None if nothing."""
    why = objection(selecting_it)
    is_one = len(selecting_it) == 1
    return Keeper(why=why, yields=is_one and selecting_it[0].yields) if why else None


async def budgets(api: Api, namespace: str) -> tuple[Budget, ...] | None:
    """Return the budgets of a namespace, by name; None where that is not told."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            listed, _ = await api.items(BUDGETS.path(namespace), {})
    except FAILED:
        return None
    return tuple(sorted(map(budget, listed), key=lambda b: b.name))


def selecting(found: Iterable[Budget], labels: Mapping[str, str]) -> tuple[Budget, ...]:
    """Return those that select a pod, by its labels."""
    return tuple(b for b in found if selects(b.selector, labels))


def objection(selecting_it: Sequence[Budget]) -> str:
    """Return why the budgets that select a pod don't let it go; empty if they do."""
    if len(selecting_it) > 1:
        names = ", ".join(b.name for b in selecting_it)
        count = f"{len(selecting_it)} PodDisruptionBudgets"
        return f"{count} select it ({names}), which the eviction API does not support"
    return "".join(b.objection for b in selecting_it)


def budget(found: Json) -> Budget:
    """Return what is kept of a PodDisruptionBudget."""
    meta, status = found["metadata"], found.get("status", {})
    failed = (c for c in status.get("conditions", ()) if c.get("reason") == "SyncFailed")
    return Budget(
        name=meta["name"],
        selector=found["spec"].get("selector"),
        is_current=status.get("observedGeneration", 0) >= meta.get("generation", 0),
        trouble=next((c.get("message", "") for c in failed if c["status"] == "False"), ""),
        allowed=status.get("disruptionsAllowed", 0),
        healthy=status.get("currentHealthy", 0),
        needed=status.get("desiredHealthy", 0),
        expected=status.get("expectedPods", 0),
        evicted=len(status.get("disruptedPods", {})),
    )


def selects(selector: Json | None, labels: Mapping[str, str]) -> bool:
    """Return whether a policy/v1 label selector matches labels: none nothing, an empty one all."""
    if selector is None:
        return False
    pairs = selector.get("matchLabels", {}).items()
    requirements = selector.get("matchExpressions", ())
    return all(labels.get(key) == value for key, value in pairs) and all(
        _meets(labels, r["key"], r["operator"], r.get("values", ())) for r in requirements
    )


def _meets(labels: Mapping[str, str], key: str, operator: str, values: Sequence[str]) -> bool:
    match operator:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:  # the API server takes no others
            return False
