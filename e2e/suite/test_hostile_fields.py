"""Every field of both kinds, changed on live fleets to each bound and beyond, and back.

Which fields there are, the CRDs tell; a new one is tried by itself. The API server refuses a value
with a sentence that names the field, or the operator handles it; and back at the old spec a fleet
is as it was.
"""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

import loopback_node
from harness import Namespace, OperatorProcess
from harness.waiting import wait_for
from hostile.refusals import refusal
from hostile.schema import Change, Json, changes, sampled
from hostile.stage import Objects, Stage, good_spec, is_seen, staged

_FLEETS = ("a", "b", "c", "d")
_SEED = 20261126
_WINDOW: Json = {
    "schedules": [{"once": {"start": "2030-01-01T00:00:00Z", "end": "2030-01-01T04:00:00Z"}}]
}
_LARGEST = 2
_SECONDS = 90.0


@pytest.fixture(scope="module")
def stage(
    kubeconfig: Path, nodes: loopback_node.LoopbackNodes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Four fleets at rest."""
    assert nodes.names
    namespace = Namespace(kubeconfig=kubeconfig, name="hostile-fields")
    namespace.create()
    log = tmp_path_factory.mktemp("hostile") / "operator.log"
    operator = OperatorProcess(kubeconfig, namespace.name, log, forked=True)
    with operator.started():
        yield staged(namespace, operator, *_FLEETS)
    namespace.delete()


def _taken(objects: Objects, kind: str, name: str, tried: list[Change]) -> list[Change]:
    """Return the changes that the API server would take; it refuses the others by their names."""
    return [c for c in tried if not refusal(objects, kind, name, c, dry=True)]


def _plays(change: Change) -> bool:
    """Whether a change leaves a live fleet's size alone: pods that are asked for would come."""
    return change.spec.get("minReplicas") in {None, 1, _LARGEST}


def _of(name: str, change: Change) -> Json:
    """Return the spec of a change of the first fleet as another's."""
    ref = change.spec.get("targetRef")
    if isinstance(ref, dict) and ref.get("name") == _FLEETS[0]:
        return {**change.spec, "targetRef": {**ref, "name": name}}
    return change.spec


def _play(stage: Stage, taken: list[Change]) -> None:
    """Make the changes on the live fleets, each undone before the next, and see how all ends."""
    with ThreadPoolExecutor(len(_FLEETS)) as pool:
        parts = [(name, taken[at :: len(_FLEETS)]) for at, name in enumerate(_FLEETS)]
        for game in [pool.submit(_played, stage, name, mine) for name, mine in parts]:
            game.result()
    assert stage.complaints() == []


def _played(stage: Stage, name: str, mine: list[Change]) -> None:
    objects = Objects(stage.namespace)
    for change in mine:
        for spec in (_of(name, change), good_spec(name)):
            objects.replace("ImChatCluster", name, spec)
            wait_for(
                lambda: is_seen(objects.get("ImChatCluster", name)),
                seconds=_SECONDS,
                what=f"{name} seen with {change}",
            )
        assert objects.get("ImChatCluster", name).get("spec"), "it is there"
    wait_for(
        lambda: stage.is_as_before(name, objects),
        seconds=_SECONDS,
        what=f"{name} as before, after {', '.join(map(str, mine))}",
    )


def _played_windows(stage: Stage, taken: list[Change]) -> None:
    """Have each window for a while, and see what its status says of it."""
    for change in taken:
        stage.objects.create("MaintenanceWindow", "w", change.spec)
        wait_for(
            lambda: stage.objects.get("MaintenanceWindow", "w").get("status", {}).get("state"),
            seconds=_SECONDS,
            what=str(change),
        )
        stage.objects.delete("MaintenanceWindow", "w")
    for name in _FLEETS:
        wait_for(partial(stage.is_as_before, name), seconds=_SECONDS, what=f"{name} as before")
    assert stage.complaints() == []


def _clusters(each: int) -> list[Change]:
    return sampled(changes("ImChatCluster", good_spec(_FLEETS[0])), each, _SEED)


def _windows(each: int) -> list[Change]:
    return sampled(changes("MaintenanceWindow", _WINDOW), each, _SEED)


def _window_taken(stage: Stage, tried: list[Change]) -> list[Change]:
    stage.objects.create("MaintenanceWindow", "dry", _WINDOW)
    try:
        return _taken(stage.objects, "MaintenanceWindow", "dry", tried)
    finally:
        stage.objects.delete("MaintenanceWindow", "dry")


def test_a_sample_of_each_field_of_a_cluster_is_refused_or_handled(stage: Stage) -> None:
    taken = _taken(stage.objects, "ImChatCluster", _FLEETS[0], _clusters(6))
    assert taken
    playable = [c for c in taken if _plays(c)]
    _play(stage, random.Random(_SEED).sample(playable, 24))  # noqa: S311 -- no secret


def test_a_sample_of_each_field_of_a_window_is_refused_or_handled(stage: Stage) -> None:
    taken = _window_taken(stage, _windows(6))
    _played_windows(stage, random.Random(_SEED).sample(taken, 16))  # noqa: S311 -- no secret
