"""Each oracle on a history that is right, and on the same with one thing wrong in it."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from faults.footprint import Footprint
from faults.history import (
    CLUSTER,
    DEPLOYMENT,
    EVENT,
    POD,
    WINDOW,
    Call,
    Ending,
    History,
    Json,
    Moments,
    Seen,
)
from faults.oracles import violations

_ROOT = "/apis/apps/v1/namespaces/n/deployments/gateway/scale"
_GATE = "imchat.dev/accepting-connections"


_BEFORE = Footprint(pid=7, descriptors=20, threads=1, memory=70_000)


class Story:
    """A history that is told step by step; a second passes with each."""

    def __init__(self) -> None:
        self._steps = count(1)
        self._seen: list[Seen] = []
        self._calls: list[Call] = []
        self._endings: list[Ending] = []
        self.crashes: tuple[str, ...] = ()
        self.after = _BEFORE

    def cluster(self, **status: Any) -> None:
        """A revision of the ImChatCluster."""
        draining = {"connectionsPerSecond": 50, "deregisterDelay": "500ms"}
        spec = {"minReplicas": 2, "maxReplicas": 4, "draining": draining}
        self._see(CLUSTER, "chat", {"spec": spec, "status": status})

    def deployment(self, replicas: int) -> None:
        """A revision of the Deployment."""
        self._see(DEPLOYMENT, "gateway", {"spec": {"replicas": replicas}})

    def scaled(self, replicas: int) -> None:
        """A change of the replicas by the operator."""
        self.deployment(replicas)
        self.call("PATCH", _ROOT, {"spec": {"replicas": replicas}})

    def pod(self, name: str, *, accepting: bool = True) -> None:
        """A revision of a gateway."""
        gate = {"type": _GATE, "status": str(accepting)}
        self._see(POD, name, {"status": {"conditions": [gate]}})

    def window(self, change: str) -> None:
        """A revision of the window `work`."""
        self._see(WINDOW, "work", {}, change=change)

    def event(self, reason: str, name: str, *, decision: str, kind: str = "Pod") -> None:
        """An Event of the operator."""
        body = {
            "reason": reason,
            "reportingComponent": "imchat-operator",
            "involvedObject": {"kind": kind, "name": name, "uid": f"uid-{name}"},
        }
        self._see(EVENT, f"{reason}-{next(self._steps)}", body, decision=decision)

    def call(self, method: str, path: str, body: Json | None = None, status: int = 200) -> None:
        """A write of the operator, of the latest revision."""
        at = float(next(self._steps))
        revision = self._seen[-1].revision
        self._calls.append(
            Call(
                at=at,
                operator=0,
                method=method,
                path=path,
                body=body,
                status=status,
                revision=revision,
            )
        )

    def ended(self, connections: int, *, was_late: bool = False, pace: float = 50) -> None:
        """A gateway's end."""
        self._endings.append(
            Ending(
                at=float(next(self._steps)),
                pod="a",
                uid="uid-a",
                connections=connections,
                pace=pace,
                was_late=was_late,
                was_ill=False,
            )
        )

    def _see(
        self, kind: str, name: str, body: Json, *, change: str = "MODIFIED", decision: str = ""
    ) -> None:
        annotations = {"imchat.dev/decision": decision} if decision else {}
        meta = {"name": name, "uid": f"uid-{name}", "annotations": annotations}
        step = next(self._steps)
        self._seen.append(
            Seen(
                at=float(step),
                revision=step,
                change=change,
                kind=kind,
                body={**body, "metadata": meta},
            )
        )

    def history(self) -> History:
        """All of it; nothing more happened for a while."""
        end = float(next(self._steps))
        return History(
            seen=tuple(self._seen),
            calls=tuple(self._calls),
            endings=tuple(self._endings),
            moments=Moments(begun=0, disturbed=end, settled=end, ended=end + 4),
            crashes=self.crashes,
            footprints=(_BEFORE, self.after),
        )


def _drain(pod: str, id_: str = "d1", purpose: str = "Healing", **fields: str) -> Json:
    known = {"pod": pod, "uid": f"uid-{pod}", "id": id_, "purpose": purpose}
    return {**known, "phase": "Isolating", "phaseSince": "2026-03-01T12:00:00Z", **fields}


