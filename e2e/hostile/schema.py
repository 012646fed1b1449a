"""The fields of the custom resources as their CRDs have them, and values at and beyond each bound.

Nothing here knows a field by its name, but for `_TOGETHER`: rules in CEL join some fields, and what
else has to be so for a value to be taken can't be read out of a schema.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from imchat_operator.crds import definitions

Json = dict[str, Any]

_FILES: Final = {
    "ImChatCluster": "imchatclusters.yaml",
    "MaintenanceWindow": "maintenancewindows.yaml",
}
_LONGEST_TEXT: Final = 4096
_ONCE: Final = {"start": "2030-01-01T00:00:00Z", "end": "2030-01-01T04:00:00Z"}
_RECURRING: Final = {
    "rrule": "FREQ=DAILY",
    "startTime": "02:00",
    "duration": "1h",
    "timeZone": "UTC",
}
# What a value of a field needs beside it; `...` takes a field away.
_TOGETHER: Final[dict[str, tuple[Json, ...]]] = {
    "": ({},),
    "metrics.prometheus": ({"metrics": {"source": "Prometheus"}},),
    "metrics.source": ({"metrics": {"prometheus": {"name": "main"}}},),
    "scaling.scaleUp": ({"scaling": {"scaleUp": [{"above": 90, "for": "1h"}]}},),
    "scaling.scaleDown": ({"scaling": {"scaleDown": [{"below": 1, "for": "1h"}]}},),
    "scaling.signals": (
        {"scaling": {"signals": [{"type": "Connections"}]}},
        {"metrics": {"source": "Resource"}, "scaling": {"signals": [{"type": "CPU"}]}},
        {"scaling": {"signals": [{"type": "Query", "name": "n", "query": "q", "capacity": "1"}]}},
    ),
    "scaling.pauses": ({"scaling": {"pauses": [{"direction": "ScaleUp", "reason": "r"}]}},),
    "scaling.schedules": (
        {"scaling": {"schedules": [{"name": "s", "minReplicas": 1, "once": _ONCE}]}},
        {"scaling": {"schedules": [{"name": "s", "minReplicas": 1, "recurring": _RECURRING}]}},
    ),
    "scaling.fallback": (
        {"scaling": {"fallback": {"replicas": 1}}},
        {"scaling": {"fallback": {"behavior": "CurrentReplicas", "replicas": ...}}},
    ),
    "scaling.season": ({"scaling": {"season": {}}},),
    "healing.pauses": ({"healing": {"pauses": [{"reason": "r"}]}},),
    "dependencies": (
        {"dependencies": [{"name": "d", "tcp": {"service": "s", "port": 1}}]},
        {"dependencies": [{"name": "d", "http": {"service": "s", "port": 1}}]},
        {"dependencies": [{"name": "d", "metric": {"source": "s", "query": "q"}}]},
    ),
    "minReplicas": ({"maxReplicas": 1000},),
    "schedules": ({"schedules": [{"once": _ONCE}]}, {"schedules": [{"recurring": _RECURRING}]}),
    "exclusions": (
        {"exclusions": [{"date": "2030-01-01", "timeZone": "UTC"}]},
        {"exclusions": [{"from": "2030-01-01", "to": "2030-01-02", "timeZone": "UTC"}]},
    ),
    "actions": ({"actions": ["Healing"]},),
    "notice": ({"notice": ["1h"]},),
    "checklist": ({"checklist": [{"name": "c"}]},),
    "approval": ({"approval": {"approvedBy": "a"}},),
}
_CRON: Final = {"recurring": {"cron": "0 2 * * *", "rrule": ..., "startTime": ...}}
_BETWEEN: Final = {"cron": _CRON["recurring"]}


@dataclass(frozen=True, slots=True)
class Spot:
    """One field: where it is, and its schema.

    Attributes:
        path: names from the spec on; a list's elements are `[]`.
    """

    path: tuple[str, ...]
    schema: Json

    def __str__(self) -> str:
        """As people write it: `scaling.scaleUp[].above`."""
        return ".".join(self.path).replace(".[]", "[]")


@dataclass(frozen=True, slots=True)
class Change:
    """A spec that differs from a good one in one field."""

    spot: Spot
    value: Any
    spec: Json

    def __str__(self) -> str:
        """The field and its value, cut short."""
        text = "(unset)" if self.value is ... else repr(self.value)
        return f"{self.spot} = {text[:60]}"


@cache
def spec_schema(kind: str) -> Json:
    """Return the schema of a kind's spec."""
    return _schema(kind, "spec")


@cache
def status_schema(kind: str) -> Json:
    """Return the schema of a kind's status."""
    return _schema(kind, "status")


def _schema(kind: str, part: str) -> Json:
    (version,) = definitions()[_FILES[kind]]["spec"]["versions"]
    found: Json = version["schema"]["openAPIV3Schema"]["properties"][part]
    return found


def spots(schema: Json, path: tuple[str, ...] = ()) -> Iterator[Spot]:
    """Yield every field below a schema, objects and lists before what they hold."""
    if path:
        yield Spot(path, schema)
    for name, child in schema.get("properties", {}).items():
        yield from spots(child, (*path, name))
    if "items" in schema:
        yield from spots(schema["items"], (*path, "[]"))


