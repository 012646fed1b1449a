import re
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imchat_operator.core.recurrence import days

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 11, 23, 2, 0)  # noqa: DTZ001 -- a local time
HORIZON = timedelta(days=3653)


def dates(rule: str, *, count: int = 4, last: datetime = MONDAY + HORIZON) -> list[str]:
    return [f"{day:%Y-%m-%d}" for day in islice(days(rule, MONDAY, last, BERLIN), count)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param(
            "FREQ=MONTHLY;BYDAY=1SU",
            ["2026-12-06", "2027-01-03", "2027-02-07", "2027-03-07"],
            id="first Sundays are 28 or 35 days apart",
        ),
        pytest.param(
            "FREQ=MONTHLY;BYDAY=-1FR",
            ["2026-11-27", "2026-12-25", "2027-01-29", "2027-02-26"],
            id="last Fridays",
        ),
        pytest.param(
            "FREQ=MONTHLY;BYMONTHDAY=31",
            ["2026-12-31", "2027-01-31", "2027-03-31", "2027-05-31"],
            id="months without a 31st are left out",
        ),
        pytest.param(
            "FREQ=MONTHLY;BYMONTHDAY=-1",
            ["2026-11-30", "2026-12-31", "2027-01-31", "2027-02-28"],
            id="every month's last day",
        ),
        pytest.param(
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
            ["2028-02-29", "2032-02-29", "2036-02-29"],
            id="leap days, up to the last time of interest",
        ),
        pytest.param(
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU",
            ["2026-11-23", "2026-11-29", "2026-12-07", "2026-12-13"],
            id="every second week counts from the first",
        ),
        pytest.param(
            "FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO",
            ["2026-12-28", "2032-12-27"],
            id="years with 53 weeks",
        ),
        pytest.param(
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
            ["2026-11-30", "2026-12-31", "2027-01-29", "2027-02-26"],
            id="last working days",
        ),
        pytest.param(
            "FREQ=DAILY;COUNT=2", ["2026-11-23", "2026-11-24"], id="COUNT counts from the first"
        ),
        pytest.param(
            "FREQ=DAILY;UNTIL=20261125",
            ["2026-11-23", "2026-11-24", "2026-11-25"],
            id="UNTIL with a date takes that day in",
        ),
        pytest.param(
            "FREQ=DAILY;UNTIL=20261125T020000",
            ["2026-11-23", "2026-11-24", "2026-11-25"],
            id="UNTIL takes its own second in",
        ),
        pytest.param(
            "FREQ=DAILY;UNTIL=20261125T015959",
            ["2026-11-23", "2026-11-24"],
            id="UNTIL a second before leaves it out",
        ),
        pytest.param(
            "FREQ=DAILY;UNTIL=20261125T010000Z",
            ["2026-11-23", "2026-11-24", "2026-11-25"],
            id="UNTIL in UTC is converted to the zone",
        ),
        pytest.param(
            "FREQ=DAILY;UNTIL=20261125T005959Z",
            ["2026-11-23", "2026-11-24"],
            id="UNTIL in UTC a second before leaves it out",
        ),
        pytest.param("FREQ=DAILY;UNTIL=20261122", [], id="UNTIL before the first leaves nothing"),
        pytest.param(
            "freq=monthly;byday=1su;", ["2026-12-06", "2027-01-03"], id="lower case is as good"
        ),
    ],
)
def test_a_rule_occurs_on_its_days(rule: str, expected: list[str]) -> None:
    assert dates(rule, count=max(2, len(expected))) == expected


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        pytest.param(
            "every first Sunday",
            "'every first Sunday' is no rule: write it like FREQ=MONTHLY;BYDAY=1SU",
            id="no rule at all",
        ),
        pytest.param("", "'' is no rule: write it like FREQ=MONTHLY;BYDAY=1SU", id="no text"),
        pytest.param(
            "FREQ=DAILY\nRRULE:FREQ=DAILY",
            "'FREQ=DAILY\\nRRULE:FREQ=DAILY' is no rule: write it like FREQ=MONTHLY;BYDAY=1SU",
            id="more than one line",
        ),
        pytest.param(
            "FREQ=DAILY;FREQ=SECONDLY",
            "'FREQ=DAILY;FREQ=SECONDLY' names a part twice: write each once",
            id="a second FREQ behind the API server's back",
        ),
        pytest.param(
            "FREQ=HOURLY",
            "'FREQ=HOURLY': FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY",
            id="a rule of hours",
        ),
        pytest.param(
            "BYDAY=MO",
            "'BYDAY=MO': FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY",
            id="a rule without FREQ",
        ),
        pytest.param(
            "FREQ=DAILY;byhour=3",
            "'FREQ=DAILY;byhour=3': BYHOUR has no meaning here, remove it",
            id="a time of day in lower case",
        ),
        pytest.param(
            "FREQ=DAILY;BYEASTER=0",
            "'FREQ=DAILY;BYEASTER=0': BYEASTER has no meaning here, remove it",
            id="an extension of dateutil's",
        ),
        pytest.param(
            "FREQ=DAILY;COUNT=3;UNTIL=20270101",
            "'FREQ=DAILY;COUNT=3;UNTIL=20270101': COUNT and UNTIL exclude each other, remove one",
            id="two ends",
        ),
        pytest.param(
            "FREQ=DAILY;INTERVAL=0",
            "'FREQ=DAILY;INTERVAL=0': INTERVAL must be within 1 to 999, and not 0",
            id="a rule that stands still",
        ),
        pytest.param(
            "FREQ=DAILY;COUNT=-1",
            "'FREQ=DAILY;COUNT=-1': COUNT must be within 1 to 99999, and not 0",
            id="a negative count",
        ),
        pytest.param(
            "FREQ=MONTHLY;BYMONTHDAY=0",
            "'FREQ=MONTHLY;BYMONTHDAY=0': BYMONTHDAY must be within -31 to 31, and not 0",
            id="a day 0, which dateutil takes for every day",
        ),
        pytest.param(
            "FREQ=YEARLY;BYMONTH=13",
            "'FREQ=YEARLY;BYMONTH=13': BYMONTH must be within 1 to 12, and not 0",
            id="a thirteenth month",
        ),
        pytest.param(
            "FREQ=DAILY;BYMONTH=x",
            "'FREQ=DAILY;BYMONTH=x': BYMONTH must be within 1 to 12, and not 0",
            id="a month that is no number",
        ),
        pytest.param(
            "FREQ=WEEKLY;BYDAY=1SU",
            "'FREQ=WEEKLY;BYDAY=1SU': BYDAY=1SU must be one of MO to SU without a number",
            id="a first Sunday of a week, which dateutil takes for every Sunday",
        ),
        pytest.param(
            "FREQ=MONTHLY;BYDAY=53MO",
            "'FREQ=MONTHLY;BYDAY=53MO': BYDAY=53MO must be one of MO to SU, or numbered up to 5",
            id="a 53rd Monday of a month, over which dateutil stumbles",
        ),
        pytest.param(
            "FREQ=MONTHLY;BYDAY=MO,1TU",
            "'FREQ=MONTHLY;BYDAY=MO,1TU': BYDAY must number all of its weekdays or none",
            id="every Monday and a first Tuesday, of which dateutil takes what is both",
        ),
        pytest.param(
            "FREQ=YEARLY;BYDAY=XX",
            "'FREQ=YEARLY;BYDAY=XX': BYDAY=XX must be one of MO to SU, or numbered up to 53",
            id="a weekday that there is not",
        ),
        pytest.param(
            "FREQ=DAILY;UNTIL=soon",
            "UNTIL=SOON is no time: write it like 20261231T235959Z",
            id="an end that is no time",
        ),
        pytest.param("FREQ=DAILY;WKST=XX", "invalid 'WKST': XX", id="a week that starts never"),
        pytest.param(
            "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31",
            "'FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31' does not occur within ten years: "
            "correct its BY... parts",
            id="the 31st of February",
        ),
        pytest.param(
            "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
            "'FREQ=DAILY;INTERVAL=7;BYDAY=TU' does not occur within ten years: "
            "correct its BY... parts",
            id="every seventh day from a Monday is never a Tuesday",
        ),
    ],
)
def test_a_rule_that_means_nothing_is_refused_with_a_sentence(rule: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        days(rule, MONDAY, MONDAY + HORIZON, BERLIN)


@given(text=st.text("FREQDAILYWKBMONTHSU=;0123456789-+,: \n", max_size=40))
def test_any_text_is_a_rule_or_refused(text: str) -> None:
    try:
        found = days(text, MONDAY, MONDAY + HORIZON, BERLIN)
    except ValueError:
        return
    assert next(found, MONDAY) >= MONDAY
