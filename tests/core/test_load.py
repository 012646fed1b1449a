"""The trust gate: what the figures come to, and when they are not believed."""

from datetime import datetime
from typing import Any

import pytest
from tests.core.fleet import (
    NOT_ASKED,
    SILENT,
    at,
    drain,
    gateway,
    gateways,
    isolated,
    pending,
    snapshot,
    spec,
    status,
)
from tests.core.signals import figure, figures, load, measured, partly

from imchat_operator.core.load import Load, Unknown, Utilization, highest, rotation, utilizations
from imchat_operator.core.snapshot import Gateway, Measured, Reported, Unmeasured, Unreadable
from imchat_operator.models import Phase, Purpose

TOO_FEW = Unknown(why="3 of 4 gateways report their connections, 80% are needed")
NOBODY = Unknown(why="no gateway takes connections")


def judged(fleet: tuple[Gateway, ...], **fields: Any) -> Load:
    return highest(utilizations(snapshot(gateways=fleet, **fields)))


def told(values: dict[str, int], **fields: Any) -> Utilization:
    """Return the load of gateways in rotation that hold so many connections."""
    known = tuple(figure(name, value) for name, value in values.items())
    return load(sum(values.values()), len(values), **{"figures": known, **fields})


@pytest.mark.parametrize(
    ("fleet", "expected"),
    [
        pytest.param(gateways(connections=300), load(1200), id="the sum over the fleet"),
        pytest.param(
            (gateway("a", 100), gateway("b", 300)),
            told({"a": 100, "b": 300}),
            id="gateways differ in load",
        ),
        pytest.param(
            (*gateways("abcd", 300), gateway("e", SILENT)),
            partly([300] * 4, 1),
            id="four of five report, 80%: the fifth is estimated as the mean of the others",
        ),
        pytest.param(
            (*gateways("abc", 300), gateway("d", SILENT)),
            TOO_FEW,
            id="one of four silent is one too many",
        ),
        pytest.param(
            (*gateways("abc", 300), gateway("d", Unreadable(why="answered HTTP 404"))),
            Unknown(why=f"{TOO_FEW.why}; d: answered HTTP 404"),
            id="one whose figures can't be read says why",
        ),
        pytest.param(
            (*gateways("abc", 300), gateway("d", NOT_ASKED)),
            TOO_FEW,
            id="one that was not asked is as good as silent",
        ),
        pytest.param((), NOBODY, id="no gateway is no load of 0"),
        pytest.param((pending("b"),), NOBODY, id="none that runs is no load of 0"),
        pytest.param(
            gateways(connections=0),
            Unknown(
                why="connections: all 4 gateways report 0, which live ones seldom are",
                is_idle=True,
            ),
            id="a load of 0 on live gateways is not believed",
        ),
        pytest.param(
            (*gateways("abc", 0), gateway("d", 1)),
            told({"a": 0, "b": 0, "c": 0, "d": 1}),
            id="a single connection is",
        ),
        pytest.param(
            (*gateways("ab", 0), isolated("c", 1)),
            told({"a": 0, "b": 0}, load=1, least=1),
            id="wherever it is",
        ),
        pytest.param(
            (gateway("a", Reported(connections=0, capacity=0)),),
            Unknown(why="connections: the gateways report a maximum of 0"),
            id="a maximum of 0 is no capacity",
        ),
        pytest.param(
            (*gateways("ab", 300), isolated("c", 200)),
            told({"a": 300, "b": 300}, load=800, least=800),
            id="connections out of rotation will come back to the others",
        ),
        pytest.param(
            (*gateways("ab", 300), gateway("c", 200, ready=False, containers_ready=False)),
            told({"a": 300, "b": 300}, load=800, least=800),
            id="a gateway unready through overload is still load",
        ),
        pytest.param(
            tuple(gateway(n, 950, ready=False, containers_ready=False) for n in "abcd"),
            load(3800),
            id="all unready through overload are load and capacity, or nobody would scale up",
        ),
        pytest.param(
            (*gateways("ab", 300), gateway("c", 200, terminating=True)),
            told({"a": 300, "b": 300}),
            id="a gateway that ends is neither load nor capacity",
        ),
        pytest.param(
            (*gateways("ab", 300), gateway("c", 300, accepting=None)),
            load(900, 3),
            id="a pod without readiness gate is in rotation while it is ready",
        ),
        pytest.param(
            (*gateways("ab", 300), gateway("c", Reported(connections=0, capacity=400))),
            load(
                600,
                3,
                capacity=800,
                figures=(*figures([300, 300]), figure("c", 0, 400)),
            ),
            id="gateways of several sizes have a mean capacity",
        ),
    ],
)
def test_utilization_is_told_from_what_gateways_report(
    fleet: tuple[Gateway, ...], expected: Load
) -> None:
    assert judged(fleet) == expected


