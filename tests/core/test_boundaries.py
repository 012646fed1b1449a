"""Every field of both kinds, at and beyond each bound: refused by the models, or decided on.

The fields come out of the CRDs, so that a new one is tried without a word here. e2e/hostile plays
the same values on an API server.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from pydantic import ValidationError
from tests.core.fleet import at, snapshot

from hostile.schema import Change, Json, changes, sampled, spec_schema, spots, status_schema
from hostile.strategies import shaped
from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import Window
from imchat_operator.core.window_status import next_change, window_status
from imchat_operator.models import (
    ImChatClusterSpec,
    ImChatClusterStatus,
    MaintenanceWindowSpec,
    MaintenanceWindowStatus,
    Model,
)

SEED = 20261126
CLUSTER: Json = {"targetRef": {"name": "gateway"}, "minReplicas": 2, "maxReplicas": 4}
WINDOW: Json = {
    "schedules": [{"once": {"start": "2030-01-01T00:00:00Z", "end": "2030-01-01T04:00:00Z"}}]
}


def taken(model: type[Model], found: Iterable[Change]) -> Iterator[tuple[Change, Any]]:
    """Yield the changes that a model takes, with what it makes of them."""
    for change in found:
        with suppress(ValidationError):
            yield change, model.model_validate(change.spec)


def decided(change: Change, spec: ImChatClusterSpec) -> None:
    try:
        first = decide(snapshot(spec=spec))
        later = decide(snapshot(spec=spec, history=first.status, now=at(5), sampled_at=at(5)))
    except Exception as error:
        raise AssertionError(str(change)) from error
    written = later.status.to_json(sparse=True)
    assert ImChatClusterStatus.model_validate(written) == later.status, str(change)


def kept(change: Change, spec: MaintenanceWindowSpec) -> None:
    window = Window(name="w", uid="uid-w", created_at=at(-60), spec=spec)
    try:
        status = window_status(window, ("chat",), frozenset(), at(0))
        next_change(window, at(0))
        decide(snapshot(windows=(window,)))
    except Exception as error:
        raise AssertionError(str(change)) from error
    written = status.to_json(sparse=True)
    assert MaintenanceWindowStatus.model_validate(written) == status, str(change)


KINDS = [
    pytest.param("ImChatCluster", ImChatClusterSpec, CLUSTER, decided, id="ImChatCluster"),
    pytest.param("MaintenanceWindow", MaintenanceWindowSpec, WINDOW, kept, id="MaintenanceWindow"),
]
Judge = Callable[[Change, Any], None]


@pytest.mark.parametrize(("kind", "model", "good", "judge"), KINDS)
def test_a_sample_of_what_may_be_asked_for_is_refused_or_decided_on(
    kind: str, model: type[Model], good: Json, judge: Judge
) -> None:
    for change, spec in taken(model, sampled(changes(kind, good), 20, SEED)):
        judge(change, spec)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "model", "good", "judge"), KINDS)
def test_whatever_may_be_asked_for_is_refused_or_decided_on(
    kind: str, model: type[Model], good: Json, judge: Judge
) -> None:
    well: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    found = tuple(changes(kind, good))
    tried.update(str(change.spot) for change in found)
    for change, spec in taken(model, found):
        judge(change, spec)
        well[str(change.spot)] += 1
    every = {str(spot) for spot in spots(spec_schema(kind))}
    assert every - well.keys() == set(), "schema._TOGETHER lacks what these need beside them"
    assert min(tried[field] - well[field] for field in every) > 0, "and one that is refused"


EXHAUSTIVE = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@EXHAUSTIVE
@given(shaped(status_schema("ImChatCluster")))
def test_whatever_a_cluster_s_status_says_is_survived(found: Json) -> None:
    try:
        history = ImChatClusterStatus.model_validate(found)
    except ValidationError:
        return
    decision = decide(snapshot(history=history))
    written = decision.status.to_json(sparse=True)
    assert ImChatClusterStatus.model_validate(written) == decision.status


@EXHAUSTIVE
@given(shaped(status_schema("MaintenanceWindow")))
def test_whatever_a_window_s_status_says_is_survived(found: Json) -> None:
    try:
        before = MaintenanceWindowStatus.model_validate(found)
    except ValidationError:
        return
    spec = MaintenanceWindowSpec.model_validate(WINDOW)
    window = Window(name="w", uid="uid-w", created_at=at(-60), spec=spec, status=before)
    window_status(window, (), frozenset(), at(0))
    next_change(window, at(0))