def _right(story: Story) -> None:
    """A scale-down of one and a repair, each as it should be."""
    story.deployment(4)
    for name in "abcd":
        story.pod(name)
    story.cluster(
        decision="d1", drains=[_drain("a", purpose="ScaleDown")], resize={"id": "d1", "to": 3}
    )
    story.event("ScalingDown", "chat", decision="d1", kind="ImChatCluster")
    story.pod("a", accepting=False)
    story.scaled(3)
    story.ended(0)
    story.cluster(decision="d2", drains=[_drain("b", "d2")])
    story.pod("b", accepting=False)
    story.call("POST", "/api/v1/namespaces/n/pods/b/eviction")
    story.ended(7, was_late=True)
    story.event("GatewayEvicted", "b", decision="d2")
    story.event("GatewayEvicted", "chat", decision="d2", kind="ImChatCluster")
    story.cluster(decision="d3")


def test_nothing_is_wrong_with_what_is_right() -> None:
    story = Story()
    _right(story)
    assert violations(story.history()) == ()


def _above_the_most(story: Story) -> None:
    story.deployment(5)


def _below_the_least(story: Story) -> None:
    story.cluster(decision="d4", resize={"id": "d4", "to": 1})
    story.event("ScalingDown", "chat", decision="d4", kind="ImChatCluster")
    story.scaled(1)


def _two_repairs(story: Story) -> None:
    story.cluster(decision="d4", drains=[_drain("c", "d4"), _drain("d", "d4")])


def _drained_twice(story: Story) -> None:
    story.cluster(
        decision="d4", drains=[_drain("c", "d4", "ScaleDown"), _drain("c", "d5", "ScaleDown")]
    )


def _out_of_rotation(story: Story) -> None:
    story.pod("c", accepting=False)


def _back_too_soon(story: Story) -> None:
    story.cluster(decision="d4", drains=[_drain("c", "d4")])
    story.pod("c", accepting=False)
    story.pod("c")


def _drain_in_a_window(story: Story) -> None:
    story.window("ADDED")
    story.cluster(decision="d4", window="work")
    story.cluster(decision="d5", drains=[_drain("c", "d5")])


def _scale_down_in_a_window(story: Story) -> None:
    story.window("ADDED")
    story.cluster(decision="d4", window="work", resize={"id": "d4", "to": 2})
    story.event("ScalingDown", "chat", decision="d4", kind="ImChatCluster")
    story.scaled(2)


def _forgotten_window(story: Story) -> None:
    story.window("ADDED")
    story.cluster(decision="d4", window="work")
    story.cluster(decision="d5")
    story.cluster(decision="d6", drains=[_drain("c", "d6")])


def _cut(story: Story) -> None:
    story.ended(3)


def _too_fast(story: Story) -> None:
    story.ended(0, pace=51)


def _too_soon(story: Story) -> None:
    story.cluster(decision="d4", drains=[_drain("c", "d4")])
    soon = {"phase": "Draining", "phaseSince": "2026-03-01T12:00:00.4Z"}
    story.cluster(decision="d5", drains=[_drain("c", "d4", **soon)])


def _deleted_past_the_budget(story: Story) -> None:
    story.cluster(decision="d4", drains=[_drain("c", "d4", phase="Removing", ailment="NotReady")])
    story.call("DELETE", "/api/v1/namespaces/n/pods/c")


def _well_and_deleted(story: Story) -> None:
    deleting = _drain("c", "d4", phase="Deleting", ailment="DrainRequested")
    story.cluster(decision="d4", drains=[deleting])
    story.call("DELETE", "/api/v1/namespaces/n/pods/c")


def _deleted_and_never_refused(story: Story) -> None:
    story.cluster(decision="d4", drains=[_drain("c", "d4", phase="Deleting", ailment="NotReady")])
    story.event("GatewayDeleted", "c", decision="d4")
    story.call("DELETE", "/api/v1/namespaces/n/pods/c")
    story.call("POST", "/api/v1/namespaces/n/pods/c/eviction", status=429)


