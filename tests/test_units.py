import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from imchat_operator.units import (
    Duration,
    Instant,
    PositiveDuration,
    Quantity,
    duration_text,
    instant_text,
    parsed_duration,
    parsed_quantity,
)


class _Scalars(BaseModel):
    duration: Duration = timedelta()
    positive: PositiveDuration = timedelta(seconds=1)
    instant: Instant = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        pytest.param("15m", timedelta(minutes=15), id="minutes"),
        pytest.param("1h30m", timedelta(minutes=90), id="hours and minutes"),
        pytest.param("0s", timedelta(), id="nothing"),
        pytest.param("500ms", timedelta(seconds=0.5), id="ms is milliseconds, not minutes"),
        pytest.param("1m1ms", timedelta(minutes=1, milliseconds=1), id="m beside ms"),
        pytest.param("1.5h", timedelta(minutes=90), id="a fraction"),
        pytest.param("90s", timedelta(seconds=90), id="more seconds than a minute has"),
        pytest.param("2562047h", timedelta(hours=2_562_047), id="the longest that Go can hold"),
    ],
)
def test_a_duration_reads_as_in_go(text: str, duration: timedelta) -> None:
    assert parsed_duration(text) == duration


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("", "'' is no duration: write it like 90s, 15m or 1h30m", id="no text"),
        pytest.param(
            "-5m", "'-5m' is no duration: write it like 90s, 15m or 1h30m", id="a negative one"
        ),
        pytest.param(
            "15", "'15' is no duration: write it like 90s, 15m or 1h30m", id="a bare number"
        ),
        pytest.param(
            "1d", "'1d' is no duration: write it like 90s, 15m or 1h30m", id="days, as Go has none"
        ),
        pytest.param(
            "5 m", "'5 m' is no duration: write it like 90s, 15m or 1h30m", id="a blank inside"
        ),
        pytest.param(
            "5m\n", "'5m\\n' is no duration: write it like 90s, 15m or 1h30m", id="a line end"
        ),
        pytest.param(
            "2562048h", "'2562048h' is too long: the most is 2562047h", id="more than Go can hold"
        ),
        pytest.param(
            "9999999999999999h",
            "'9999999999999999h' is too long: the most is 2562047h",
            id="more than Python can hold",
        ),
    ],
)
def test_what_is_no_duration_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        parsed_duration(text)


@given(milliseconds=st.integers(0, 2_562_047 * 3_600_000))
def test_a_duration_survives_being_written_and_read(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert parsed_duration(duration_text(duration)) == duration


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        pytest.param(
            datetime(2026, 3, 1, 2, tzinfo=UTC), "2026-03-01T02:00:00Z", id="whole seconds"
        ),
        pytest.param(
            datetime(2026, 3, 1, 2, 0, 0, 123_999, tzinfo=UTC),
            "2026-03-01T02:00:00.123Z",
            id="what is below a millisecond is cut",
        ),
        pytest.param(
            datetime(2026, 3, 1, 2, tzinfo=timezone(timedelta(hours=1))),
            "2026-03-01T01:00:00Z",
            id="another offset becomes UTC",
        ),
    ],
)
def test_an_instant_is_written_as_rfc_3339_in_utc(instant: datetime, text: str) -> None:
    assert instant_text(instant) == text


def test_scalars_are_written_to_json_as_users_write_them() -> None:
    scalars = _Scalars.model_validate(
        {"duration": "90s", "positive": "1ms", "instant": "2026-03-01T03:00:00+01:00"}
    )
    assert scalars.model_dump(mode="json") == {
        "duration": "1m30s",
        "positive": "1ms",
        "instant": "2026-03-01T02:00:00Z",
    }


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"positive": "0s"}, id="no time where some is needed"),
        pytest.param({"duration": "-1s"}, id="a negative duration"),
        pytest.param({"duration": "9999999999999999h"}, id="a duration beyond all bounds"),
        pytest.param({"instant": "2026-03-01T02:00:00"}, id="a time without offset"),
    ],
)
def test_a_value_that_means_nothing_is_a_validation_error(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        _Scalars.model_validate(fields)


# As Kubernetes writes them; exact, where the operator's own are floats.
SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal("1e3"),
    "M": Decimal("1e6"),
    "G": Decimal("1e9"),
    "T": Decimal("1e12"),
    "P": Decimal("1e15"),
    "E": Decimal("1e18"),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}


@given(
    number=st.decimals(0, 10**9, places=3, allow_nan=False, allow_infinity=False),
    suffix=st.sampled_from(sorted(SUFFIXES)),
)
def test_a_quantity_is_its_number_times_its_suffix(number: Decimal, suffix: str) -> None:
    expected = float(number * SUFFIXES[suffix])
    assert parsed_quantity(f"{number}{suffix}") == pytest.approx(expected, rel=1e-12)


