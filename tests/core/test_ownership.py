"""Who else sets the replicas: autoscalers and other managers win, people are believed."""

from typing import Any

import pytest
from tests.core.decisions import (
    HIGH,
    decided,
    messages,
    scaled,
    scaling,
)
from tests.core.fleet import (
    at,
    gateways,
    isolated,
    on_cluster,
    resize,
    snapshot,
    status,
    target,
    victim,
)

from imchat_operator.core.decision import Outcome, Reason, Scale
from imchat_operator.core.ownership import OURSELVES, Ownership, ownership
from imchat_operator.models import Conflict, Phase

ARGO = "argocd-controller"


def owned(manager: str, replicas: int = 6, **fields: Any) -> Ownership:
    """Ask who owns a target that had four replicas in the last pass."""
    history = status(**{"replicas": 4, **fields.pop("history", {})})
    aim = target(replicas=replicas, manager=manager)
    return ownership(snapshot(history=history, target=aim, **fields), aim)


def conflict(manager: str = ARGO, replicas: int = 6, since: float = 0, generation: int = 1) -> Any:
    return Conflict(manager=manager, replicas=replicas, since=at(since), generation=generation)


def changed(manager: str) -> Ownership:
    told = on_cluster(
        Reason.REPLICAS_CHANGED, f"{manager} changed 4 to 6 replicas, which is the new base"
    )
    return Ownership(changed=True, notices=(told,))


RIVAL = (
    f"{ARGO} set 6 replicas and is left to win; have it leave spec.replicas alone, "
    "then `kubectl scale` or change this object's spec"
)
CONTENDED = Ownership(rival=RIVAL, conflict=conflict(), changed=True)
STANDING = {"conflict": conflict(since=-60)}
STANDS = Ownership(rival=RIVAL, conflict=conflict(since=-60))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(owned("kubectl", 4), Ownership(), id="nothing changed"),
        pytest.param(owned(ARGO, 4), Ownership(), id="another manager that changes nothing"),
        pytest.param(owned("kubectl"), changed("kubectl"), id="a person scaled"),
        pytest.param(owned("kubectl-edit"), changed("kubectl-edit"), id="a person edited"),
        pytest.param(owned(""), changed("somebody else"), id="somebody who left no name"),
        pytest.param(owned(OURSELVES), Ownership(), id="ourselves, a call that came late"),
        pytest.param(owned(ARGO), CONTENDED, id="a GitOps tool set another number"),
        pytest.param(
            owned(ARGO, history=STANDING),
            Ownership(rival=RIVAL, conflict=conflict(), changed=True),
            id="it did so again",
        ),
        pytest.param(
            owned(ARGO, history={"replicas": 6, **STANDING}), STANDS, id="its number still stands"
        ),
        pytest.param(
            owned("flux", history={"replicas": 6, **STANDING}),
            Ownership(),
            id="it no longer owns the field",
        ),
        pytest.param(
            owned(ARGO, history={"replicas": 6, "conflict": conflict(generation=0)}),
            Ownership(),
            id="the spec has changed since: ours takes over again",
        ),
        pytest.param(
            owned(ARGO, history={"conflict": conflict(generation=0)}),
            CONTENDED,
            id="the spec has changed since, and so did the number once more",
        ),
        pytest.param(
            owned("kubectl", 3, history={"replicas": 6, **STANDING}),
            Ownership(
                changed=True,
                notices=(
                    on_cluster(
                        Reason.REPLICAS_CHANGED,
                        "kubectl changed 6 to 3 replicas, which is the new base",
                    ),
                ),
            ),
            id="a person scaled: ours takes over again",
        ),
        pytest.param(
            owned(ARGO, history={"resize": resize(4, 6)}),
            Ownership(),
            id="the number that we were about to set",
        ),
        pytest.param(
            owned("kubectl", 4, history={"replicas": 6, "resize": resize(4, 6)}),
            Ownership(),
            id="the number that we come from",
        ),
        pytest.param(
            owned(ARGO, history={"replicas": None}), Ownership(), id="the first number ever seen"
        ),
    ],
)
def test_who_sets_the_replicas(found: Ownership, expected: Ownership) -> None:
    assert found == expected


HPA = ("HorizontalPodAutoscaler web",)
AUTOSCALED = (
    "HorizontalPodAutoscaler web scales Deployment gateway too and is left to win; "
    "healing goes on; delete it to have this policy scale"
)


