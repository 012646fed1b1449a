from dataclasses import replace

import pytest
from tests.simulation.hpas import FREE, NOON, Sync, held, life_of, paced, sizes, spec

from imchat_operator.simulation.hpa import DEFAULT_DOWN, DEFAULT_UP, HpaSpec


@pytest.mark.parametrize(
    ("hpa", "syncs", "expected"),
    [
        pytest.param(
            spec(held(60)),
            [(0, 150), (30, 200), (59.9, 200), (60, 200)],
            [4, 4, 4, 8],
            id="growth: the lowest of the window, to which the size at the start belongs",
        ),
        pytest.param(
            spec(FREE, held(60)),
            [(0, 100), (30, 75), (59, 25), (60, 25), (90, 25)],
            [4, 4, 4, 3, 1],
            id="shrinkage: the highest of the window",
        ),
        pytest.param(
            spec(FREE, held(60)),
            [(0, 50), (59, 50), (59.999, 50)],
            [4, 4, 4],
            id="a window counts to its very end",
        ),
        pytest.param(
            spec(FREE, held(60)),
            [(0, 50), (30, 110), (60, 50), (89, 50), (90, 50)],
            [4, 4, 4, 4, 2],
            id="a load that comes back begins a new window",
        ),
        pytest.param(
            spec(held(60), held(60)),
            [(0, 200), (10, 25), (60, 200), (70, 25)],
            [4, 4, 4, 4],
            id="with both windows, what swings does not move it",
        ),
    ],
)
def test_stabilization(hpa: HpaSpec, syncs: list[Sync], expected: list[int]) -> None:
    assert sizes(hpa, 4, *syncs) == expected


@pytest.mark.parametrize(
    ("hpa", "replicas", "syncs", "expected"),
    [
        pytest.param(
            spec(paced("Pods", 2, 60)),
            4,
            [(0, 300), (15, 300), (59, 300), (60, 300)],
            [6, 6, 6, 8],
            id="two pods more within a minute",
        ),
        pytest.param(
            spec(paced("Percent", 50, 60)),
            4,
            [(0, 300), (30, 300), (60, 300)],
            [6, 6, 9],
            id="half as many more within a minute",
        ),
        pytest.param(
            spec(paced("Percent", 1, 60)), 4, [(0, 300)], [5], id="a percentage is at least one pod"
        ),
        pytest.param(
            spec(FREE, paced("Percent", 25, 60)),
            10,
            [(0, 10), (30, 10), (60, 10)],
            [7, 7, 5],
            id="a quarter less within a minute, rounded to fewer",
        ),
        pytest.param(
            spec(paced("Pods", 1, 60, ("Percent", 100, 60))),
            4,
            [(0, 300)],
            [8],
            id="Max takes the policy that allows most",
        ),
        pytest.param(
            spec(replace(paced("Pods", 1, 60, ("Percent", 100, 60)), select="Min")),
            4,
            [(0, 300)],
            [5],
            id="Min takes the policy that allows least growth",
        ),
        pytest.param(
            spec(FREE, replace(paced("Pods", 1, 60, ("Percent", 50, 60)), select="Min")),
            4,
            [(0, 10)],
            [3],
            id="Min takes the policy that allows least shrinkage",
        ),
        pytest.param(
            spec(replace(FREE, select="Disabled")), 4, [(0, 300), (1, 25)], [4, 1], id="never more"
        ),
        pytest.param(
            spec(FREE, replace(FREE, select="Disabled")),
            4,
            [(0, 25), (1, 300)],
            [4, 12],
            id="never fewer",
        ),
        pytest.param(
            spec(paced("Pods", 4, 60), paced("Pods", 3, 60)),
            4,
            [(0, 400), (10, 25), (20, 400)],
            [8, 2, 8],
            id="what came within the period may go again, and the other way round",
        ),
        pytest.param(
            spec(replace(paced("Pods", 2, 60, ("Pods", 3, 120)), select="Min")),
            4,
            [(0, 300), (60, 300), (119, 300), (120, 300)],
            [6, 7, 7, 9],
            id="each policy has its own period",
        ),
        pytest.param(
            spec(paced("Pods", 10, 60), paced("Pods", 5, 600)),
            10,
            [(0, 200), (61, 10), (599, 10), (600, 10)],
            [20, 5, 5, 5],
            id="a period sees what the other direction did within it",
        ),
        pytest.param(
            spec(FREE, paced("Pods", 1, 60, ("Percent", 50, 60))),
            8,
            [(0, 10)],
            [4],
            id="Max takes the policy that allows most shrinkage",
        ),
        pytest.param(
            replace(spec(paced("Pods", 1, 60)), min_replicas=10),
            1,
            [(0, 100), (59, 200), (60, 200)],
            [10, 10, 11],
            id="what the minimum added counts, and never makes growth a shrinkage",
        ),
        pytest.param(
            replace(spec(FREE, paced("Pods", 3, 60)), max_replicas=6),
            9,
            [(0, 100), (59, 10), (60, 10)],
            [6, 6, 3],
            id="what the maximum took away counts",
        ),
        pytest.param(
            replace(spec(FREE, paced("Pods", 1, 60)), max_replicas=6),
            9,
            [(0, 100), (59, 10), (60, 10)],
            [6, 6, 5],
            id="and never makes shrinkage a growth",
        ),
    ],
)
def test_policies(hpa: HpaSpec, replicas: int, syncs: list[Sync], expected: list[int]) -> None:
    assert sizes(hpa, replicas, *syncs) == expected


