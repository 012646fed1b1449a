"""When a storm, or an outage, begins and ends, and what it leaves behind."""

import pytest
from tests.core.ailing import on_node
from tests.core.fleet import SILENT, at, crashed, gateway, gateways, once, suspect, window
from tests.core.repairs import DOWN, after, blocked, decided, repaired, seen

from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import DependencyState, Gateway
from imchat_operator.models import Storm

CALM = gateways()
ROUGH = (gateway("a", SILENT), gateway("b", SILENT), *gateways("cd"))
LOSS = (*(on_node(n, SILENT, ready=False) for n in "ab"), *gateways("cd"))
ONE = (gateway("a", SILENT), *gateways("bcd"))
UNKNOWN = DependencyState(name="auth-service", up=None, why="no such Service")
OPEN = window(once(at(-1), at(60)))


def storm(since: float, over: float | None = None, reason: str = "StormGate") -> Storm:
    return Storm(reason=reason, since=at(since), over_at=None if over is None else at(over))


@pytest.mark.parametrize(
    ("fleet", "dependencies", "before", "expected"),
    [
        pytest.param(CALM, (), None, None, id="nothing is, and nothing was"),
        pytest.param(ROUGH, (), None, storm(0), id="a storm begins, before anybody is due"),
        pytest.param(ROUGH, (), storm(-60), storm(-60), id="a storm goes on"),
        pytest.param(CALM, (), storm(-60), storm(-60, 0), id="a storm is over"),
        pytest.param(LOSS, (), storm(-60), None, id="what seemed a storm is one lost node"),
        pytest.param(LOSS, (), storm(-600, -5), storm(-600, -5), id="after a storm a node is lost"),
        pytest.param(CALM, (), storm(-3), storm(-3, 0), id="a blip is over"),
        pytest.param(CALM, (), storm(-5, -2), storm(-5, -2), id="a blip settles"),
        pytest.param(CALM, (), storm(-6, -3), None, id="a blip has settled, in as long as it was"),
        pytest.param(
            CALM, (), storm(-12.9, -3), storm(-12.9, -3), id="one that was almost long settles"
        ),
        pytest.param(
            CALM, (), storm(-100, -90), storm(-100, -90), id="one that just was long settles"
        ),
        pytest.param(CALM, (), storm(-600, -119), storm(-600, -119), id="it settles"),
        pytest.param(CALM, (), storm(-600, -120), None, id="it has settled"),
        pytest.param(
            CALM, (), storm(-600, 60), None, id="it is over only tomorrow: our clock went"
        ),
        pytest.param(
            ROUGH, (), storm(-600, -5), storm(0), id="another storm before it has settled"
        ),
        pytest.param(
            ONE,
            (DOWN,),
            None,
            storm(0, reason="DependencyDown"),
            id="an outage that one suffers of",
        ),
        pytest.param(CALM, (DOWN,), None, None, id="an outage that nobody suffers of"),
        pytest.param(ONE, (UNKNOWN,), None, None, id="a dependency that is unknown"),
        pytest.param(
            (gateway("a", SILENT, node=gateway("z", node_ready=False).node), *gateways("bcd")),
            (DOWN,),
            None,
            None,
            id="an outage, and a gateway that is ill for another reason",
        ),
        pytest.param(
            CALM,
            (DOWN,),
            storm(-60, reason="DependencyDown"),
            storm(-60, 0, reason="DependencyDown"),
            id="the gateways are well again before what they need",
        ),
        pytest.param(ROUGH, (DOWN,), None, storm(0), id="both at a time are a storm"),
        pytest.param(ONE, (DOWN,), storm(-60), storm(-60), id="a storm that becomes an outage"),
    ],
)
def test_a_storm_is_remembered_until_the_fleet_has_settled(
    fleet: tuple[Gateway, ...],
    dependencies: tuple[DependencyState, ...],
    before: Storm | None,
    expected: Storm | None,
) -> None:
    decision = decided(*fleet, dependencies=dependencies, history={"storm": before})
    assert decision.status.storm == expected


def test_the_last_of_a_short_storm_to_recover_is_not_repaired_for_being_the_last() -> None:
    """It has been ill for as long as it may, and most of that with most of the fleet."""
    last = suspect("a", "Unresponsive", at(-31))
    first = seen(*ROUGH, history={"suspects": [last], "storm": storm(-9)})
    then = after(first, decide(first), at(0.5), gateways=ONE)
    recovering = decide(then)
    assert repaired(recovering) == []
    assert blocked(recovering)[1] == "StormCooldown"
    ill = after(then, recovering, at(9.4))
    assert repaired(decide(ill)) == []
    assert repaired(decide(after(ill, decide(ill), at(11)))) == ["a"], "it did not recover at all"


def test_what_was_lost_with_one_node_is_repaired_together() -> None:
    """Half the fleet, and by `maxConcurrent` one at a time: the node is the one."""
    decision = decided(*LOSS, history={"storm": storm(-60)})
    assert repaired(decision) == ["a", "b"]
    third = after(seen(*LOSS), decision, at(1), gateways=(*LOSS, crashed("e")))
    assert repaired(decide(third)) == ["a", "b"]
    assert blocked(decide(third))[1] == "StormGate"


def test_of_two_lost_nodes_the_second_waits() -> None:
    two = (*LOSS[:2], on_node("e", SILENT, host="m", ready=False), *gateways("cdfg"))
    decision = decided(*two)
    assert repaired(decision) == ["a", "b"]
    assert blocked(decision)[2].startswith("1 under repair, maxConcurrent is 1; 1 held: e (")


def test_while_a_storm_is_settling_the_operator_looks_again_every_second() -> None:
    assert decided(*CALM, history={"storm": storm(-600, -5)}).next_check.total_seconds() == 1
    assert decided(*CALM).next_check.total_seconds() == 10


def test_the_first_objection_is_the_one_that_is_told() -> None:
    """In the order of the table in consent.py: each of these has all those after it as well."""
    ill = (crashed("a"), crashed("b"), *gateways("cd"))
    settling = {"storm": storm(-600, -5)}
    paused = {"pauses": [{"reason": "a load test"}], "mode": "Observe"}
    reasons = [
        decided(*ill, windows=(OPEN,), dependencies=(DOWN,), healing=paused),
        decided(*ill, dependencies=(DOWN,), healing=paused),
        decided(*ill, dependencies=(DOWN,), healing={"mode": "Observe"}),
        decided(*ill, dependencies=(DOWN,), history=settling),
        decided(*ill, history=settling),
        decided(crashed("a"), *gateways("bcd"), history=settling),
    ]
    found = [
        next(c.reason for c in d.status.conditions if c.type == "RemediationBlocked")
        for d in reasons
    ]
    assert found == [
        "HeldByWindow",
        "Paused",
        "Observing",
        "DependencyDown",
        "StormGate",
        "StormCooldown",
    ]
