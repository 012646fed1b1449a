"""When a sample meets a rule, misses it, or can't tell."""

from datetime import timedelta

import pytest
from tests.core.fleet import spec
from tests.core.signals import load, partly

from imchat_operator.core.load import Load, Unknown
from imchat_operator.core.scaling import is_met, rule_text, rules
from imchat_operator.models import ScaleDownRule, ScaleUpRule

MINUTE_UP = ScaleUpRule(above=70, for_=timedelta(minutes=1))
RULE_DOWN = ScaleDownRule(below=30, for_=timedelta(minutes=2))
ANOTHER = "cpu: 3 of 4 gateways report their cpu, 80% are needed"


@pytest.mark.parametrize(
    ("percent", "up", "down"),
    [
        pytest.param(29.9, False, True, id="below both"),
        pytest.param(30.0, False, False, id="on the lower threshold is not below it"),
        pytest.param(50.0, False, False, id="between"),
        pytest.param(70.0, False, False, id="on the upper threshold is not above it"),
        pytest.param(70.1, True, False, id="above both"),
    ],
)
def test_a_threshold_itself_meets_no_rule(percent: float, up: bool, down: bool) -> None:  # noqa: FBT001 -- a table's
    found = load(round(percent * 40))
    assert (is_met(MINUTE_UP, found), is_met(RULE_DOWN, found)) == (up, down)


@pytest.mark.parametrize(
    ("found", "up", "down"),
    [
        pytest.param(Unknown(why="nobody answers"), None, None, id="an unknown load"),
        pytest.param(partly([876] * 4, 1), True, False, id="above though the missing one is empty"),
        pytest.param(partly([875] * 4, 1), None, False, id="above only if it is not empty"),
        pytest.param(partly([625] * 4, 1), False, False, id="on the threshold if it is full"),
        pytest.param(partly([626] * 4, 1), None, False, id="above only if it is full"),
        pytest.param(partly([124] * 4, 1), False, True, id="below though it may be full"),
        pytest.param(partly([125] * 4, 1), False, None, id="below unless it is full"),
        pytest.param(partly([374] * 4, 1), False, None, id="below only if it is empty"),
        pytest.param(partly([375] * 4, 1), False, False, id="not below if it is empty"),
        pytest.param(
            load(2801, doubts=(ANOTHER,)), True, False, id="above, whatever another signal is"
        ),
        pytest.param(load(2800, doubts=(ANOTHER,)), None, False, id="another signal may be above"),
        pytest.param(
            load(400, doubts=(ANOTHER,)), None, None, id="another signal may not be below"
        ),
        pytest.param(
            load(1000, others=(partly([200] * 4, 1),)),
            False,
            None,
            id="a lower signal may be higher if its missing one is full",
        ),
        pytest.param(
            partly([800] * 4, 1, others=(load(2801),)),
            True,
            False,
            id="a signal that is surely above, beside one that may be",
        ),
    ],
)
def test_a_rule_is_met_only_if_the_missing_figures_can_not_turn_the_answer(
    found: Load, up: object, down: object
) -> None:
    assert (is_met(MINUTE_UP, found), is_met(RULE_DOWN, found)) == (up, down)


def test_a_rule_is_named_by_its_words() -> None:
    policy = spec(
        scaling={
            "scaleUp": [{"above": 70, "for": "1m"}],
            "scaleDown": [{"below": 30, "for": "2m"}],
        }
    )
    assert [rule_text(rule) for rule in rules(policy)] == ["above 70% for 1m", "below 30% for 2m"]