@pytest.mark.parametrize(
    ("coverage", "reporting", "known"),
    [
        pytest.param(80, 80, True, id="80 of 100 report, 80% are needed"),
        pytest.param(80, 79, False, id="79 of 100 report, 80% are needed"),
        pytest.param(100, 99, False, id="all are needed"),
        pytest.param(1, 1, True, id="one is enough"),
    ],
)
def test_enough_gateways_have_to_report(coverage: int, reporting: int, known: bool) -> None:  # noqa: FBT001 -- a table's
    names = [f"g{n:02}" for n in range(100)]
    silent = tuple(gateway(name, SILENT) for name in names[reporting:])
    policy = spec(metrics={"interval": "10s", "coverage": coverage})
    found = judged((*gateways(names[:reporting]), *silent), spec=policy)
    assert isinstance(found, Utilization) is known
    if isinstance(found, Unknown):
        text = f"{reporting} of 100 gateways report their connections, {coverage}% are needed"
        assert found.why == text


PROMETHEUS = {"source": "Prometheus", "interval": "10s", "prometheus": {"name": "main"}}
CPU = spec(metrics=PROMETHEUS, scaling={"signals": [{"type": "CPU"}]})


@pytest.mark.parametrize(
    ("metrics", "moment", "known"),
    [
        pytest.param({}, at(-60), True, id="a minute old, which is the most"),
        pytest.param({}, at(-61), False, id="one second older"),
        pytest.param({"interval": "45s"}, at(-90), True, id="two intervals, if that is more"),
        pytest.param({"interval": "45s"}, at(-91), False, id="one second more than those"),
        pytest.param({"maxAge": "20s"}, at(-20), True, id="exactly maxAge"),
        pytest.param({"maxAge": "20s"}, at(-21), False, id="one second over maxAge"),
    ],
)
def test_a_figure_too_old_counts_as_missing(
    metrics: dict[str, str],
    moment: datetime,
    known: bool,  # noqa: FBT001 -- a table's
) -> None:
    policy = spec(metrics={**PROMETHEUS, **metrics}, scaling={"signals": [{"type": "CPU"}]})
    given = (measured("cpu", [500] * 4, at=moment),)
    found = judged(gateways(), spec=policy, measurements=given)
    assert isinstance(found, Utilization) is known
    if isinstance(found, Unknown):
        assert found.why.startswith("0 of 4 gateways report their cpu (4 figures older than ")


@pytest.mark.parametrize(
    ("second", "known"),
    [
        pytest.param(60, True, id="a sample a minute old"),
        pytest.param(61, False, id="one second older"),
    ],
)
def test_a_sample_too_old_is_not_believed(second: int, known: bool) -> None:  # noqa: FBT001 -- a table's
    found = judged(gateways(), now=at(second), sampled_at=at(0))
    assert found == (load(1200) if known else Unknown(why="the latest sample is older than 1m"))


