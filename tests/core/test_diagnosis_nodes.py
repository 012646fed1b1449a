"""What a node does to its gateways: lost, leaving, not ready, under pressure; or nothing."""

from datetime import datetime, timedelta

import pytest
from tests.core.ailing import HANG, NOW, TWO_MINUTES, diagnosed, on_node, silent, unready
from tests.core.fleet import NOT_ASKED, SILENT, at, gateway, isolated, pending

from imchat_operator.core.ailments import Ailment, Diagnosis
from imchat_operator.core.snapshot import Gateway, Node, Unreadable

LAPSED = "node n renews its lease no more and no gateway on it answers (no answer within 2s)"
UNHEARD = "and the gateway does not answer (no answer within 2s)"


def lost(evidence: str, since: datetime | None = None, patience: timedelta = NOW) -> Diagnosis:
    return Diagnosis(
        ailment=Ailment.NODE_LOST, evidence=evidence, patience=patience, evident_at=since
    )


@pytest.mark.parametrize(
    ("found", "others", "expected"),
    [
        pytest.param(
            on_node("a", silent(-12), ready=False),
            (),
            lost(f"node n is not ready {UNHEARD}", at(-12)),
            id="not ready, and the gateway is silent",
        ),
        pytest.param(
            gateway("a", NOT_ASKED, node=Node(name="n", ready=False), running=False),
            (),
            lost("node n is not ready and the gateway does not answer", None, TWO_MINUTES),
            id="not ready, and the gateway, which has no address, may just be starting",
        ),
        pytest.param(
            gateway("a", NOT_ASKED, node=Node(name="n", exists=False), running=False),
            (),
            lost("node n is gone and the gateway does not answer"),
            id="gone, and the gateway has no address",
        ),
        pytest.param(
            on_node("a", SILENT, ready=False),
            (on_node("b", ready=False),),
            lost(f"node n is not ready {UNHEARD}"),
            id="not ready and silent, though another gateway of it answers",
        ),
        pytest.param(
            on_node("a", SILENT, lapsed=True),
            (on_node("b", SILENT, lapsed=True), gateway("c")),
            lost(LAPSED),
            id="the lease lapsed and all of its gateways are silent",
        ),
        pytest.param(
            on_node("a", SILENT, lapsed=True),
            (on_node("b", lapsed=True), gateway("c")),
            HANG,
            id="the lease lapsed, and one gateway answers",
        ),
        pytest.param(
            on_node("a", SILENT, lapsed=True),
            (gateway("b", terminating=True, node=Node(name="n")), gateway("c")),
            lost(LAPSED),
            id="the lease lapsed, and only one that ends answers",
        ),
        pytest.param(
            on_node("a", SILENT, lapsed=True),
            (on_node("b", Unreadable(why="answered HTTP 404"), lapsed=True),),
            HANG,
            id="the lease lapsed, and one answers without figures",
        ),
        pytest.param(
            on_node("a", lapsed=True), (), None, id="the lease lapsed, and the gateway answers"
        ),
        pytest.param(
            on_node("a", SILENT),
            (gateway("b"),),
            HANG,
            id="the lease is renewed: the gateway hangs",
        ),
        pytest.param(
            on_node("a", SILENT, exists=False),
            (),
            lost(f"node n is gone {UNHEARD}"),
            id="its object is gone",
        ),
        pytest.param(
            on_node("a", SILENT, fenced=True),
            (),
            lost(f"node n is off {UNHEARD}"),
            id="somebody says that it is off",
        ),
        pytest.param(
            on_node("a", fenced=True), (), None, id="it is said to be off, yet the gateway answers"
        ),
        pytest.param(pending("a"), (), None, id="there is no node yet"),
    ],
)
def test_a_lost_node_is_told_from_one_that_is_cut_off_from_the_api_server(
    found: Gateway, others: tuple[Gateway, ...], expected: Diagnosis | None
) -> None:
    assert diagnosed(found, *others) == expected


def leaving(evidence: str, patience: timedelta = NOW) -> Diagnosis:
    return Diagnosis(ailment=Ailment.NODE_LEAVING, evidence=evidence, patience=patience)


TAINTED = "taint ToBeDeletedByClusterAutoscaler"
CUT_OFF = Diagnosis(
    ailment=Ailment.NODE_NOT_READY,
    evidence="node n is not ready, though the gateway answers",
    patience=TWO_MINUTES,
)
PRESSED = Diagnosis(
    ailment=Ailment.NODE_PRESSURE,
    evidence="node n has MemoryPressure, DiskPressure",
    patience=TWO_MINUTES,
)
PRESSURES = ("MemoryPressure", "DiskPressure")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(on_node("a"), None, id="a node that is well"),
        pytest.param(
            on_node("a", leaving=TAINTED),
            leaving(f"node n goes away: {TAINTED}"),
            id="a taint says that it goes away: at once",
        ),
        pytest.param(
            on_node("a", cordoned=True),
            leaving("node n goes away: it is cordoned", TWO_MINUTES),
            id="a cordon may pass",
        ),
        pytest.param(
            on_node("a", cordoned=True, leaving=TAINTED),
            leaving(f"node n goes away: {TAINTED}"),
            id="a cordon and a taint: at once",
        ),
        pytest.param(
            on_node("a", SILENT, leaving=TAINTED),
            HANG,
            id="one that is silent hangs, with patience",
        ),
        pytest.param(on_node("a", SILENT, cordoned=True), HANG, id="a hang on a cordoned node"),
        pytest.param(on_node("a", ready=False), CUT_OFF, id="not ready, yet the gateway answers"),
        pytest.param(
            on_node("a", Unreadable(why="answered HTTP 404"), ready=False),
            CUT_OFF,
            id="not ready, yet the gateway answers, if without figures",
        ),
        pytest.param(
            on_node("a", ready=False, cordoned=True),
            leaving("node n goes away: it is cordoned", TWO_MINUTES),
            id="not ready and cordoned: somebody is at it",
        ),
        pytest.param(on_node("a", pressures=PRESSURES), PRESSED, id="under pressure"),
        pytest.param(
            isolated("a", node=Node(name="n", pressures=PRESSURES)),
            PRESSED,
            id="under pressure, with a gateway that we took out of rotation",
        ),
        pytest.param(
            on_node("a", pressures=PRESSURES, cordoned=True),
            leaving("node n goes away: it is cordoned", TWO_MINUTES),
            id="under pressure and cordoned",
        ),
        pytest.param(
            unready("a", node=Node(name="n", pressures=PRESSURES)),
            Diagnosis(
                ailment=Ailment.NOT_READY,
                evidence="runs but fails its readiness probe",
                patience=TWO_MINUTES,
            ),
            id="under pressure, and the gateway fails already",
        ),
    ],
)
def test_a_gateway_that_is_well_is_moved_from_a_node_that_is_not(
    found: Gateway, expected: Diagnosis | None
) -> None:
    assert diagnosed(found) == expected
