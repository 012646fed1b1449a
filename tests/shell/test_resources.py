"""What is read out of custom resources that anybody may have written."""

from typing import Any

import pytest
from pydantic import ValidationError

from imchat_operator.models import ImChatClusterSpec, ImChatClusterStatus
from imchat_operator.shell.resources import epoch_of, history_of, lost, refusal, slim


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(None, 0, id="none yet"),
        pytest.param({}, 0, id="written by nobody who led"),
        pytest.param({"epoch": 3}, 3, id="the third leader's"),
        pytest.param({"epoch": 2**62}, 0, id="of more leaders than there can have been"),
        pytest.param({"epoch": -1}, 0, id="negative"),
        pytest.param({"epoch": "3"}, 0, id="text"),
        pytest.param({"epoch": [3]}, 0, id="a list"),
        pytest.param("third", 0, id="a status that is none"),
    ],
)
def test_which_leader_wrote_a_status(status: Any, expected: int) -> None:
    assert epoch_of({"status": status}) == expected


def test_who_set_which_field_is_not_kept_and_all_else_is() -> None:
    kept = {"metadata": {"name": "chat", "finalizers": []}, "spec": {"a": 1}, "status": {}}
    owned = {"name": "chat", "finalizers": [], "managedFields": [{"manager": "kubectl"}]}
    read: dict[str, Any] = {**kept, "metadata": owned}
    assert slim(read) == kept
    assert slim(kept) == kept
    assert "managedFields" in read["metadata"], "what others hold stays as it is"


def refused(spec: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        ImChatClusterSpec.model_validate(spec)
    return refusal(caught.value)


def test_a_refusal_names_the_fields_and_says_nothing_of_its_maker() -> None:
    good = {"targetRef": {"name": "gateway"}}
    assert refused(good) == "spec.maxReplicas: Field required"
    wrong = {**good, "maxReplicas": 3, "scaling": {"scaleUp": [{"above": 101, "for": "1m"}]}}
    told = refused(wrong)
    assert told == "spec.scaling.scaleUp[0].above: Input should be less than or equal to 100"
    assert refused("text").startswith("spec: Input should be a valid dictionary")


def test_a_refusal_names_three_fields_at_most() -> None:
    rules = [{"above": 0, "for": "1m"}] * 5
    told = refused({"targetRef": {"name": "x"}, "maxReplicas": 3, "scaling": {"scaleUp": rules}})
    assert told.count("spec.") == 3
    assert told.endswith("; and 2 more")


@pytest.mark.parametrize("status", ["text", [], {"drains": "all"}, {"conditions": [None]}])
def test_a_status_that_can_not_be_read_counts_as_none(status: Any) -> None:
    body = {"metadata": {"name": "chat"}, "status": status}
    assert history_of(body) == ImChatClusterStatus()


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        pytest.param({"a": 1, "b": {"c": [{"d": 1}]}}, "", id="all of it"),
        pytest.param({"a": 2, "b": {"c": [{"d": 1}]}, "e": 1}, "", id="all of it, and more"),
        pytest.param({"b": {"c": [{"d": 1}]}}, ".a", id="without a field"),
        pytest.param({"a": 1, "b": {"c": [{}]}}, ".b.c[].d", id="without one far below"),
        pytest.param({"a": 1, "b": None}, ".b", id="nothing in place of a field"),
        pytest.param(None, " as a whole", id="nothing"),
    ],
)
def test_what_of_a_status_was_not_stored(stored: Any, expected: str) -> None:
    assert lost({"a": 1, "b": {"c": [{"d": 1}]}}, stored) == expected
