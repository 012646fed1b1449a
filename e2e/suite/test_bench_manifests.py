"""What the long benchmarks apply is known to be valid before somebody waits for them."""

from collections.abc import Iterable

import pytest
import yaml

from harness import Namespace
from harness.manifests import Manifest
from peers_bench.subjects import SUBJECTS, Subject
from soak.fleet import manifests


def accepted(namespace: Namespace, objects: Iterable[Manifest]) -> list[str]:
    """Have the API server judge objects, and return what it would have made of them."""
    text = yaml.safe_dump_all(objects)
    told = namespace.kubectl("apply", "--dry-run=server", "-f", "-", "-o", "name", manifest=text)
    return told.split()


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_a_subject_of_the_comparison(namespace: Namespace, subject: Subject) -> None:
    assert len(accepted(namespace, [*subject.manifests(3), subject.scaler])) == 3


def test_the_fleets_and_windows_of_the_soak(namespace: Namespace) -> None:
    assert len(accepted(namespace, manifests())) == 8
