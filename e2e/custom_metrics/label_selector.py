"""Label selectors as they stand in a request's query, such as `app=gateway,tier in (a,b),!old`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, assert_never

# Commas within parentheses belong to a set.
_BETWEEN = re.compile(r",(?![^()]*\))")
_KEY = r"(?P<key>[A-Za-z0-9][-A-Za-z0-9_./]*)"
_EQUAL = re.compile(rf"{_KEY}\s*(?P<operator>==|=|!=)\s*(?P<value>[-A-Za-z0-9_.]*)")
_SET = re.compile(rf"{_KEY}\s+(?P<operator>in|notin)\s+\((?P<values>[-A-Za-z0-9_.,\s]*)\)")
_EXISTS = re.compile(rf"(?P<not>!?)\s*{_KEY}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One condition on a label."""

    key: str
    operator: Literal["in", "notin", "exists", "absent"]
    values: frozenset[str] = frozenset()

    def is_met(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet it; as in Kubernetes, a label that is absent is in no set."""
        value = labels.get(self.key)
        match self.operator:
            case "in":
                return value in self.values
            case "notin":
                return value not in self.values
            case "exists":
                return value is not None
            case "absent":
                return value is None
            case _:
                assert_never(self.operator)


Selector = tuple[Requirement, ...]
"""All of them have to be met; an empty selector matches everything."""


def selector(text: str) -> Selector:
    """Read the text of a selector.

    Raises:
        ValueError: it is none.
    """
    parts = [part.strip() for part in _BETWEEN.split(text)] if text.strip() else []
    return tuple(_requirement(part) for part in parts)


def matches(wanted: Selector, labels: Mapping[str, str]) -> bool:
    """Whether labels meet every requirement."""
    return all(requirement.is_met(labels) for requirement in wanted)


def _requirement(text: str) -> Requirement:
    if found := _EQUAL.fullmatch(text):
        is_negated = found["operator"] == "!="
        values = frozenset({found["value"]})
        return Requirement(
            key=found["key"], operator="notin" if is_negated else "in", values=values
        )
    if found := _SET.fullmatch(text):
        values = frozenset(value.strip() for value in found["values"].split(","))
        is_negated = found["operator"] == "notin"
        return Requirement(
            key=found["key"], operator="notin" if is_negated else "in", values=values
        )
    if found := _EXISTS.fullmatch(text):
        return Requirement(key=found["key"], operator="absent" if found["not"] else "exists")
    raise ValueError(f"{text!r} is no label selector; write key=value or key in (a,b)")
