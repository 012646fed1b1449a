"""hypothesis strategies from the CRDs' schemas: objects of the right shape, values at the edge.

Small on purpose: a structural schema has six constructs, and what the rules in CEL want of a text
is told apart by a piece of the rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

if TYPE_CHECKING:
    from hostile.schema import Json

INSTANTS: Final = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "1970-01-01T00:00:00Z",
    "2026-11-23T11:59:00Z",
    "2026-11-23T12:00:00Z",
    "2026-11-23T12:01:00Z",
    "2030-02-28T23:00:00-05:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-23:59",
)
_DAYS: Final = ("0001-01-01", "2026-11-23", "2028-02-29", "9999-12-31")
_DURATIONS: Final = ("0s", "1ms", "0.5ms", "1s", "1m", "4h", "744h", "2562047h", "2562048h")
# A piece of a rule, and texts that satisfy it, or nearly.
_BY_RULE: Final[dict[str, tuple[str, ...]]] = {
    "(ms|h|m|s)": _DURATIONS,
    "|Ki|": ("1", "0", "500m", "1Ki", "1Pi", "9" * 32, "0.0000001"),
    "getHours": ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"),
    "FREQ=(": (
        "FREQ=DAILY",
        "FREQ=MONTHLY;BYDAY=1SU",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;UNTIL=99991231T235959Z",
        "FREQ=WEEKLY;INTERVAL=999999999",
        "FREQ=MONTHLY;BYDAY=1XX",
    ),
    "{4}$": ("0 2 * * *", "0 2 31 2 *", "59 23 * * 7", "0 0 * * FRI#5"),
    "[0-5][0-9]$": ("00:00", "02:30", "23:59"),
}
_NONSENSE: Final = ("", "a", "\x00", "\u202e", "{{x}}", "../..", "$(id)", " ")


def shaped(schema: Json) -> st.SearchStrategy[Any]:  # noqa: PLR0911 -- a construct each
    """Return a strategy for values of a schema's shape; most lie within its bounds."""
    match schema.get("type"):
        case "object" if "properties" in schema:
            return _objects(schema)
        case "object":
            return st.dictionaries(_text(8), _text(8), max_size=2)
        case "array":
            few = min(3, schema.get("maxItems", 3))
            return st.lists(shaped(schema["items"]), max_size=few, min_size=few and _least(schema))
        case "integer":
            low, high = schema.get("minimum", -(2**63)), schema.get("maximum", 2**63 - 1)
            small = min(high, max(low, 3))
            return st.one_of(st.sampled_from([low, small, high]), st.integers(low, small))
        case "number":
            return st.floats(schema.get("minimum"), schema.get("maximum"), allow_nan=False)
        case "boolean":
            return st.booleans()
        case _:
            return _strings(schema)


def _least(schema: Json) -> int:
    least: int = schema.get("minItems", 0)
    return least


def _objects(schema: Json) -> st.SearchStrategy[Json]:
    fields = {name: shaped(child) for name, child in schema["properties"].items()}
    required = {name: fields.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=fields)


def _strings(schema: Json) -> st.SearchStrategy[str]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("format") == "date-time":
        return st.sampled_from(INSTANTS)
    if schema.get("format") == "date":
        return st.sampled_from(_DAYS)
    rules = " ".join(rule["rule"] for rule in schema.get("x-kubernetes-validations", ()))
    for piece, texts in _BY_RULE.items():
        if piece in rules:
            return st.sampled_from(texts)
    if "pattern" in schema:
        short = min(60, schema.get("maxLength", 60))
        return st.from_regex(schema["pattern"], fullmatch=True, alphabet=_LETTERS).filter(
            lambda text: len(text) <= short
        )
    longest = schema.get("maxLength", 64)
    return st.one_of(st.sampled_from(_NONSENSE), _text(min(longest, 16)), st.just("a" * longest))


_LETTERS: Final = st.characters(min_codepoint=33, max_codepoint=126)


def _text(most: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=most)
