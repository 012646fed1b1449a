"""The page that is read at night has every reason that the operator gives, and no other."""

from collections import Counter

from tests.docs.pages import ROOT, rows

from imchat_operator.core.decision import Reason

PAGE = ROOT / "docs" / "troubleshooting.md"
HEAD = "| reason | it means | the operator | you |"


def entries() -> list[list[str]]:
    text = PAGE.read_text(encoding="utf-8")
    return [row for part in text.split("\n## ") if HEAD in part for row in rows(part)]


def test_every_reason_has_one_entry_and_no_entry_is_without_a_reason() -> None:
    named = Counter(row[0].strip("`") for row in entries())
    assert [reason for reason, count in named.items() if count > 1] == []
    assert set(Reason) - set(named) == set(), "add them to docs/troubleshooting.md"
    assert set(named) - set(Reason) == set(), "no such reason"


def test_every_entry_says_what_it_means_what_is_done_and_what_to_do() -> None:
    assert [row for row in entries() if len(row) != 4 or not all(row)] == []
