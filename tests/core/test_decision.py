"""What a decision says of itself."""

from datetime import timedelta

import pytest
from tests.core.fleet import repair

from imchat_operator.core.decision import Decision
from imchat_operator.models import Drain, ImChatClusterStatus, Phase

OLD = repair("a", Phase.ISOLATING)


@pytest.mark.parametrize(
    ("before", "after", "begins"),
    [
        pytest.param((), (OLD,), True, id="a gateway is told to leave"),
        pytest.param((OLD,), (OLD, repair("b", Phase.SURGING)), True, id="another one is"),
        pytest.param((OLD,), (repair("a", Phase.REMOVING),), False, id="one goes on leaving"),
        pytest.param(
            (OLD,), (repair("a", Phase.ISOLATING, id="d9"),), True, id="anew, once undone"
        ),
        pytest.param((OLD,), (), False, id="one stays after all"),
    ],
)
def test_only_what_is_new_begins(
    before: tuple[Drain, ...], after: tuple[Drain, ...], *, begins: bool
) -> None:
    decision = Decision(
        id="d2",
        actions=(),
        status=ImChatClusterStatus(drains=after),
        next_check=timedelta(seconds=1),
    )
    assert decision.begins_after(ImChatClusterStatus(drains=before)) is begins
