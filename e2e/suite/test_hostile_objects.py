"""Objects and statuses that nobody should store: the operator says what is wrong, and rests.

A definition without rules stores what another version, or a person, left there; whoever may write a
status writes anything.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

import loopback_node
from harness import Namespace, OperatorProcess
from harness.manifests import CRDS
from harness.rights import LEASE
from harness.waiting import wait_for
from hostile.corpus import CLUSTERS, STATUSES, WINDOWS, annotations
from hostile.schema import Json, spec_schema
from hostile.stage import Objects, RefusedError, Stage
from hostile.strategies import shaped

_SECONDS = 120.0
_SEED = 20261126
_DEFINITIONS = ("imchatclusters.imchat.dev", "maintenancewindows.imchat.dev")
_SPEC: Json = {"targetRef": {"name": "none"}, "maxReplicas": 2, "metrics": {"interval": "1s"}}
_ANYTHING: Json = {"x-kubernetes-preserve-unknown-fields": True}
_REQUESTS = "imchat_operator_api_requests_total"


@pytest.fixture
def stage(
    namespace: Namespace, nodes: loopback_node.LoopbackNodes, tmp_path: Path
) -> Iterator[Stage]:
    """An operator and no fleet; `beat` is an object whose passes go on."""
    assert nodes.names
    log = tmp_path / "operator.log"
    operator = OperatorProcess(namespace.kubeconfig, namespace.name, log, forked=True)
    with operator.started():
        stage = Stage(namespace=namespace, operator=operator, objects=Objects(namespace))
        stage.objects.create("ImChatCluster", "beat", _SPEC)
        yield stage


def _aimed(spec: Any, name: str) -> Any:
    """Return a spec with a target of its own, where it has one: of two only one would act."""
    if isinstance(spec, dict) and spec.get("targetRef") == _SPEC["targetRef"]:
        return {**spec, "targetRef": {"name": name}}
    return spec


@contextmanager
def _older(namespace: Namespace) -> Iterator[None]:
    """Have the definition of an operator that knew neither series nor dependencies."""
    root = "/spec/versions/0/schema/openAPIV3Schema/properties"
    gone = ("status/properties/eventSeries", "spec/properties/dependencies")
    patch = json.dumps([{"op": "remove", "path": f"{root}/{path}"} for path in gone])
    namespace.kubectl("patch", "crd", _DEFINITIONS[0], "--type=json", "--patch", patch)
    try:
        yield
    finally:
        _restored(namespace)


@contextmanager
def _lax(namespace: Namespace) -> Iterator[None]:
    """Have the API server store anything, for as long as the block lasts."""
    schema = {
        "type": "object",
        "properties": {"spec": _ANYTHING, "status": _ANYTHING},
    }
    path = "/spec/versions/0/schema/openAPIV3Schema"
    patch = json.dumps([{"op": "replace", "path": path, "value": schema}])
    for name in _DEFINITIONS:
        namespace.kubectl("patch", "crd", name, "--type=json", "--patch", patch)
    objects = Objects(namespace)
    for kind in ("ImChatCluster", "MaintenanceWindow"):
        wait_for(partial(_stores, objects, kind, "text"), what=f"{kind} of any shape")
    try:
        yield
    finally:
        _restored(namespace)


def _restored(namespace: Namespace) -> None:
    namespace.kubectl("replace", "-f", str(CRDS))
    objects = Objects(namespace)
    for kind in ("ImChatCluster", "MaintenanceWindow"):
        wait_for(partial(_refuses, objects, kind), what=f"{kind} with its rules")


def _stores(objects: Objects, kind: str, spec: Any) -> bool:
    try:
        objects.create(kind, "dry", spec, dry=True)
    except RefusedError:
        return False
    return True


def _refuses(objects: Objects, kind: str) -> bool:
    return not _stores(objects, kind, "text")


def _is_gone(stage: Stage, name: str) -> bool:
    return not stage.objects.get("ImChatCluster", name)


def _condition(found: Json, kind: str) -> Json:
    status = found.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else None
    known = [c for c in conditions or () if isinstance(c, dict) and c.get("type") == kind]
    return known[0] if known else {}


def _is_told(stage: Stage, kind: str, name: str) -> bool:
    """Whether the operator says of an object what it makes of it."""
    found = stage.objects.get(kind, name)
    about = "Ready" if kind == "ImChatCluster" else "Valid"
    condition = _condition(found, about)
    return bool(condition.get("message")) and condition.get("reason", "") != ""


def _writes(stage: Stage) -> float:
    """Return how many writes the operator has asked for."""
    return sum(
        count
        for name, count in stage.operator.metrics().items()
        if name.startswith(_REQUESTS)
        and any(f'verb="{verb}"' in name for verb in ("PUT", "POST", "PATCH", "DELETE"))
    )


def _passes(stage: Stage) -> float:
    of_beat = [
        count
        for name, count in stage.operator.metrics().items()
        if name.startswith("imchat_operator_passes_total") and '"beat"' in name
    ]
    return sum(of_beat)


def _rests(stage: Stage) -> None:
    """See that nothing is written any more, for so many passes of an object beside."""

    def is_quiet() -> bool:
        writes, passes = _writes(stage), _passes(stage)
        wait_for(lambda: _passes(stage) >= passes + 8, seconds=_SECONDS, what="passes")
        return _writes(stage) == writes

    wait_for(is_quiet, seconds=_SECONDS, what="no write in eight passes")


def _all_told(stage: Stage, kind: str, names: list[str]) -> None:
    for name in names:
        wait_for(partial(_is_told, stage, kind, name), seconds=_SECONDS, what=f"{kind} {name}")


def test_objects_that_no_definition_of_ours_lets_in_are_told_and_nothing_is_retried(
    stage: Stage,
) -> None:
    with _lax(stage.namespace):
        for name, spec in CLUSTERS.items():
            stage.objects.create("ImChatCluster", name, _aimed(spec, name))
        for name, spec in WINDOWS.items():
            stage.objects.create("MaintenanceWindow", name, spec)
        _all_told(stage, "ImChatCluster", [*CLUSTERS, "beat"])
        _all_told(stage, "MaintenanceWindow", [*WINDOWS])
        for name in CLUSTERS:
            ready = _condition(stage.objects.get("ImChatCluster", name), "Ready")
            assert ready["status"] == "False", name
            assert ready["message"].startswith("spec"), name
        _rests(stage)
        assert stage.complaints() == []
        for name in WINDOWS:
            stage.objects.delete("MaintenanceWindow", name)
        for name in CLUSTERS:
            stage.objects.delete("ImChatCluster", name)
        for name in CLUSTERS:
            wait_for(partial(_is_gone, stage, name), what=f"{name} gone")


def test_a_status_that_somebody_else_wrote_is_replaced(stage: Stage) -> None:
    with _lax(stage.namespace):
        for name in STATUSES:
            stage.objects.create("ImChatCluster", name, _aimed(_SPEC, name))
        _all_told(stage, "ImChatCluster", [*STATUSES])
        for name, status in STATUSES.items():
            stage.objects.tell("ImChatCluster", name, status)
        stage.operator.kill()
        stage.operator.start()
        stage.operator.wait_until_healthy()
        _all_told(stage, "ImChatCluster", [*STATUSES])
        _rests(stage)
        assert stage.complaints() == []


def test_an_epoch_that_nobody_led_in_deposes_nobody(namespace: Namespace, tmp_path: Path) -> None:
    lease = {"IMCHAT_LEASE": f"{namespace.name}/{LEASE}", "IMCHAT_IDENTITY": "one"}
    log = tmp_path / "operator.log"
    operator = OperatorProcess(namespace.kubeconfig, namespace.name, log, lease, forked=True)
    with operator.started():
        stage = Stage(namespace=namespace, operator=operator, objects=Objects(namespace))
        for name in ("far", "near"):
            stage.objects.create("ImChatCluster", name, _aimed(_SPEC, name))
        _all_told(stage, "ImChatCluster", ["far", "near"])
        for name, epoch in (("far", 2**62), ("near", 5)):
            found = stage.objects.get("ImChatCluster", name)
            stage.objects.tell("ImChatCluster", name, {**found["status"], "epoch": epoch})
        wait_for(lambda: "leads on in epoch 6" in operator.log(), seconds=_SECONDS, what="epoch 6")
        namespace.patch(namespace.path("imchatclusters", "far"), {"spec": {"minReplicas": 1}})
        wait_for(
            lambda: stage.objects.get("ImChatCluster", "far")["status"]["epoch"] == 6,
            seconds=_SECONDS,
            what="a status of the leader's own epoch",
        )
        assert operator.pid is not None


def test_annotations_with_nonsense_are_heeded_as_far_as_they_can_be(stage: Stage) -> None:
    for name, found in annotations().items():
        stage.objects.create("ImChatCluster", name, _aimed(_SPEC, name), annotations=found)
    _all_told(stage, "ImChatCluster", [*annotations()])
    _rests(stage)
    assert stage.complaints() == []


def _made(kind: str, examples: int) -> list[Json]:
    """Return specs of a kind's shape, the same ones each time."""
    found: list[Json] = []

    @seed(_SEED)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(shaped(spec_schema(kind)))
    def draw(spec: Json) -> None:
        found.append(spec)

    draw()
    return found