def _asked_again_and_again(story: Story) -> None:
    for _ in range(7):
        story.call("POST", "/api/v1/namespaces/n/pods/c/eviction", status=429)


def _more_files(story: Story) -> None:
    story.after = replace(_BEFORE, descriptors=30)


def _more_memory(story: Story) -> None:
    story.after = replace(_BEFORE, memory=80_000)


def _unrecorded_scale(story: Story) -> None:
    story.scaled(4)


def _scaled_twice(story: Story) -> None:
    story.cluster(decision="d4", resize={"id": "d4", "to": 4})
    story.event("ScalingUp", "chat", decision="d4", kind="ImChatCluster")
    story.scaled(4)
    story.scaled(4)


def _untold_scale(story: Story) -> None:
    story.cluster(decision="d4", resize={"id": "d4", "to": 4})
    story.scaled(4)


def _undrained_removal(story: Story) -> None:
    story.call("DELETE", "/api/v1/namespaces/n/pods/c")
    story.event("GatewayDeleted", "c", decision="d3")


def _untold_removal(story: Story) -> None:
    story.cluster(decision="d4", drains=[_drain("c", "d4")])
    story.call("POST", "/api/v1/namespaces/n/pods/c/eviction")


def _told_twice(story: Story) -> None:
    story.event("GatewayEvicted", "b", decision="d2")


def _unrecorded_decision(story: Story) -> None:
    story.event("StreakInterrupted", "chat", decision="d9", kind="ImChatCluster")


def _crash(story: Story) -> None:
    story.crashes = ("Traceback (most recent call last):",)


@pytest.mark.parametrize(
    ("wrong", "oracle"),
    [
        (_above_the_most, "size within limits"),
        (_below_the_least, "size within limits"),
        (_two_repairs, "disruptions within the budget"),
        (_drained_twice, "disruptions within the budget"),
        (_out_of_rotation, "rotation within the budget"),
        (_back_too_soon, "rotation within the budget"),
        (_drain_in_a_window, "nothing outside its window"),
        (_scale_down_in_a_window, "nothing outside its window"),
        (_forgotten_window, "nothing outside its window"),
        (_cut, "no connection cut"),
        (_too_fast, "drains take their time"),
        (_too_soon, "drains take their time"),
        (_deleted_past_the_budget, "budgets minded"),
        (_well_and_deleted, "budgets minded"),
        (_deleted_and_never_refused, "budgets minded"),
        (_asked_again_and_again, "no hammering"),
        (_more_files, "nothing left behind"),
        (_more_memory, "nothing left behind"),
        (_unrecorded_scale, "each resize decided once"),
        (_scaled_twice, "each resize decided once"),
        (_untold_scale, "each resize decided once"),
        (_undrained_removal, "each removal decided once"),
        (_untold_removal, "each removal decided once"),
        (_told_twice, "nothing told twice"),
        (_unrecorded_decision, "decisions before actions"),
        (_crash, "no crash"),
    ],
)
def test_what_is_wrong_is_found_by_its_oracle(wrong: Callable[[Story], None], oracle: str) -> None:
    story = Story()
    _right(story)
    wrong(story)
    assert oracle in {v.oracle for v in violations(story.history())}


def test_a_write_after_all_had_settled_is_found() -> None:
    story = Story()
    _right(story)
    before = story.history()
    story.call("PUT", "/apis/imchat.dev/v1alpha1/namespaces/n/imchatclusters/chat/status")
    late = story.history()
    history = History(
        seen=late.seen, calls=late.calls, endings=late.endings, moments=before.moments
    )
    assert [v.oracle for v in violations(history)] == ["quiet at the end"]


def test_what_is_ill_may_be_deleted_once_its_eviction_was_refused() -> None:
    story = Story()
    _right(story)
    story.cluster(decision="d4", drains=[_drain("c", "d4", phase="Deleting", ailment="NotReady")])
    story.call("POST", "/api/v1/namespaces/n/pods/c/eviction", status=429)
    story.event("GatewayDeleted", "c", decision="d4")
    story.call("DELETE", "/api/v1/namespaces/n/pods/c")
    assert violations(story.history()) == ()
