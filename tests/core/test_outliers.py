"""Zombies: gateways that look well to every probe, and badly beside their peers."""

from datetime import timedelta

import pytest
from tests.core.ailing import diagnosed, figures
from tests.core.fleet import gateway, isolated

from imchat_operator.core.ailments import Ailment, Diagnosis
from imchat_operator.core.snapshot import Gateway, Reported, Silent


def zombie(evidence: str) -> Diagnosis:
    return Diagnosis(ailment=Ailment.ZOMBIE, evidence=evidence, patience=timedelta(minutes=2))


def peers(*found: Reported) -> tuple[Gateway, ...]:
    return tuple(gateway(name, one) for name, one in zip("bcdefg", found, strict=False))


BUSY = figures(300, 30.0)
MUTE = zombie(
    "is ready and answers no message of its 300 clients; "
    "by its peers it should answer 30.0 a second"
)


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        pytest.param(figures(300, 0.0), peers(BUSY, BUSY), MUTE, id="peers in the same place talk"),
        pytest.param(figures(300, 0.1), peers(BUSY, BUSY), None, id="it answers a little"),
        pytest.param(figures(300, None), peers(BUSY, BUSY), None, id="what it answers is unknown"),
        pytest.param(figures(300, 0.0), peers(BUSY), None, id="one peer tells nothing"),
        pytest.param(
            figures(300, 0.0),
            peers(BUSY, figures(300, None)),
            None,
            id="of two peers one is unknown",
        ),
        pytest.param(
            figures(300, 0.0), peers(BUSY, figures(0, 0.0)), None, id="of two peers one is empty"
        ),
        pytest.param(
            figures(10, 0.0),
            peers(BUSY, BUSY),
            zombie(
                "is ready and answers no message of its 10 clients; "
                "by its peers it should answer 1.0 a second"
            ),
            id="ten clients are enough to tell",
        ),
        pytest.param(figures(9, 0.0), peers(BUSY, BUSY), None, id="nine clients are too few"),
        pytest.param(
            figures(300, 0.0),
            peers(figures(300, 0.25), figures(300, 0.25)),
            zombie(
                "is ready and answers no message of its 300 clients; "
                "by its peers it should answer 0.2 a second"
            ),
            id="thirty messages in the time that it has",
        ),
        pytest.param(
            figures(300, 0.0),
            peers(figures(300, 0.24), figures(300, 0.24)),
            None,
            id="in a quiet fleet silence is chance",
        ),
        pytest.param(
            figures(300, 0.0),
            peers(BUSY, figures(300, 0.0), figures(300, 0.0)),
            None,
            id="most of the others answer nothing either",
        ),
        pytest.param(
            figures(300, 0.0),
            (*peers(BUSY), isolated("c", BUSY), gateway("d", Silent(why="no answer"))),
            None,
            id="those out of rotation, and silent ones, are no peers",
        ),
    ],
)
def test_a_gateway_without_traffic_is_told_from_a_quiet_fleet(
    own: Reported, others: tuple[Gateway, ...], expected: Diagnosis | None
) -> None:
    assert diagnosed(gateway("a", own), *others) == expected


CALM, ROUGH = figures(300, 30.0, 0.06), figures(300, 30.0, 0.6)


def losing(rate: float, factor: int = 5) -> Diagnosis:
    return zombie(
        f"is ready and loses {rate:.1f} sessions a second to errors, "
        f"more than {factor} times what its peers do for each connection"
    )


@pytest.mark.parametrize(
    ("own", "others", "factor", "expected"),
    [
        pytest.param(figures(300, 30.0, 1.5), peers(CALM, CALM), 5, losing(1.5), id="five times"),
        pytest.param(
            figures(300, 30.0, 1.49), peers(CALM, CALM), 5, None, id="a little less than that"
        ),
        pytest.param(
            figures(300, 30.0, 3.0), peers(ROUGH, ROUGH), 5, losing(3.0), id="five times of many"
        ),
        pytest.param(
            figures(300, 30.0, 1.5), peers(ROUGH, ROUGH), 5, None, id="all of them lose sessions"
        ),
        pytest.param(
            figures(300, 30.0, 1.5), peers(CALM, CALM), 6, None, id="the factor is asked for"
        ),
        pytest.param(figures(300, 30.0, 1.5), peers(CALM), 5, None, id="one peer tells nothing"),
        pytest.param(
            figures(300, 30.0, None), peers(CALM, CALM), 5, None, id="what it loses is unknown"
        ),
        pytest.param(
            figures(3, 0.3, 0.1), peers(CALM, CALM), 5, losing(0.1), id="one in ten seconds counts"
        ),
        pytest.param(
            figures(3, 0.3, 0.09), peers(CALM, CALM), 5, None, id="less is chance in a few clients"
        ),
        pytest.param(
            figures(0, 0.0, 0.3), peers(CALM, CALM), 5, losing(0.3), id="it keeps no client at all"
        ),
        pytest.param(
            figures(300, 30.0, 1.5),
            peers(figures(300, 30.0, 0.0), figures(300, 30.0, 0.0)),
            5,
            losing(1.5),
            id="peers without any error are taken to have a few",
        ),
        pytest.param(
            figures(300, 30.0, 1.4),
            peers(figures(300, 30.0, 0.0), figures(300, 30.0, 0.0)),
            5,
            None,
            id="a few errors are none",
        ),
    ],
)
def test_a_gateway_with_errors_is_told_from_a_bad_day(
    own: Reported, others: tuple[Gateway, ...], factor: int, expected: Diagnosis | None
) -> None:
    found = diagnosed(gateway("a", own), *others, zombie={"errorFactor": factor})
    assert found == expected


def test_a_gateway_that_is_not_in_rotation_is_no_zombie() -> None:
    assert diagnosed(isolated("a", figures(300, 0.0, 9.0)), *peers(BUSY, BUSY)) is None


def test_the_time_that_is_given_decides_how_much_traffic_is_needed_to_tell() -> None:
    rare = peers(figures(300, 0.1), figures(300, 0.1))
    mute = gateway("a", figures(300, 0.0))
    assert diagnosed(mute, *rare) is None
    found = diagnosed(mute, *rare, zombieFor="5m")
    assert found is not None
    assert (found.ailment, found.patience) == (Ailment.ZOMBIE, timedelta(minutes=5))
