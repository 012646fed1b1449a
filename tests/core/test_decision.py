"""What a decision says of itself."""

from datetime import timedelta

import pytest
from tests.core.fleet import drain, repair

from imchat_operator.core.decision import Decision
from imchat_operator.models import Drain, ImChatClusterStatus, Phase, Purpose


def donor(phase: Phase) -> Drain:
    return drain("a", phase, purpose=Purpose.REBALANCE)


OLD = repair("a", Phase.ISOLATING)


@pytest.mark.parametrize(
    ("before", "after", "turns"),
    [
        pytest.param((), (OLD,), True, id="a gateway is told to leave"),
        pytest.param((OLD,), (OLD, repair("b", Phase.SURGING)), True, id="another one is"),
        pytest.param((OLD,), (repair("a", Phase.REMOVING),), False, id="one goes on leaving"),
        pytest.param(
            (OLD,), (repair("a", Phase.ISOLATING, id="d9"),), True, id="anew, once undone"
        ),
        pytest.param((OLD,), (), True, id="one stays after all"),
        pytest.param((repair("a", Phase.REPLACING),), (), False, id="one is replaced"),
        pytest.param((drain("a", Phase.DRAINING),), (), False, id="a fleet stays as it is"),
        pytest.param((donor(Phase.DRAINING),), (), True, id="one keeps its connections"),
        pytest.param((donor(Phase.RETURNING),), (), False, id="one has shared out its own"),
    ],
)
def test_only_what_is_new_or_undone_turns(
    before: tuple[Drain, ...], after: tuple[Drain, ...], *, turns: bool
) -> None:
    decision = Decision(
        id="d2",
        actions=(),
        status=ImChatClusterStatus(drains=after),
        next_check=timedelta(seconds=1),
    )
    assert decision.turns_after(ImChatClusterStatus(drains=before)) is turns