def _is_taken(stage: Stage, kind: str, name: str, spec: Json) -> bool:
    """Create an object, unless the API server refuses it by the field."""
    try:
        stage.objects.create(kind, name, spec)
    except RefusedError as error:
        if "spec" not in str(error):
            raise
        return False
    return True


@pytest.mark.parametrize(
    "examples", [40, pytest.param(600, marks=pytest.mark.slow)], ids=["a few", "many"]
)
def test_specs_made_by_chance_are_refused_or_told_and_nothing_is_retried(
    stage: Stage, examples: int
) -> None:
    taken: dict[str, list[str]] = {"ImChatCluster": [], "MaintenanceWindow": []}
    for kind, names in taken.items():
        for at, spec in enumerate(_made(kind, examples)):
            if _is_taken(stage, kind, f"made-{at}", spec):
                names.append(f"made-{at}")
    assert taken["ImChatCluster"]
    for kind, names in taken.items():
        _all_told(stage, kind, names)
    _rests(stage)
    assert stage.complaints() == []


def test_a_definition_older_than_the_operator_is_told_once_and_nothing_is_written_for_ever(
    stage: Stage,
) -> None:
    with _older(stage.namespace):
        for name in ("first", "second"):
            stage.objects.create("ImChatCluster", name, _aimed(_SPEC, name))
        _all_told(stage, "ImChatCluster", ["first", "second"])
        wait_for(
            lambda: "drops status" in stage.operator.log(), seconds=_SECONDS, what="the sentence"
        )
        _rests(stage)
        log = stage.operator.log()
        assert log.count("apply the CRDs of this version") <= 3, "once for each object"
        assert "imchatclusters.imchat.dev drops status.eventSeries" in log
        told = [r for r in stage.namespace.reasons() if r == "TargetNotFound"]
        assert len(told) == 3, "no Event comes twice for want of the memory of it"
        assert stage.complaints() == []


def test_what_a_newer_operator_left_is_no_trouble_and_its_spec_is_kept(stage: Stage) -> None:
    with _lax(stage.namespace):
        newer = {**_aimed(_SPEC, "newer"), "forecast": {"model": "x"}}
        stage.objects.create("ImChatCluster", "newer", newer)
        _all_told(stage, "ImChatCluster", ["newer"])
        left = stage.objects.get("ImChatCluster", "newer")["status"]
        stage.objects.tell("ImChatCluster", "newer", {**left, "forecasts": [{"at": "soon"}]})
        stage.operator.kill()
        stage.operator.start()
        stage.operator.wait_until_healthy()
        _all_told(stage, "ImChatCluster", ["newer"])
        _rests(stage)
        found = stage.objects.get("ImChatCluster", "newer")
        assert found["spec"]["forecast"] == {"model": "x"}
        assert stage.complaints() == []
