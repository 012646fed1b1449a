"""The API's own scalar types: Go-style durations, whole percents, quantities, RFC 3339 times.

Durations are written as users of Kubernetes write them (`15m`, `1h30m`, `500ms`) and are
`datetime.timedelta` inside. Their CEL rules make the API server refuse what Python would refuse.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

_UNITS = {
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
# What a Go duration, and so a CEL rule of the API server, can hold; it also keeps sums of times
# and durations within what datetime can.
_LONGEST = timedelta(hours=2_562_047)
_PART = r"([0-9]+(?:\.[0-9]+)?)(ms|h|m|s)"
_DURATION = re.compile(rf"(?:{_PART})+")
CEL_DURATION = r"^([0-9]+([.][0-9]+)?(ms|h|m|s))+$"


def parsed_duration(text: str) -> timedelta:
    """Return the duration that a Go-style string means.

    Args:
        text: hours, minutes, seconds and milliseconds with their units, as in `1h30m`.

    Raises:
        ValueError: the text is no duration, or one that is negative or too long.
    """
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no duration: write it like 90s, 15m or 1h30m")
    try:
        total = sum((float(n) * _UNITS[unit] for n, unit in re.findall(_PART, text)), timedelta())
    except OverflowError:
        total = timedelta.max
    if total > _LONGEST:
        raise ValueError(f"{text!r} is too long: the most is {duration_text(_LONGEST)}")
    return total


@lru_cache(maxsize=1024)  # the same few of the specs, several times in each decision
def duration_text(duration: timedelta) -> str:
    """Return a duration as Go-style text, the way the API writes it: `1h30m`, `0s`."""
    rest = round(duration.total_seconds() * 1000)
    parts = []
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def instant_text(instant: datetime) -> str:
    """Return an instant as RFC 3339 text in UTC, to the millisecond where it has one."""
    return rfc3339(instant, "milliseconds").replace(".000Z", "Z")


def rfc3339(instant: datetime, precision: str) -> str:
    """Return an instant as RFC 3339 text in UTC, to `seconds`, `milliseconds` or `microseconds`."""
    return instant.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


# All that the API server stores: a pod may well ask for `129e6` bytes.
_QUANTITY = re.compile(
    r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]([+-]?[0-9]{1,2})|([numkMGTPE]|[KMGTPE]i))?"
)
_SUFFIXES = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "": 1.0,
    **{suffix: 1000.0**power for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": 1024.0**power for power, suffix in enumerate("KMGTPE", start=1)},
}
_CEL_QUANTITY = r"^[0-9]+([.][0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"


def parsed_quantity(text: str) -> float:
    """Return the number that a Kubernetes quantity means: `250m`, `1.5`, `125M`, `2Gi`, `129e6`.

    Raises:
        ValueError: the text is no quantity, or a negative one.
    """
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no quantity: write it like 250m, 1.5, 125M or 2Gi")
    return float(f"{found[1]}e{found[2] or 0}") * _SUFFIXES[found[3] or ""]


def _quantity_from_api(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


def _more_than_none(text: str) -> str:
    if parsed_quantity(text) <= 0:
        raise ValueError("the quantity must be more than zero")
    return text


def _duration_from_api(value: Any) -> Any:
    return parsed_duration(value) if isinstance(value, str) else value


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs its offset, as in 2026-03-01T02:00:00Z")
    try:
        return value.astimezone(UTC)
    except OverflowError:  # which is no ValueError, and would not count as a refusal
        raise ValueError("a time must lie in the years 1 to 9999 in UTC too") from None


def _duration_schema(*rules: dict[str, str]) -> dict[str, Any]:
    shape = {
        "rule": f"self.matches(r'{CEL_DURATION}')",
        "message": "must be a duration that is not negative, such as 90s, 15m or 1h30m",
    }
    return {"type": "string", "maxLength": 32, "x-kubernetes-validations": [shape, *rules]}


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("the duration must be longer than zero")
    return value


_POSITIVE_RULE = {
    # `matches` comes first: duration() of other text would be an evaluation error.
    "rule": f"!self.matches(r'{CEL_DURATION}') || duration(self) > duration('0s')",
    "message": "must be longer than zero, such as 90s, 15m or 1h30m",
}

_as_duration = BeforeValidator(_duration_from_api)
_as_text = PlainSerializer(duration_text, return_type=str)

Duration = Annotated[timedelta, _as_duration, _as_text, WithJsonSchema(_duration_schema())]
PositiveDuration = Annotated[
    timedelta,
    _as_duration,
    AfterValidator(_positive),
    _as_text,
    WithJsonSchema(_duration_schema(_POSITIVE_RULE)),
]
Instant = Annotated[
    datetime,
    AfterValidator(_aware),
    PlainSerializer(instant_text, return_type=str),
    # The format alone lets a fraction of a second have any number of digits.
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 40}),
]
Percent = Annotated[int, Field(ge=1, le=100)]
Quantity = Annotated[
    str,
    BeforeValidator(_quantity_from_api),
    AfterValidator(_more_than_none),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": 32,
            "x-kubernetes-validations": [
                {
                    "rule": f"self.matches(r'{_CEL_QUANTITY}') && self.matches('[1-9]')",
                    "message": "must be a quantity above zero, such as 250m, 1.5, 125M or 2Gi",
                }
            ],
        }
    ),
]
