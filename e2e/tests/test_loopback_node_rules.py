from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from loopback_node.addresses import AddressBlock
from loopback_node.backoff import BackOff
from loopback_node.binder import least_used, obstacle
from loopback_node.deadline import Deadline
from loopback_node.environment import UnsupportedError, environment, expanded
from loopback_node.manifest import HttpGet, Probe
from loopback_node.probes import Streak

if TYPE_CHECKING:
    from loopback_node.api import Json


@pytest.mark.parametrize(
    ("text", "result"),
    [
        pytest.param("$(A)-$(B)", "1-2", id="known names are replaced"),
        pytest.param("$(C)", "$(C)", id="an unknown name stays"),
        pytest.param("$$(A)", "$(A)", id="a doubled dollar escapes"),
        pytest.param("$$$(A)", "$1", id="and only one of three"),
        pytest.param("$A $", "$A $", id="a bare dollar is a dollar"),
    ],
)
def test_expansion(text: str, result: str) -> None:
    assert expanded(text, {"A": "1", "B": "2"}) == result


def test_variables_see_only_those_before_them() -> None:
    variables = [
        {"name": "A", "value": "$(B)"},
        {"name": "B", "value": "b"},
        {"name": "C", "value": "$(B)"},
    ]
    assert environment(variables, {}) == {"A": "$(B)", "B": "b", "C": "b"}


def test_a_value_from_a_secret_is_refused_by_name() -> None:
    variable = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    with pytest.raises(UnsupportedError, match="env TOKEN"):
        environment([variable], {})


def test_back_off_is_none_first_then_doubles_to_five_minutes() -> None:
    backoff = BackOff(base=10.0)
    delays = [backoff.delay(float(end)) for end in range(9)]
    assert delays == [0, 10, 20, 40, 80, 160, 300, 300, 300]


def test_back_off_starts_afresh_after_ten_good_minutes() -> None:
    backoff = BackOff(base=10.0)
    assert [backoff.delay(end) for end in (1.0, 2.0, 3.0, 700.0, 701.0)] == [0, 10, 20, 0, 10]


def test_thresholds_count_results_in_a_row() -> None:
    check = HttpGet(path="/", port=1, scheme="http", headers=())
    streak = Streak(
        probe=Probe(
            check=check,
            initial_delay=0,
            period=1,
            timeout=1,
            success_threshold=2,
            failure_threshold=3,
        )
    )
    seen = []
    for good in (True, False, True, True, False, False, True, False, False, False):
        streak.add(good=good)
        seen.append(streak.passing)
    assert seen == [None, None, None, True, True, True, True, True, True, False]


def node(*, taints: tuple[Json, ...] = (), **changes: Any) -> Json:
    return {
        "metadata": {"name": "n", "labels": {"zone": "a"}, **changes.pop("metadata", {})},
        "spec": {"taints": list(taints), **changes},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


DRAINED = {"key": "drained", "effect": "NoExecute"}
SPOT = {"key": "spot", "value": "soon", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("spec", "target", "result"),
    [
        pytest.param({}, node(), None, id="a free node"),
        pytest.param({"nodeSelector": {"zone": "a"}}, node(), None, id="a node with the label"),
        pytest.param(
            {"nodeSelector": {"zone": "b"}}, node(), "didn't match the nodeSelector", id="another"
        ),
        pytest.param({}, node(unschedulable=True), "unschedulable", id="a cordoned node"),
        pytest.param({}, node(taints=(SPOT,)), "had untolerated taint {spot}", id="a taint"),
        pytest.param(
            {}, node(taints=({**SPOT, "effect": "PreferNoSchedule"},)), None, id="a soft taint"
        ),
        pytest.param(
            {"tolerations": [{"key": "spot", "value": "soon"}]},
            node(taints=(SPOT,)),
            None,
            id="a taint tolerated by value",
        ),
        pytest.param(
            {"tolerations": [{"key": "spot", "value": "late"}]},
            node(taints=(SPOT,)),
            "had untolerated taint {spot}",
            id="a taint of another value",
        ),
        pytest.param(
            {"tolerations": [{"operator": "Exists", "effect": "NoSchedule"}]},
            node(taints=(SPOT, DRAINED)),
            "had untolerated taint {drained}",
            id="all taints of another effect tolerated",
        ),
        pytest.param(
            {"tolerations": [{"operator": "Exists"}]},
            node(taints=(SPOT, DRAINED)),
            None,
            id="all taints tolerated",
        ),
        pytest.param(
            {},
            node(metadata={"annotations": {"loopback.imchat.dev/cut-off": "alive"}}),
            "cut off",
            id="a node that is cut off",
        ),
        pytest.param(
            {},
            node(metadata={"annotations": {"loopback.imchat.dev/cut-off": "of course"}}),
            None,
            id="an annotation that says neither alive nor dead",
        ),
        pytest.param({}, {**node(), "status": {}}, "not Ready", id="a node not yet Ready"),
    ],
)
def test_which_nodes_a_pod_fits(spec: Json, target: Json, result: str | None) -> None:
    assert obstacle({"spec": spec}, target) == result


@pytest.mark.parametrize(
    ("bound", "result"),
    [
        pytest.param({}, "n1", id="the first of those that nobody has"),
        pytest.param({("one", "n1"): 1, ("", "n1"): 1}, "n2", id="not the one that it has"),
        pytest.param(
            {("one", "n1"): 1, ("", "n1"): 1, ("", "n2"): 5},
            "n2",
            id="its own count more than the others'",
        ),
        pytest.param({("", "n1"): 1}, "n2", id="of those that it has not the one with the least"),
    ],
)
def test_which_of_the_nodes_that_fit_a_pod_goes_to(
    bound: dict[tuple[str, str], int], result: str
) -> None:
    assert least_used(["n1", "n2"], "one", bound) == result


def test_two_node_processes_have_different_blocks() -> None:
    with closing(AddressBlock()) as one, closing(AddressBlock()) as other:
        assert str(one) != str(other)
        for block in (one, other):
            assert not str(block).startswith(("127.0.", "127.1."))


def test_addresses_come_in_turn_and_are_not_used_again_soon() -> None:
    with closing(AddressBlock()) as block:
        first = block.take(())
        block.give_back(first)
        assert first not in {block.take(()) for _ in range(1000)}


def test_an_address_whose_port_is_taken_is_passed_over() -> None:
    with closing(AddressBlock()) as block, closing(socket.socket()) as listener:
        head, _, last = block.take((8080,)).rpartition(".")
        listener.bind((f"{head}.{int(last) + 1}", 8080))
        listener.listen()
        assert block.take((8080,)) == f"{head}.{int(last) + 2}"


async def test_a_deadline_can_be_shortened_while_it_is_waited_for() -> None:
    deadline = Deadline(1000)
    asyncio.get_running_loop().call_later(0.05, deadline.shorten, 0.05)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(10), deadline.limit():
            await asyncio.Event().wait()


async def test_a_deadline_is_not_made_longer_and_leaves_the_least() -> None:
    deadline = Deadline(0)
    deadline.shorten(1000)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    with pytest.raises(TimeoutError):
        async with deadline.limit(least=0.2):
            await asyncio.Event().wait()
    assert 0.19 <= loop.time() - begun < 5
