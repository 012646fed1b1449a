"""Prometheus' text format: the values of the few metrics that are asked for."""

from collections.abc import Collection

from prometheus_client.parser import text_string_to_metric_families

from imchat_operator.http_session import TooLargeError

# A few values for each name. Parsing takes a second for each megabyte.
_LARGEST_FIGURES = 1 << 14


def values_of(text: str, wanted: Collection[str]) -> dict[str, float]:
    """Return the values of the metrics with these names, summed over their labels.

    Raises:
        TooLargeError: they are too many.
        ValueError: this is no Prometheus text.
    """
    found: dict[str, float] = {}
    # The parser is slow, and a gateway may have a megabyte of other metrics.
    heads = tuple(f"{name}{end}" for name in wanted for end in "{ \t")
    lines = "".join(f"{t}\n" for t in text.splitlines() if t.startswith(heads))
    if len(lines) > _LARGEST_FIGURES:
        raise TooLargeError(f"more than {_LARGEST_FIGURES} bytes of these names")
    for family in text_string_to_metric_families(lines):
        for sample in family.samples:
            if sample.name in wanted:
                found[sample.name] = found.get(sample.name, 0) + sample.value
    return found