@given(number=st.integers(0, 10**6), exponent=st.integers(-9, 18), sign=st.sampled_from("eE"))
def test_a_quantity_may_have_an_exponent(number: int, exponent: int, sign: str) -> None:
    assert parsed_quantity(f"{number}{sign}{exponent}") == float(f"{number}e{exponent}")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        pytest.param("250m", 0.25, id="thousandths"),
        pytest.param("1.5", 1.5, id="a fraction"),
        pytest.param("128974848", 128974848.0, id="a plain number"),
        pytest.param("129e6", 129e6, id="an exponent"),
        pytest.param("129M", 129e6, id="millions"),
        pytest.param("128974848000m", 128974848.0, id="thousandths of bytes"),
        pytest.param("123Mi", 128974848.0, id="powers of 1024"),
        pytest.param("1E", 1e18, id="E alone is a suffix"),
        pytest.param("1E2", 100.0, id="E with a number is an exponent"),
        pytest.param("1Ei", 2.0**60, id="Ei is a suffix"),
        pytest.param("5.", 5.0, id="a point at the end"),
        pytest.param(".5", 0.5, id="a point at the start"),
    ],
)
def test_a_quantity_reads_as_in_kubernetes(text: str, number: float) -> None:
    assert parsed_quantity(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "m",
        "-1",
        "+1",
        "1 Gi",
        "1gi",
        "1K",
        "1ki",
        "1mi",
        "1e",
        "1e3k",
        "1.5.5",
        "1Gi\n",
        "٣",
    ],
)
def test_what_is_no_quantity_is_refused_with_a_sentence(text: str) -> None:
    sentence = f"{text!r} is no quantity: write it like 250m, 1.5, 125M or 2Gi"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        parsed_quantity(text)


_QUANTITY: TypeAdapter[str] = TypeAdapter(Quantity)


def is_allowed(value: Any) -> bool:
    """Return whether Python takes this as a quantity of a spec."""
    try:
        _QUANTITY.validate_python(value)
    except ValidationError:
        return False
    return True


def is_allowed_by_cel(text: str) -> bool:
    """Return whether the API server's rule, a conjunction of RE2 searches, takes this."""
    schema = _QUANTITY.json_schema()
    (rule,) = (r["rule"] for r in schema["x-kubernetes-validations"])
    parts = [re.fullmatch(r"self\.matches\(r?'(.+)'\)", part) for part in rule.split(" && ")]
    # In RE2 `$` is the end of the text, never the line end before it.
    patterns = [part[1].replace("$", r"\Z") for part in parts if part]
    assert len(patterns) == len(parts), "this test understands the whole rule"
    return len(text) <= schema["maxLength"] and all(re.search(p, text) for p in patterns)


@pytest.mark.parametrize(
    ("text", "python", "cel"),
    [
        *(pytest.param(t, True, True, id=t) for t in ("1", "250m", "1.5", "125M", "2Gi", "0.001k")),
        *(pytest.param(t, False, False, id=t) for t in ("0", "0.0", "0Gi", "-1", "1K", "1 Gi")),
        *(pytest.param(t, False, False, id=repr(t)) for t in ("", "1Gi\n", "\n1", "٣", "x1")),
        *(pytest.param(t, True, False, id=t) for t in ("5n", "5u", "1E", "1Ei", "129e6", ".5")),
    ],
)
def test_the_api_server_takes_fewer_quantities_than_python(
    text: str,
    python: bool,  # noqa: FBT001 -- a table's
    cel: bool,  # noqa: FBT001 -- same
) -> None:
    assert (is_allowed(text), is_allowed_by_cel(text)) == (python, cel)


@given(
    st.from_regex(r"\A[0-9]{1,3}([.][0-9]{1,3})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?\Z")
    | st.text("0159.-+eEnumkMGTPi \n", max_size=8)
)
def test_what_the_api_server_takes_python_takes_too(text: str) -> None:
    assert is_allowed(text) or not is_allowed_by_cel(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(1000, 1000.0, id="a whole number"),
        pytest.param(1_234_567, 1_234_567.0, id="all of its digits count"),
        pytest.param(0.1, 0.1, id="a fraction"),
        pytest.param(1e22, 1e22, id="a large one"),
    ],
)
def test_a_number_of_a_manifest_is_a_quantity(value: float, expected: float) -> None:
    assert parsed_quantity(_QUANTITY.validate_python(value)) == expected


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True, None, ["1"], {"a": 1}])
def test_other_values_are_a_validation_error(value: Any) -> None:
    assert not is_allowed(value)
