"""docs/observability.md has every metric and every alert, as they are."""

from tests.docs.pages import ROOT, rows, section
from tests.observability.registry import metrics
from tests.observability.test_queries import ALERTS

PAGE = ROOT / "docs" / "observability.md"
SHORT = {"fleet": {"namespace", "imchatcluster"}, "window": {"namespace", "window"}}


def labels(cell: str) -> frozenset[str]:
    """Return the labels that a cell names, the short words for an owner spelt out."""
    words = [word.strip(" `") for word in cell.split(",") if word != "-"]
    return frozenset(label for word in words for label in SHORT.get(word, {word}))


def test_every_metric_has_its_row_with_its_type_and_labels() -> None:
    told = {row[0].strip("` "): (row[1], labels(row[2])) for row in rows(section(PAGE, "Metrics"))}
    assert told == {m.name: (m.type, m.labels) for m in metrics().values()}


def test_every_alert_has_its_row_with_its_severity_and_delay() -> None:
    told = {row[0].split("`")[1]: (row[1], row[2]) for row in rows(section(PAGE, "Alerts"))}
    assert told == {r["alert"]: (r["labels"]["severity"], r.get("for", "at once")) for r in ALERTS}
