"""The times of cron expressions, and the sentences for those that mean nothing."""

import re
from datetime import datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imchat_operator.core.cron import times

MONDAY = datetime(2026, 11, 23, 2, 0)  # noqa: DTZ001 -- a local time
HORIZON = timedelta(days=3653)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param(
            "0 2 * * SUN#1", ["2026-12-06T02:00", "2027-01-03T02:00"], id="first Sundays at two"
        ),
        pytest.param("0 2 * * *", ["2026-11-23T02:00", "2026-11-24T02:00"], id="from the first on"),
        pytest.param(
            "30 22 L * *", ["2026-11-30T22:30", "2026-12-31T22:30"], id="every month's last day"
        ),
        pytest.param(
            "15 */12 * * mon", ["2026-11-23T12:15", "2026-11-30T00:15"], id="twice on Mondays"
        ),
        pytest.param(
            "0 3 29 FEB *", ["2028-02-29T03:00", "2032-02-29T03:00"], id="leap days by name"
        ),
        pytest.param("0 3 15,31 4,5 *", ["2027-04-15T03:00", "2027-05-15T03:00"], id="lists"),
    ],
)
def test_an_expression_matches_at_its_times(expression: str, expected: list[str]) -> None:
    found = islice(times(expression, MONDAY, MONDAY + HORIZON), 2)
    assert [f"{moment:%Y-%m-%dT%H:%M}" for moment in found] == expected


FORM = "write five fields, the minute a single number, such as 0 2 * * SUN#1"
EITHER = (
    "names days of the month and weekdays, of which cron takes either: leave one of them at *; "
    "the first Sunday is 0 2 * * SUN#1"
)


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        pytest.param("@daily", f"'@daily' is no schedule: {FORM}", id="a name for all five"),
        pytest.param("0 2 * *", f"'0 2 * *' is no schedule: {FORM}", id="four fields"),
        pytest.param("0 0 2 * * *", f"'0 0 2 * * *' is no schedule: {FORM}", id="with seconds"),
        pytest.param(
            "* * * * *", f"'* * * * *' is no schedule: {FORM}", id="every minute of the day"
        ),
        pytest.param(
            "*/5 2 * * *", f"'*/5 2 * * *' is no schedule: {FORM}", id="every five minutes"
        ),
        pytest.param(
            "0 2 1-7 * SUN", f"'0 2 1-7 * SUN' {EITHER}", id="days of the month and weekdays"
        ),
        pytest.param("60 2 * * *", "'60 2 * * *': Bad minute, correct that field", id="minute 60"),
        pytest.param(
            "0 2 * * XYZ", "'0 2 * * XYZ': Bad day-of-week, correct that field", id="no weekday"
        ),
        pytest.param(
            "0 2 */0 * *", "'0 2 */0 * *': Bad day-of-month, correct that field", id="every 0th"
        ),
        pytest.param(
            "0 2 30 2 *",
            "'0 2 30 2 *': Bad day-of-month, correct that field",
            id="the 30th of February",
        ),
        pytest.param(
            "0 2 * 2 MON#5",
            "'0 2 * 2 MON#5' does not occur within ten years: correct its fields",
            id="a fifth Monday in February, in 2044",
        ),
    ],
)
def test_an_expression_that_means_nothing_is_refused_with_a_sentence(
    expression: str, sentence: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        times(expression, MONDAY, MONDAY + HORIZON)


@given(text=st.text("0123456789*/,-#LWSUNFEB ", max_size=24))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        found = times(text, MONDAY, MONDAY + HORIZON)
    except ValueError:
        return
    assert next(found, MONDAY) >= MONDAY