@pytest.mark.parametrize(
    ("found", "changed_"),
    [
        pytest.param(owned(OURSELVES, 4, autoscalers=HPA), False, id="it has just come"),
        pytest.param(
            owned("kube-controller-manager", autoscalers=HPA), True, id="it set another number"
        ),
        pytest.param(owned("kubectl", autoscalers=HPA), True, id="a person set another number"),
        pytest.param(owned(ARGO, autoscalers=HPA, history=STANDING), True, id="among others"),
    ],
)
def test_an_autoscaler_wins_while_it_is_there_and_leaves_no_trace(
    found: Ownership,
    changed_: bool,  # noqa: FBT001 -- a table's
) -> None:
    assert found == Ownership(rival=AUTOSCALED, changed=changed_)


def test_two_autoscalers_are_both_named() -> None:
    both = ("HorizontalPodAutoscaler web", "ScaledObject web")
    assert owned("", 4, autoscalers=both).rival.startswith(f"{', '.join(both)} scales")


def test_a_manager_s_name_is_cut_to_what_a_status_takes() -> None:
    found = owned("x" * 300)
    assert found.conflict is not None
    assert found.conflict.manager == "x" * 256
    again = owned("x" * 300, history={"replicas": 6, "conflict": found.conflict})
    assert again.conflict == found.conflict


def test_a_person_s_number_is_the_new_base_and_streaks_begin_anew() -> None:
    found = decided(
        HIGH,
        load=750,
        history={"replicas": 3},
        target=target(replicas=4, manager="kubectl"),
    )
    assert scaling(found) == ("False", "Steady", "4 gateways; streaks begin anew")
    assert found.status.streaks == ()
    assert found.status.replicas == 4
    assert messages(found, "ReplicasChanged") == [
        "kubectl changed 3 to 4 replicas, which is the new base"
    ]


def test_another_manager_s_number_is_left_alone_whatever_the_load() -> None:
    aim = target(replicas=4, manager=ARGO)
    found = decided(HIGH, load=750, history={"replicas": 3}, target=aim)
    assert scaled(found) == []
    assert scaling(found)[:2] == ("False", "ScalingConflict")
    assert messages(found, "ScalingConflict")[0].startswith("Scaling: argocd-controller set 4")
    later = decided(
        HIGH, load=750, history={"replicas": 4, "conflict": found.status.conflict}, target=aim
    )
    assert scaled(later) == []
    assert scaling(later)[1] == "ScalingConflict"


@pytest.mark.parametrize(
    "rival",
    [
        pytest.param({"autoscalers": HPA}, id="an autoscaler that comes"),
        pytest.param(
            {
                "target": target(replicas=4, manager=ARGO),
                "history": {"conflict": conflict(replicas=4), "replicas": 4},
            },
            id="a conflict",
        ),
    ],
)
def test_a_rival_in_mid_drain_undoes_the_scale_down(rival: dict[str, Any]) -> None:
    history = {
        "resize": resize(4, 3),
        "drains": (victim(phase=Phase.DRAINING),),
        **rival.get("history", {}),
    }
    fleet = (isolated("a"), *gateways("bcd"))
    found = decided(**{**rival, "gateways": fleet, "history": history})
    assert (found.status.resize, found.status.drains) == (None, ())
    (why,) = messages(found, "ScaleDownUndone")
    assert why.startswith("4 → 3 gateways: undone, ")
    assert why.removeprefix("4 → 3 gateways: undone, ") == scaling(found)[2]


def test_growth_under_way_stops_for_a_rival() -> None:
    found = decided(load=750, history={"resize": resize(4, 6)}, autoscalers=HPA)
    assert scaled(found) == []
    assert found.status.resize is None


MADE = Outcome(action=Scale(from_=4, to=6, resource_version="7"))


@pytest.mark.parametrize(
    ("manager", "outcomes", "reasons", "conflicting"),
    [
        pytest.param(ARGO, (MADE,), ["ResizeOvertaken", "ScalingConflict"], ARGO, id="a tool"),
        pytest.param(
            "kubectl", (MADE,), ["ResizeOvertaken", "ReplicasChanged"], None, id="a person"
        ),
        pytest.param(ARGO, (), [], None, id="nobody: our call was not made yet"),
        pytest.param(
            ARGO, (Outcome(action=MADE.action, refused="conflict"),), [], None, id="it was refused"
        ),
    ],
)
def test_a_change_that_is_reverted_at_once_is_not_made_again(
    manager: str, outcomes: tuple[Outcome, ...], reasons: list[str], conflicting: str | None
) -> None:
    decision = decided(
        HIGH,
        now=10,
        target=target(replicas=4, manager=manager),
        outcomes=outcomes,
        history={"replicas": 4, "resize": resize(4, 6)},
    )
    told = [e.reason for e in decision.status.pending_events]
    assert sorted(r for r in told if r in {*reasons, "ScalingUp"}) == sorted(reasons)
    assert (scaled(decision) == []) is bool(reasons)
    assert getattr(decision.status.conflict, "manager", None) == conflicting