def test_stale_figures_are_estimated_like_missing_ones() -> None:
    known = (*figures([200] * 4), figure("e", 900, at=at(-61)))
    given = Measured(signal="cpu", unit="cores", figures=known)
    found = judged(gateways("abcde"), spec=CPU, measurements=(given,))
    assert isinstance(found, Utilization)
    assert (found.load, found.least, found.most) == (1000, 800, 1800)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        pytest.param((), "cpu: it has not been measured yet", id="not measured"),
        pytest.param(
            (Unmeasured(signal="cpu", why="Prometheus main does not answer"),),
            "cpu: Prometheus main does not answer",
            id="the source is down",
        ),
        pytest.param(
            (measured("memory", [500] * 4),), "cpu: it has not been measured yet", id="another one"
        ),
        pytest.param(
            (measured("cpu", [0] * 4),),
            "cpu: all 4 gateways report 0, which live ones seldom are",
            id="nothing but zeros, as from a broken pipeline",
        ),
        pytest.param(
            (measured("cpu", []),),
            "0 of 4 gateways report their cpu, 80% are needed",
            id="an empty answer",
        ),
    ],
)
def test_a_signal_that_is_not_measured_is_unknown(given: Any, why: str) -> None:
    is_idle = "report 0" in why
    found = judged(gateways(), spec=CPU, measurements=given)
    assert found == Unknown(why=why, is_idle=is_idle)


def test_a_gateway_under_drain_counts_as_load_and_not_as_capacity() -> None:
    fleet = gateways("abc", 300)
    leaving = drain("c", Phase.DRAINING)
    found = judged(fleet, history=status(drains=(leaving,)))
    assert found == told({"a": 300, "b": 300}, load=900, least=900)
    assert rotation(fleet, (leaving,)) == fleet[:2]


def test_a_gateway_that_sheds_for_a_rebalance_still_counts_as_capacity() -> None:
    fleet = (*gateways("ab", 300), isolated("c", 300))
    shedding = drain("c", Phase.DRAINING, purpose=Purpose.REBALANCE)
    assert judged(fleet, history=status(drains=(shedding,))) == load(900, 3)
    assert rotation(fleet, (shedding,)) == fleet


BOTH = spec(
    metrics=PROMETHEUS,
    scaling={
        "signals": [
            {"type": "CPU"},
            {
                "type": "Query",
                "name": "rooms",
                "query": "rooms",
                "capacity": "1k",
                "pressureAbove": 66,
            },
        ]
    },
)


def test_of_several_signals_the_highest_counts() -> None:
    given = (measured("cpu", [500] * 4), measured("rooms", [510] * 4))
    found = judged(gateways(), spec=BOTH, measurements=given)
    assert isinstance(found, Utilization)
    assert (found.signal, found.percent, found.limit, found.doubts) == ("rooms", 51, 66, ())
    assert [(o.signal, o.limit) for o in found.others] == [("cpu", 70)]


def test_a_signal_that_is_not_known_leaves_a_doubt() -> None:
    found = judged(gateways(), spec=BOTH, measurements=(measured("cpu", [500] * 4),))
    assert isinstance(found, Utilization)
    assert (found.percent, found.least_percent) == (50, 50)
    assert found.most_percent == float("inf")
    assert found.doubts == ("rooms: it has not been measured yet",)


def test_if_no_signal_is_known_nor_is_the_load() -> None:
    found = judged(
        gateways(), spec=BOTH, measurements=(Unmeasured(signal="cpu", why="it is down"),)
    )
    assert found == Unknown(why="cpu: it is down; rooms: it has not been measured yet")


def test_missing_figures_are_nothing_at_least_and_full_at_most() -> None:
    found = partly([600] * 4, 1)
    assert (found.percent, found.least_percent, found.most_percent) == (60, 48, 68)


def test_the_bounds_are_those_of_the_signal_where_they_are_highest() -> None:
    found = load(1000, others=(partly([200] * 4, 1), load(100)))
    assert (found.percent, found.least_percent, found.most_percent) == (25, 25, 36)
    assert (found.least, found.most) == (1000, 1000)


def test_what_one_hundred_percent_is_shows_where_it_does_not_go_without_saying() -> None:
    assert load(1200).text == "30%, connections"
    assert load(1200, signal="cpu", base="limits").text == "30%, cpu of limits"
