"""Plays cases with `step`, and compares with what the controller did."""

from datetime import datetime
from typing import Any

from hpa_conformance.cases import Case
from hpa_conformance.real import Observed, Played
from imchat_operator.simulation.hpa import HpaDecision, HpaState, step

_STABILIZED = ("ScaleUpStabilized", "ScaleDownStabilized")


def decisions(case: Case, moments: tuple[datetime, ...]) -> tuple[HpaDecision, ...]:
    """What `step` decides at each sync.

    A first sync that asks for no figures has no moment of its own; it takes the next one's.
    """
    state, replicas, decided = HpaState(), case.replicas, []
    metrics = [case.metrics(sync) for sync in range(len(case.samples))]
    syncs = list(zip(moments, metrics, strict=True))
    if not case.is_within_bounds:
        syncs.insert(0, (moments[0] if moments else datetime.min, ()))  # noqa: DTZ901
    for now, pods in syncs:
        state, decision = step(case.spec, state, now, replicas, pods)
        replicas = decision.replicas
        decided.append(decision)
    return tuple(decided)


def differences(played: Played) -> tuple[str, ...]:
    """Where `step` and the controller part, one sentence each; none if they agree."""
    expected = decisions(played.case, played.moments)
    if len(expected) != len(played.observed):
        return (f"{len(expected)} syncs decided, {len(played.observed)} seen",)
    return tuple(
        f"sync {number}: {text}"
        for number, (decision, observed) in enumerate(zip(expected, played.observed, strict=True))
        for text in _differences(decision, observed)
    )


def _differences(decision: HpaDecision, observed: Observed) -> list[str]:
    found = []
    if decision.replicas != observed.replicas:
        found.append(f"step wants {decision.replicas}, the target has {observed.replicas}")
    why = _why(decision, observed.status)
    if decision.why != why:
        found.append(f"step says {decision.why}, the conditions {why}")
    # Without figures the status keeps what it said before.
    desired = observed.status["desiredReplicas"]
    if decision.why != "FailedGetPodsMetric" and decision.replicas != desired:
        found.append(f"step wants {decision.replicas}, the status {desired}")
    return found


def _why(decision: HpaDecision, status: dict[str, Any]) -> str:
    """The reason that the conditions give for a sync."""
    by_type = {c["type"]: c for c in status["conditions"]}
    active = by_type.get("ScalingActive")
    if active is None:
        # Out of bounds: the controller writes the size and says nothing of limits.
        is_written = by_type["AbleToScale"]["reason"] == "SucceededRescale"
        is_known = decision.why in {"TooManyReplicas", "TooFewReplicas"}
        return decision.why if is_written and is_known else "nothing"
    if active["status"] == "False":
        return str(active["reason"])
    limited, able = by_type["ScalingLimited"], by_type["AbleToScale"]["reason"]
    if limited["status"] == "True":
        return str(limited["reason"])
    if able in _STABILIZED:
        return str(able)
    # That a size was stabilized is overwritten by the news that it was written.
    if able == "SucceededRescale" and decision.why in _STABILIZED:
        return decision.why
    return str(limited["reason"])