def changes(kind: str, good: Json) -> Iterator[Change]:
    """Yield a spec for each field of a kind and each value that is worth a try."""
    for spot in spots(spec_schema(kind)):
        companies = list(_companies(spot, good))
        for value in values(spot):
            yield from _changed(spot, good, companies, value)
        for company in companies:
            found = _at(deepcopy(company), spot.path)
            if isinstance(found, dict):
                yield from _changed(spot, good, [company], {**found, "noSuchField": 1})


def sampled(found: Iterable[Change], each: int, seed: int) -> list[Change]:
    """Return so many changes of each field, the same ones for the same seed."""
    of: dict[str, list[Change]] = defaultdict(list)
    for change in found:
        of[str(change.spot)].append(change)
    chance = random.Random(seed)  # noqa: S311 -- no secret
    return [c for group in of.values() for c in chance.sample(group, min(each, len(group)))]


def values(spot: Spot) -> Iterator[Any]:
    """Yield what is at each bound of a field, just beyond, empty, null, absent and of other types.

    `...` stands for absent.
    """
    yield from (None, ..., [], {}, "", "nonsense", 0, -1, 2**63, True)
    schema = spot.schema
    match schema.get("type"):
        case "integer":
            low, high = schema.get("minimum", 0), schema.get("maximum", 2**31 - 1)
            yield from dict.fromkeys((low - 1, low, low + 1, high - 1, high, high + 1))
            yield from (low + 0.5, str(low))
        case "boolean":
            yield from (False, "true")
        case "array":
            yield from _lists(schema)
        case "string":
            yield from schema.get("enum", ())
            yield from _texts(schema)
        case _:
            yield {"noSuchField": 1}
    if "default" in schema:
        yield schema["default"]


def _texts(schema: Json) -> Iterator[str]:
    longest = schema.get("maxLength", _LONGEST_TEXT)
    for letter in ("a", "/", "1", "\u00e9"):
        yield from (letter, letter * longest, letter * (longest + 1))
    yield from ("a b", "../..", "{{x}}", "$(id)", "\x00", "\r\n", "\u202e", "-", "a.b", "a-b")
    # Durations, quantities, times, dates, zones: which one a field takes, its rules tell.
    yield from ("0s", "1ms", "0.001ms", "2562047h", "2562048h", "99999999999999h", "1m", "744h")
    yield from ("1", "0", "1e9", "9" * 32, "0.0000001", "1Ki", "1Pi")
    yield from ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2030-01-01T01:00:00Z")
    yield from ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2016-12-31T23:59:60Z")
    yield from ("0001-01-01", "9999-12-31", "2028-02-29", "2030-02-29", "00:00", "23:59", "24:00")
    yield from ("UTC", "Europe/Berlin", "America/Nowhere", "utc", "Factory", "posixrules")
    yield from ("FREQ=DAILY;UNTIL=99991231T235959Z", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")
    yield from ("FREQ=DAILY;INTERVAL=999999999", "FREQ=DAILY;COUNT=999999999")
    yield from ("0 2 * * *", "0 2 31 2 *", "59 23 * * 7", "* * * * *")


def _lists(schema: Json) -> Iterator[list[Any]]:
    item = schema["items"]
    one = item["enum"][0] if "enum" in item else {} if item.get("type") == "object" else "1h"
    most = schema.get("maxItems", 64)
    yield from ([one], [one] * most, [one] * (most + 1), [None], [[]])


def _changed(spot: Spot, good: Json, companies: list[Json], value: Any) -> Iterator[Change]:
    """Yield good specs with a value in a field, once in each company that its list can be in."""
    seen: list[Json] = []
    for company in companies:
        spec = deepcopy(company)
        if _put(spec, spot.path, value) and spec not in seen and spec != good:
            seen.append(spec)
            yield Change(spot, value, spec)


def _companies(spot: Spot, good: Json) -> Iterator[Json]:
    yield good
    names = [n for n in spot.path if n != "[]"]
    for depth in range(1, len(names) + 1):
        for company in _TOGETHER.get(".".join(names[:depth]), ()):
            merged = merge(good, company)
            yield merged
            if names[-1] in _BETWEEN:
                yield _with_cron(merged, spot.path)


def _with_cron(spec: Json, path: tuple[str, ...]) -> Json:
    """Return a spec whose recurring schedule is told by cron, where it has one."""
    found = deepcopy(spec)
    parent = _at(found, path[:-1])
    if isinstance(parent, dict):
        for name, value in _BETWEEN["cron"].items():
            parent.pop(name, None) if value is ... else parent.update({name: value})
    return found


def merge(base: Json, over: Json) -> Json:
    """Return an object with fields of another over its own; `...` takes a field away."""
    merged = deepcopy(base)
    for name, value in over.items():
        if value is ...:
            merged.pop(name, None)
        elif isinstance(value, dict):
            before = merged.get(name)
            merged[name] = merge(before if isinstance(before, dict) else {}, value)
        else:
            merged[name] = deepcopy(value)
    return merged


def _at(found: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if name == "[]":
            found = found[0] if isinstance(found, list) and found else None
        else:
            found = found.setdefault(name, {}) if isinstance(found, dict) else None
    return found


def _put(spec: Json, path: tuple[str, ...], value: Any) -> bool:
    """Set a field, the first element's in a list; False where there is nothing to set it in."""
    parent, name = _at(spec, path[:-1]), path[-1]
    if name == "[]" and isinstance(parent, list):
        parent[:] = [] if value is ... else [value, *parent[1:]]
        return True
    if not isinstance(parent, dict) or name == "[]":
        return False
    if value is ...:
        return parent.pop(name, None) is not None
    parent[name] = value
    return True
