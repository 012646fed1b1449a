"""What is wrong with a gateway by itself, and what only looks like it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.core.ailing import HANG, NOW, UNREADY, diagnosed, failed, silent, stuck, unready
from tests.core.fleet import NOT_ASKED, SILENT, at, crashed, gateway, isolated, pending, reported

from imchat_operator.core.ailments import Ailment, Diagnosis
from imchat_operator.core.snapshot import Gateway, Node, Silent, Unreadable

FIVE_MINUTES = timedelta(minutes=5)
IN_BACK_OFF = Diagnosis(
    ailment=Ailment.CRASH_LOOPING,
    evidence="restarted 3 times within 20m and is in back-off",
    patience=NOW,
    evident_at=at(-5),
)
LATELY = (at(-300), at(-200), at(-5))


def after(second: float) -> Diagnosis:
    return Diagnosis(
        ailment=Ailment.CRASH_LOOPING,
        evidence="restarted 3 times within 20m",
        patience=NOW,
        evident_at=at(second),
    )


@pytest.mark.parametrize(
    ("found", "restarts", "expected"),
    [
        pytest.param(crashed("a"), LATELY, IN_BACK_OFF, id="three restarts and in back-off"),
        pytest.param(crashed("a"), LATELY[1:], None, id="two restarts and in back-off"),
        pytest.param(
            gateway("a"), LATELY, after(-5), id="three restarts, the last a moment ago, and ready"
        ),
        pytest.param(
            gateway("a"),
            (at(-300), at(-200), at(-59.999)),
            after(-59.999),
            id="well since a moment less than it has to be",
        ),
        pytest.param(
            gateway("a"), (at(-300), at(-200), at(-60)), None, id="well for long enough since"
        ),
        pytest.param(
            unready("a"),
            (at(-300), at(-200), at(-60)),
            after(-60),
            id="not ready again since its third restart",
        ),
        pytest.param(
            gateway("a", waiting="CrashLoopBackOff"),
            (at(-1000), at(-900), at(-800)),
            replace(IN_BACK_OFF, evident_at=at(-800)),
            id="in the longest back-off",
        ),
        pytest.param(
            gateway("a", restarts=100), (), None, id="a hundred restarts in a long life, well now"
        ),
        pytest.param(
            crashed("a", waiting="ContainerCreating"),
            (),
            None,
            id="another reason to wait is no crash",
        ),
    ],
)
def test_a_crash_loop_is_told_from_restarts_long_ago(
    found: Gateway, restarts: tuple[datetime, ...], expected: Diagnosis | None
) -> None:
    assert diagnosed(found, restarts=restarts) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(gateway("a"), None, id="a healthy gateway"),
        pytest.param(isolated("a"), None, id="not ready only because we took it out of rotation"),
        pytest.param(
            isolated("a", reported(9, draining=True)), None, id="nor because we are draining it"
        ),
        pytest.param(unready("a"), UNREADY, id="answers, and is not ready"),
        pytest.param(
            unready("a", not_ready_since=at(-7)),
            replace(UNREADY, evident_at=at(-7)),
            id="the API server knows since when it is not ready",
        ),
        pytest.param(
            unready("a", running=False, waiting="ContainerCreating"),
            None,
            id="its container is being created",
        ),
        pytest.param(
            unready("a", Silent(why="ClientConnectorError")),
            UNREADY,
            id="one that never answered and is not ready is starting: it gets more time",
        ),
        pytest.param(unready("a", NOT_ASKED), UNREADY, id="runs and was not asked yet"),
        pytest.param(
            unready("a", SILENT), HANG, id="one that answered before and is not ready hangs"
        ),
        pytest.param(
            gateway("a", Silent(why="no answer within 2s")),
            HANG,
            id="one that is ready though it never answered hangs",
        ),
        pytest.param(gateway("a", SILENT), HANG, id="running, ready and silent"),
        pytest.param(
            gateway("a", silent(-12, "no answer within 9s")),
            Diagnosis(
                ailment=Ailment.UNRESPONSIVE,
                evidence="runs but does not answer (no answer within 9s)",
                patience=timedelta(seconds=30),
                evident_at=at(-12),
            ),
            id="why it is silent, and since when, is part of the evidence",
        ),
        pytest.param(isolated("a", SILENT), HANG, id="silent while it is out of rotation"),
        pytest.param(
            gateway("a", SILENT, running=False), None, id="silent because it does not run yet"
        ),
        pytest.param(gateway("a", NOT_ASKED), None, id="running, ready, and not asked yet"),
        pytest.param(
            gateway("a", Unreadable(why="answered HTTP 404")), None, id="answers without figures"
        ),
    ],
)
def test_an_unready_or_hung_gateway_is_told_from_one_that_starts(
    found: Gateway, expected: Diagnosis | None
) -> None:
    assert diagnosed(found) == expected


EVICTED = Diagnosis(
    ailment=Ailment.FAILED,
    evidence="the pod is over (Evicted: the node was low on memory)",
    patience=timedelta(minutes=1),
)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(failed("a"), EVICTED, id="evicted by its kubelet"),
        pytest.param(
            failed("a", node=Node(name="n", ready=False)), EVICTED, id="also where its node is lost"
        ),
        pytest.param(
            failed("a", drain_requested=True, quarantine="INC-7"),
            EVICTED,
            id="whatever is asked for it",
        ),
        pytest.param(failed("a", terminating=True), None, id="unless it is on its way out already"),
    ],
)
def test_a_pod_that_is_over_is_nothing_but_in_the_way(
    found: Gateway, expected: Diagnosis | None
) -> None:
    assert diagnosed(found) == expected


def unstartable(reason: str, message: str = "") -> Gateway:
    return unready("a", NOT_ASKED, running=False, waiting=reason, waiting_message=message)


def not_started(evidence: str) -> Diagnosis:
    return Diagnosis(
        ailment=Ailment.START_FAILING,
        evidence=evidence,
        patience=FIVE_MINUTES,
        remedy="another pod would fail alike: correct the image or the configuration",
    )


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(pending("a"), None, id="pending and not judged by the scheduler yet"),
        pytest.param(
            pending("a", unschedulable="0/3 nodes are available", created_at=at(-400)),
            Diagnosis(
                ailment=Ailment.UNSCHEDULABLE,
                evidence="no node takes it (0/3 nodes are available)",
                patience=FIVE_MINUTES,
                evident_at=at(-400),
                remedy="add a node that fits, or change what the pod asks for",
            ),
            id="no node takes it",
        ),
        pytest.param(
            unstartable("ImagePullBackOff", "manifest unknown"),
            not_started("its container can't be started (ImagePullBackOff: manifest unknown)"),
            id="its image is missing",
        ),
        pytest.param(
            unstartable("CreateContainerConfigError"),
            not_started("its container can't be started (CreateContainerConfigError)"),
            id="its configuration is missing",
        ),
        pytest.param(unstartable("ContainerCreating"), None, id="it is being created"),
        pytest.param(unstartable("PodInitializing"), None, id="its init containers run"),
    ],
)
def test_what_only_a_person_can_mend_is_told_from_a_start(
    found: Gateway, expected: Diagnosis | None
) -> None:
    assert diagnosed(found) == expected


REQUEST = Diagnosis(
    ailment=Ailment.DRAIN_REQUESTED, evidence="annotation imchat.dev/drain is true", patience=NOW
)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(gateway("a", drain_requested=True), REQUEST, id="a drain"),
        pytest.param(
            gateway("a", quarantine="INC-7", drain_requested=True),
            Diagnosis(
                ailment=Ailment.QUARANTINE_REQUESTED,
                evidence="INC-7",
                patience=NOW,
            ),
            id="quarantine, which spares its pod",
        ),
        pytest.param(
            gateway("a", quarantine=""),
            Diagnosis(
                ailment=Ailment.QUARANTINE_REQUESTED,
                evidence="annotation imchat.dev/quarantine, which gives no reason",
                patience=NOW,
            ),
            id="quarantine without a reason",
        ),
        pytest.param(
            gateway("a", SILENT, drain_requested=True), REQUEST, id="a drain of one that hangs"
        ),
    ],
)
def test_what_a_person_asks_for_comes_before_what_is_seen(
    found: Gateway, expected: Diagnosis
) -> None:
    assert diagnosed(found) == expected


def late(remedy: str, patience: timedelta = timedelta(minutes=1)) -> Diagnosis:
    return Diagnosis(
        ailment=Ailment.STUCK_TERMINATING,
        evidence="its grace period ended at 2026-11-23 11:58:30 UTC",
        patience=patience,
        evident_at=at(-90),
        remedy=remedy,
    )


LIVING = late(
    "if node node-1 is off for certain, delete the Node, or kubectl taint node node-1 "
    "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute; else look at its kubelet"
)
HOOKED = late("whoever set chat/backup, chat/audit has to remove it from the pod")
OFF = Node(name="node-1", exists=False)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(stuck("a", deletion_due=at(0.001)), None, id="within its grace period"),
        pytest.param(stuck("a", deletion_due=None), None, id="the end of its grace is not known"),
        pytest.param(stuck("a"), LIVING, id="on a node that lives"),
        pytest.param(
            stuck("a", node=Node(name="node-1", ready=False, lapsed=True)),
            LIVING,
            id="on a node that is not known to be off",
        ),
        pytest.param(stuck("a", node=OFF), late("", NOW), id="on a node that is gone"),
        pytest.param(
            stuck("a", node=Node(name="node-1", fenced=True)),
            late("", NOW),
            id="on a node that is fenced",
        ),
        pytest.param(
            stuck("a", NOT_ASKED, node=OFF), late("", NOW), id="not asked, on a node that is gone"
        ),
        pytest.param(
            stuck("a", reported(1), node=OFF),
            LIVING,
            id="the node is gone, yet the gateway answers",
        ),
        pytest.param(
            stuck("a", finalizers=("chat/backup", "chat/audit")), HOOKED, id="finalizers hold it"
        ),
        pytest.param(
            stuck("a", node=OFF, finalizers=("chat/backup", "chat/audit")),
            HOOKED,
            id="finalizers hold it, wherever it is",
        ),
    ],
)
def test_a_pod_that_does_not_go_is_forced_only_where_nothing_runs(
    found: Gateway, expected: Diagnosis | None
) -> None:
    assert diagnosed(found) == expected
