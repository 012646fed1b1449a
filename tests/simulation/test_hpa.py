from dataclasses import replace

import pytest
from tests.simulation.hpas import (
    FREE,
    IGNORED,
    NOON,
    PENDING,
    TARGET,
    decided,
    held,
    paced,
    pods,
    sizes,
    spec,
)

from imchat_operator.simulation.hpa import (
    HpaDecision,
    HpaSpec,
    HpaState,
    PodMetric,
    step,
)


@pytest.mark.parametrize(
    ("replicas", "seen", "expected"),
    [
        pytest.param(2, pods(1500, 1500), 3, id="the mean load over the target, times the pods"),
        pytest.param(3, pods(1300, 1300, 1300), 4, id="a part of a pod is a whole pod"),
        pytest.param(4, pods(500, 500, 500, 500), 2, id="half the load needs half the pods"),
        pytest.param(3, pods(0, 0, 0), 1, id="no load at all leaves the minimum"),
        pytest.param(5, pods(2000, 2000), 4, id="only pods that are there count, not replicas"),
        pytest.param(2, pods(1101, 1100), 2, id="the mean is cut to whole milli-units"),
        pytest.param(4, pods(1500, None), 4, id="a missing sample is 0 against growth"),
        pytest.param(2, pods(1500, 1500, None), 2, id="the mean with it may be on the target"),
        pytest.param(2, pods(1500, None), 2, id="with it the load is below the target: nothing"),
        pytest.param(3, pods(4000, 4000, None), 8, id="growth goes on in spite of it"),
        pytest.param(3, pods(400, 400, None), 2, id="a missing sample is the target on the way in"),
        pytest.param(2, pods(850, None, None, None), 2, id="which may make it too little to act"),
        pytest.param(4, (*pods(500, 500, 500, 500), PENDING), 2, id="pending ones don't shrink it"),
        pytest.param(2, (*pods(1500, 1500), PENDING), 2, id="pending ones are 0 against growth"),
        pytest.param(
            2, (*pods(1500, 1500, None), PENDING), 2, id="pending and missing ones at once"
        ),
        pytest.param(
            2,
            (*pods(1500, 1500), replace(PENDING, value=9000)),
            2,
            id="the sample of a pending pod is not believed",
        ),
        pytest.param(
            2,
            (replace(pods(1500)[0], is_ready=False), *pods(1500)),
            3,
            id="an unready pod counts like a ready one",
        ),
        pytest.param(2, (*pods(1500, 1500), IGNORED), 3, id="leaving and failed pods don't count"),
        pytest.param(
            2,
            (*pods(1500, 1500), replace(IGNORED, is_pending=True)),
            3,
            id="nor do those that leave before they have started",
        ),
        pytest.param(
            9, pods(4000, 4000, None), 9, id="assumed samples that would shrink a growth: nothing"
        ),
        pytest.param(
            1, pods(400, 400, None), 1, id="assumed samples that would grow a shrinkage: nothing"
        ),
        pytest.param(9, pods(4000, 4000), 8, id="seen samples may shrink it all the same"),
    ],
)
def test_the_metric_asks_for(replicas: int, seen: tuple[PodMetric, ...], expected: int) -> None:
    assert decided(spec(), replicas, seen).replicas == expected


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param((), id="there is no pod"),
        pytest.param(pods(None, None), id="no pod has a sample"),
        pytest.param((PENDING, IGNORED), id="those that have one don't count"),
    ],
)
def test_nothing_is_done_when(seen: tuple[PodMetric, ...]) -> None:
    state, decision = step(spec(), HpaState(), NOON, 3, seen)
    assert decision == HpaDecision(replicas=3, why="FailedGetPodsMetric")
    assert [r.replicas for r in state.recommendations] == [3]


@pytest.mark.parametrize(
    ("percent", "up", "down", "expected"),
    [
        pytest.param(110, 0.1, 0.1, 10, id="10% more is within 10%"),
        pytest.param(111, 0.1, 0.1, 12, id="11% more is not"),
        pytest.param(90, 0.1, 0.1, 10, id="10% less is within 10%"),
        pytest.param(89, 0.1, 0.1, 9, id="11% less is not"),
        pytest.param(101, 0.0, 0.5, 11, id="growth has its own tolerance"),
        pytest.param(50, 0.0, 0.5, 10, id="and so has shrinkage"),
        pytest.param(100, 0.0, 0.0, 10, id="the target itself is always tolerated"),
    ],
)
def test_the_tolerance(percent: int, up: float, down: float, expected: int) -> None:
    hpa = spec(replace(FREE, tolerance=up), replace(FREE, tolerance=down))
    assert sizes(hpa, 10, (0, percent)) == [expected]


@pytest.mark.parametrize(
    ("replicas", "percent", "expected"),
    [
        pytest.param(0, 500, (0, "ScalingDisabled"), id="a target of 0 replicas is left alone"),
        pytest.param(1, 100, (2, "TooFewReplicas"), id="too few now: the minimum, unasked"),
        pytest.param(9, 100, (6, "TooManyReplicas"), id="too many now: the maximum, unasked"),
        pytest.param(4, 300, (6, "TooManyReplicas"), id="never above the maximum"),
        pytest.param(4, 10, (2, "TooFewReplicas"), id="never below the minimum"),
        pytest.param(4, 150, (6, "DesiredWithinRange"), id="the maximum is within range"),
        pytest.param(4, 50, (2, "DesiredWithinRange"), id="and so is the minimum"),
    ],
)
def test_bounds(replicas: int, percent: int, expected: tuple[int, str]) -> None:
    hpa = replace(spec(), min_replicas=2, max_replicas=6)
    decision = decided(hpa, replicas, pods(*[TARGET * percent // 100] * replicas))
    assert (decision.replicas, decision.why) == expected


@pytest.mark.parametrize(
    ("hpa", "percent", "expected"),
    [
        pytest.param(spec(paced("Pods", 1, 60)), 300, "ScaleUpLimit", id="a policy of growth"),
        pytest.param(
            spec(FREE, paced("Pods", 1, 60)), 10, "ScaleDownLimit", id="a policy of shrinkage"
        ),
        pytest.param(spec(held(60)), 300, "ScaleUpStabilized", id="a window of growth"),
        pytest.param(spec(FREE, held(60)), 10, "ScaleDownStabilized", id="a window of shrinkage"),
        pytest.param(
            replace(spec(FREE, held(60)), has_behavior=False),
            10,
            "ScaleDownStabilized",
            id="the controller's own window",
        ),
        pytest.param(
            replace(spec(), has_behavior=False), 900, "ScaleUpLimit", id="the controller's own pace"
        ),
        pytest.param(spec(), 105, "DesiredWithinRange", id="a tolerated load"),
        pytest.param(
            replace(spec(paced("Pods", 6, 60)), max_replicas=10),
            300,
            "TooManyReplicas",
            id="the maximum, where a policy allows just as many",
        ),
        pytest.param(
            replace(spec(FREE, paced("Pods", 1, 60)), min_replicas=3),
            10,
            "TooFewReplicas",
            id="the minimum, where a policy allows just as few",
        ),
    ],
)
def test_the_reason_names(hpa: HpaSpec, percent: int, expected: str) -> None:
    assert decided(hpa, 4, pods(*[TARGET * percent // 100] * 4)).why == expected