def events(hpa: HpaSpec, replicas: int, *syncs: Sync) -> list[tuple[float, int]]:
    """The changes that are remembered after some syncs: seconds after noon, pods more or fewer."""
    _, state = life_of(hpa, replicas, *syncs)
    ups = [((e.at - NOON).total_seconds(), e.replicas) for e in state.scale_ups]
    downs = [((e.at - NOON).total_seconds(), -e.replicas) for e in state.scale_downs]
    return ups + downs


@pytest.mark.parametrize(
    ("hpa", "replicas", "syncs", "expected"),
    [
        pytest.param(
            spec(paced("Pods", 9, 10)),
            4,
            [(0, 150), (5, 115), (10, 115)],
            [(0, 2), (5, 1), (10, 2)],
            id="those within the longest period of their direction",
        ),
        pytest.param(
            spec(paced("Pods", 9, 10)),
            4,
            [(0, 150), (5, 115), (30, 140)],
            [(0, 2), (30, 3)],
            id="and older ones, of which the latest gives its place to the next",
        ),
        pytest.param(
            spec(paced("Pods", 9, 600), paced("Pods", 9, 10)),
            9,
            [(0, 75), (20, 50), (40, 200)],
            [(40, 4), (20, -3)],
            id="each direction has its own longest period",
        ),
        pytest.param(
            replace(spec(), has_behavior=False), 4, [(0, 200)], [], id="none without a behavior"
        ),
    ],
)
def test_the_changes_remembered(
    hpa: HpaSpec, replicas: int, syncs: list[Sync], expected: list[tuple[float, int]]
) -> None:
    assert events(hpa, replicas, *syncs) == expected


def test_a_stale_change_counts_for_the_other_direction_while_it_is_remembered() -> None:
    hpa = spec(paced("Pods", 2, 10), paced("Pods", 1, 600))
    # Grown from 4 by 2 and 2, the first is forgotten for the second: 8 now were 6, less 1 is 5.
    assert sizes(hpa, 4, (0, 200), (20, 200), (30, 10)) == [6, 8, 5]


@pytest.mark.parametrize(
    ("replicas", "syncs", "expected"),
    [
        pytest.param(1, [(0, 900), (1, 900), (2, 900)], [4, 8, 16], id="to 4, then to the double"),
        pytest.param(
            6, [(0, 50), (299, 50), (300, 50), (301, 50)], [6, 6, 6, 3], id="held for 300 s and on"
        ),
        pytest.param(
            16, [(0, 50), (10, 50), (305, 1)], [16, 16, 8], id="then the highest of the window"
        ),
        pytest.param(90, [(0, 200)], [100], id="never above the maximum"),
        pytest.param(2, [(0, 0), (301, 0)], [2, 1], id="never below the minimum"),
    ],
)
def test_without_a_behavior(replicas: int, syncs: list[Sync], expected: list[int]) -> None:
    hpa = replace(spec(), has_behavior=False, scale_down=DEFAULT_DOWN)
    assert sizes(hpa, replicas, *syncs) == expected


@pytest.mark.parametrize(
    ("replicas", "syncs", "expected"),
    [
        pytest.param(1, [(0, 900), (15, 900)], [5, 10], id="four more, or twice as many, in 15 s"),
        pytest.param(
            10, [(0, 10), (15, 10), (300, 10)], [10, 10, 1], id="all that is too much after 300 s"
        ),
    ],
)
def test_the_defaults(replicas: int, syncs: list[Sync], expected: list[int]) -> None:
    assert sizes(spec(DEFAULT_UP, DEFAULT_DOWN), replicas, *syncs) == expected
