"""No decision changes its direction because figures are missing."""

from dataclasses import replace

from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.core.strategies import loaded

from imchat_operator.core.decision import Decision, Scale
from imchat_operator.core.load import rotation
from imchat_operator.core.planner import decide
from imchat_operator.core.snapshot import (
    Measured,
    Measurement,
    Snapshot,
    Target,
    Unmeasured,
    Unreadable,
)
from imchat_operator.models import MetricsSource, Purpose


def direction(found: Snapshot, decision: Decision) -> int:
    """Return 1 for growth that is begun, asked for or recommended, -1 for the contrary, else 0."""
    assert isinstance(found.target, Target)
    sizes = [a.to for a in decision.actions if isinstance(a, Scale)]
    if decision.status.recommendation is not None:
        sizes.append(decision.status.recommendation.to)
    known = {d.uid for d in found.history.drains}
    begun = {d.uid for d in decision.status.drains if d.purpose is Purpose.SCALE_DOWN} - known
    if begun or any(size < found.target.replicas for size in sizes):
        return -1
    return 1 if sizes else 0


@st.composite
def holes(draw: st.DrawFn, found: Snapshot) -> Snapshot:
    """Remove figures of gateways in rotation, or a signal as a whole."""
    members = rotation(found.gateways, found.history.drains)
    lost = draw(st.sets(st.sampled_from([g.uid for g in members]), min_size=1))
    if found.spec.metrics.source is MetricsSource.PODS:
        blank = Unreadable(why="answered HTTP 404")
        gateways = tuple(replace(g, reading=blank) if g.uid in lost else g for g in found.gateways)
        found = replace(found, gateways=gateways)
    given_ = tuple(draw(reduced(m, lost)) for m in found.measurements)
    return replace(found, measurements=given_)


@st.composite
def reduced(draw: st.DrawFn, measurement: Measurement, lost: set[str]) -> Measurement:
    """Remove those gateways' figures of a signal, or all, or none."""
    kind = draw(st.sampled_from(["none", "lost", "lost", "all"]))
    if kind == "none" or isinstance(measurement, Unmeasured):
        return measurement
    if kind == "all":
        return Unmeasured(signal=measurement.signal, why="it is down")
    kept = tuple(f for f in measurement.figures if f.uid not in lost)
    return Measured(signal=measurement.signal, unit=measurement.unit, figures=kept)


@settings(max_examples=200)
@given(found=loaded(), data=st.data())
def test_missing_figures_never_turn_a_decision(found: Snapshot, data: st.DataObject) -> None:
    whole = direction(found, decide(found))
    poorer = data.draw(holes(found))
    partial = direction(poorer, decide(poorer))
    event(f"{whole} becomes {partial}")
    assert partial in {0, whole}
