import pytest

from faults.planted import BUGS, Bug, plan_of_words, planted_text


@pytest.mark.parametrize("bug", [pytest.param(bug, id=bug.name) for bug in BUGS])
def test_a_bug_can_be_planted_and_is_looked_for(bug: Bug) -> None:
    compile(planted_text(bug), bug.file, "exec")
    assert [plan_of_words(words) for words in bug.plans]
