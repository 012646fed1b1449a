"""The figures of a run, from its stretches."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from imchat_operator.simulation.playback import Run, Stretch
from imchat_operator.simulation.report import document, figures

START = datetime(2026, 3, 1, 18, tzinfo=UTC)


def run(*stretches: dict[str, int], **counts: int) -> Run:
    """Return a run of gateways with 100 connections; a stretch takes a minute."""
    calm = {"wanted": 100, "serving": 2, "replicas": 2, "hottest": 50}
    return Run(
        capacity=100,
        stretches=tuple(
            Stretch(
                begin=START + timedelta(minutes=n),
                end=START + timedelta(minutes=n + 1),
                **{**calm, **fields},
            )
            for n, fields in enumerate(stretches)
        ),
        **{"moved": 0, "cut": 0, "refused": 0, **counts},
    )


@pytest.mark.parametrize(
    ("stretch", "above_70", "above_90", "hottest"),
    [
        pytest.param({"wanted": 140}, 0, 0, 0, id="exactly 70 % is not above"),
        pytest.param({"wanted": 141}, 1, 0, 0, id="above 70 %"),
        pytest.param({"wanted": 180}, 1, 0, 0, id="exactly 90 % is not above"),
        pytest.param({"wanted": 181}, 1, 1, 0, id="above 90 %"),
        pytest.param({"wanted": 100, "serving": 1}, 1, 1, 0, id="who does not serve can't carry"),
        pytest.param({"wanted": 1, "serving": 0}, 1, 1, 0, id="nobody serves"),
        pytest.param({"wanted": 0, "serving": 0}, 0, 0, 0, id="nobody serves, nobody asks"),
        pytest.param({"hottest": 90}, 0, 0, 0, id="the hottest at exactly 90 %"),
        pytest.param({"hottest": 91}, 0, 0, 1, id="one hot gateway in a calm fleet"),
    ],
)
def test_minutes(stretch: dict[str, int], above_70: float, above_90: float, hottest: float) -> None:
    found = figures(run({}, stretch, {}))
    assert found.minutes_above_70 == above_70
    assert found.minutes_above_90 == above_90
    assert found.hottest_minutes_above_90 == hottest


@pytest.mark.parametrize(
    ("sizes", "flips"),
    [
        pytest.param([2, 2, 2], 0, id="no change"),
        pytest.param([2, 3, 5], 0, id="two changes in one direction"),
        pytest.param([2, 3, 2], 1, id="up and down is one"),
        pytest.param([2, 3, 3, 2, 2, 4], 2, id="rests do not count"),
    ],
)
def test_flips(sizes: list[int], flips: int) -> None:
    assert figures(run(*({"replicas": size} for size in sizes))).flips == flips


def test_the_object_that_is_printed() -> None:
    stretches: list[dict[str, Any]] = [{}, {"replicas": 3, "wanted": 190}, {"replicas": 2}]
    assert document(figures(run(*stretches, moved=7, cut=3, refused=1))) == {
        "minutesAbove70": 1.0,
        "minutesAbove90": 1.0,
        "hottestMinutesAbove90": 0.0,
        "podHours": 0.12,
        "flips": 1,
        "connectionsMoved": 7,
        "connectionsCut": 3,
        "connectionsRefused": 1,
        "replicas": [
            ["2026-03-01T18:00:00Z", 2],
            ["2026-03-01T18:01:00Z", 3],
            ["2026-03-01T18:02:00Z", 2],
        ],
    }
