"""What the API server refuses of a window, in a sentence that names the field."""

from typing import Any

import pytest

from harness import Namespace
from harness.manifests import window
from harness.namespace import KubectlError

ONCE = {"once": {"start": "2026-03-01T02:00:00Z", "end": "2026-03-01T06:00:00Z"}}


def rule(**fields: Any) -> dict[str, Any]:
    usual = {"rrule": "FREQ=DAILY", "startTime": "02:00", "duration": "4h", "timeZone": "UTC"}
    return {"recurring": {k: v for k, v in {**usual, **fields}.items() if v is not None}}


def once(start: str, end: str) -> dict[str, Any]:
    return {"once": {"start": start, "end": end}}


EMERGENCY = {"type": "Emergency", "reason": "r", "ticket": "t", "requestedBy": "alice"}
DAYS = {"timeZone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("schedule", "spec", "field", "sentence"),
    [
        pytest.param(rule(timeZone="Mars/Olympus"), {}, "timeZone", "IANA", id="an unknown zone"),
        pytest.param(rule(timeZone="+01:00"), {}, "timeZone", "IANA", id="an offset for a zone"),
        pytest.param(rule(rrule="FREQ=HOURLY"), {}, "rrule", "FREQ=DAILY", id="a rule of hours"),
        pytest.param(rule(rrule="FREQ=DAILY;INTERVAL=0"), {}, "rrule", "0", id="every 0th day"),
        pytest.param(
            rule(rrule="FREQ=MONTHLY;BYMONTHDAY=1,0"), {}, "rrule", "0", id="the 0th of a month"
        ),
        pytest.param(rule(rrule="FREQ=DAILY;BYHOUR=3"), {}, "rrule", "startTime", id="an hour"),
        pytest.param(rule(rrule="FREQ=DAILY;X=1"), {}, "rrule", "RFC 5545", id="a part unknown"),
        pytest.param(
            rule(rrule="FREQ=DAILY;COUNT=2;UNTIL=20270101"), {}, "rrule", "COUNT", id="two ends"
        ),
        pytest.param(rule(duration="59s"), {}, "duration", "1m", id="less than a minute"),
        pytest.param(rule(duration="745h"), {}, "duration", "744h", id="more than a month"),
        pytest.param(rule(startTime="25:00"), {}, "startTime", "time of day", id="25 o'clock"),
        pytest.param(
            rule(cron="0 2 * * *"), {}, "recurring", "either rrule or cron", id="both rules"
        ),
        pytest.param(
            rule(rrule=None, cron="0 2 * * *"), {}, "startTime", "goes with rrule", id="both times"
        ),
        pytest.param(
            rule(rrule=None, startTime=None, cron="0 2 1-7 * SUN"),
            {},
            "cron",
            "either, not both",
            id="a cron of days and weekdays",
        ),
        pytest.param(
            rule(rrule=None, startTime=None, cron="* * * * *"),
            {},
            "cron",
            "five fields",
            id="every minute",
        ),
        pytest.param({}, {}, "schedules[0]", "once or recurring", id="no schedule"),
        pytest.param(
            once("2026-03-01T02:00:00Z", "2026-03-01T02:00:00Z"), {}, "end", "later", id="no time"
        ),
        pytest.param(
            once("2026-03-01T02:00:00Z", "2026-03-01T02:00:59Z"), {}, "end", "minute", id="seconds"
        ),
        pytest.param(
            ONCE, {"exclusions": [{**DAYS}]}, "exclusions[0]", "date, or from", id="no days"
        ),
        pytest.param(
            ONCE,
            {"exclusions": [{"from": "2026-12-26", "to": "2026-12-24", **DAYS}]},
            "to",
            "before from",
            id="days backwards",
        ),
        pytest.param(
            ONCE,
            {"exclusions": [{"date": "2026-02-30", **DAYS}]},
            "date",
            "date",
            id="a day that there is not",
        ),
        pytest.param(
            ONCE,
            {"validFrom": "2026-03-02T00:00:00Z", "validUntil": "2026-03-01T00:00:00Z"},
            "validUntil",
            "later",
            id="valid never",
        ),
        pytest.param(
            ONCE, {"effect": "Permit", "actions": ["ScaleUp"]}, "actions", "ScaleUp", id="growth"
        ),
        pytest.param(
            ONCE, {**EMERGENCY, "ticket": ""}, "reason", "ticket", id="an emergency unexplained"
        ),
        pytest.param(
            ONCE, {**EMERGENCY, "requestedBy": ""}, "requestedBy", "user name", id="by nobody"
        ),
        pytest.param(
            once("2026-03-01T02:00:00Z", "2026-03-01T10:00:01Z"),
            EMERGENCY,
            "schedules",
            "8h",
            id="an emergency of more than 8h",
        ),
        pytest.param(rule(), EMERGENCY, "schedules", "once", id="an emergency that recurs"),
    ],
)
def test_the_api_server_refuses(
    namespace: Namespace, schedule: dict[str, Any], spec: dict[str, Any], field: str, sentence: str
) -> None:
    with pytest.raises(KubectlError) as caught:
        namespace.apply(window("broken", schedule, **spec))
    assert field in str(caught.value)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("schedule", "spec"),
    [
        pytest.param(rule(rrule="FREQ=MONTHLY;BYDAY=1SU;INTERVAL=10"), {}, id="a rule"),
        pytest.param(
            rule(rrule="FREQ=MONTHLY;BYMONTHDAY=10,20,-1;BYSETPOS=-1;WKST=MO"), {}, id="a long rule"
        ),
        pytest.param(
            rule(rrule=None, startTime=None, cron="0 2 * * SUN#1"), {}, id="first Sundays by cron"
        ),
        pytest.param(
            rule(rrule=None, startTime=None, cron="30 22 L * *"), {}, id="last days by cron"
        ),
        pytest.param(
            ONCE,
            {
                "exclusions": [
                    {"date": "2026-12-24", **DAYS},
                    {"from": "2026-12-24", "to": "2027-01-01", **DAYS},
                ]
            },
            id="exclusions",
        ),
        pytest.param(ONCE, {"effect": "Permit", "actions": ["Healing"]}, id="a Permit"),
        pytest.param(once("2026-03-01T02:00:00Z", "2026-03-01T10:00:00Z"), EMERGENCY, id="8h"),
    ],
)
def test_the_api_server_takes(
    namespace: Namespace, schedule: dict[str, Any], spec: dict[str, Any]
) -> None:
    namespace.apply(window("fine", schedule, **spec))


def test_the_type_of_a_window_stays(namespace: Namespace) -> None:
    namespace.apply(window("work", ONCE))
    with pytest.raises(KubectlError, match="type must stay as it is"):
        namespace.apply(window("work", ONCE, **EMERGENCY))
