"""What begins a pass, and how long it took."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from imchat_operator.shell.wake import Wake


def waiting() -> float:
    return REGISTRY.get_sample_value("imchat_operator_passes_waiting") or 0


def answered() -> tuple[float, float]:
    """Return how many changes were answered, and how long that took in all."""
    count, total = (
        REGISTRY.get_sample_value(f"imchat_operator_wake_latency_seconds_{part}") or 0.0
        for part in ("count", "sum")
    )
    return count, total


async def test_several_changes_are_one_timed_from_the_first() -> None:
    wake, before, begun = Wake(), answered(), waiting()
    wake.set()
    await asyncio.sleep(0.05)
    wake.set()
    assert waiting() == begun + 1
    await wake.wait(60)
    wake.answered()
    count, total = answered()
    assert count == before[0] + 1
    assert total - before[1] >= 0.05
    assert waiting() == begun


async def test_a_pass_that_time_brings_is_no_answer() -> None:
    wake, before = Wake(), answered()
    await wake.wait(0.01)
    wake.answered()
    assert answered() == before


async def test_a_change_after_the_answer_wakes_again() -> None:
    wake = Wake()
    wake.set()
    wake.answered()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(wake.wait(60), 0.05)
    wake.set()
    await asyncio.wait_for(wake.wait(60), 5)
    wake.dropped()


async def test_a_loop_that_ends_waits_for_nothing() -> None:
    wake, begun, before = Wake(), waiting(), answered()
    wake.set()
    wake.dropped()
    wake.dropped()
    assert waiting() == begun
    assert answered() == before
