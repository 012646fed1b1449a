import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from imchat_operator.units import (
    Duration,
    Instant,
    PositiveDuration,
    duration_text,
    instant_text,
    parsed_duration,
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
