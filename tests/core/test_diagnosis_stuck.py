"""A pod that does not go: whose fault that is, and where it may be deleted by force."""

from datetime import timedelta

import pytest
from tests.core.ailing import NOW, diagnosed, stuck
from tests.core.fleet import NOT_ASKED, at, reported

from imchat_operator.core.ailments import Ailment, Diagnosis
from imchat_operator.core.snapshot import Gateway, Node


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
