"""The election by itself, among candidates of this process on a real API server."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kubernetes.aio import client, config

from harness import Namespace
from imchat_operator.shell.kube import Api
from imchat_operator.shell.leadership import Leadership, Terms

_TERMS = Terms(duration=2.0, deadline=1.4, pause=0.3)
_LEASES = "/apis/coordination.k8s.io/v1/namespaces"


class Candidate:
    """One replica's part, with a clock that can be set forward."""

    def __init__(self, api: Api, namespace: Namespace, identity: str) -> None:
        self.identity = identity
        self.ahead = 0.0
        self.leadership = Leadership(
            api, namespace.name, "op", identity, terms=_TERMS, clock=self._clock
        )
        self._keeping: asyncio.Task[None] | None = None

    def _clock(self) -> float:
        return time.monotonic() + self.ahead

    async def lead(self) -> None:
        """Wait until it leads, and keep that up."""
        await self.leadership.gain()
        self._keeping = asyncio.create_task(self.leadership.keep())

    async def ended(self) -> None:
        """Wait until it leads no more."""
        assert self._keeping is not None
        await self._keeping

    async def die(self) -> None:
        """Renew no more, and give nothing back."""
        assert self._keeping is not None
        self._keeping.cancel()
        await asyncio.wait([self._keeping])


@asynccontextmanager
async def session(namespace: Namespace) -> AsyncIterator[Api]:
    """Yield a session with the test's API server."""
    configuration = client.Configuration()
    await config.load_kube_config(  # type: ignore[no-untyped-call]
        config_file=str(namespace.kubeconfig), client_configuration=configuration
    )
    async with Api.session(configuration) as api:
        yield api
    await connections_ended()


async def connections_ended() -> None:
    """Wait until the running loop has none: one cut in mid-request says goodbye by TLS first."""
    sockets = asyncio.get_running_loop()._selector  # type: ignore[attr-defined] # noqa: SLF001
    while len(sockets.get_map()) > 1:  # noqa: ASYNC110 -- the loop's own is left
        await asyncio.sleep(0.01)


def lease(namespace: Namespace) -> dict[str, Any]:
    found = namespace.get(f"{_LEASES}/{namespace.name}/leases/op")
    assert found is not None
    return dict(found["spec"])


def moment(off: timedelta) -> str:
    return (datetime.now(UTC) + off).isoformat(timespec="microseconds").replace("+00:00", "Z")


def renewed(namespace: Namespace, off: timedelta) -> None:
    """Renew the Lease as its holder does whose clock is so far off."""
    path = f"{_LEASES}/{namespace.name}/leases/op"
    namespace.patch(path, {"spec": {"renewTime": moment(off)}})


def foreign(namespace: Namespace, off: timedelta) -> None:
    """Write a Lease as another holder does whose clock is so far off."""
    at = moment(off)
    namespace.apply(
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "op"},
            "spec": {
                "holderIdentity": "another",
                "leaseDurationSeconds": 2,
                "acquireTime": at,
                "renewTime": at,
                "leaseTransitions": 6,
            },
        }
    )


async def test_of_many_candidates_one_leads_and_another_follows_a_death(
    namespace: Namespace,
) -> None:
    async with session(namespace) as api:
        all_of_them = [Candidate(api, namespace, f"replica-{n}") for n in range(5)]
        waiting = {c.identity: asyncio.create_task(c.lead()) for c in all_of_them}
        led: list[str] = []
        while waiting:
            done, _ = await asyncio.wait(waiting.values(), return_when=asyncio.FIRST_COMPLETED)
            holders = [c for c in all_of_them if c.leadership.is_held]
            assert len(done) == len(holders) == 1
            (leader,) = holders
            assert lease(namespace)["holderIdentity"] == leader.identity
            led.append(leader.identity)
            assert leader.leadership.epoch == len(led)
            del waiting[leader.identity]
            await leader.die()
            others = [c for c in all_of_them if c is not leader]
            while leader.leadership.is_held:  # what remains of its term is its own
                assert not any(c.leadership.is_held for c in others)
                await asyncio.sleep(0.05)
    assert sorted(led) == [f"replica-{n}" for n in range(5)]


async def test_a_lease_given_back_is_taken_without_waiting_for_its_end(
    namespace: Namespace,
) -> None:
    async with session(namespace) as api:
        patient = Terms(duration=3600.0, deadline=60.0, pause=0.3)
        first = Leadership(api, namespace.name, "op", "first", terms=patient)
        second = Leadership(api, namespace.name, "op", "second", terms=patient)
        await first.gain()
        following = asyncio.create_task(second.gain())
        await asyncio.wait([following], timeout=0.5)
        assert not following.done()
        await first.give_back()
        assert not first.is_held
        await asyncio.wait_for(following, timeout=20)
        assert second.epoch == first.epoch + 1


@pytest.mark.parametrize("off", [timedelta(hours=-1), timedelta(hours=1)])
async def test_a_holder_with_a_wrong_clock_leads_while_it_renews_and_no_longer(
    namespace: Namespace, off: timedelta
) -> None:
    async with session(namespace) as api:
        foreign(namespace, off)
        candidate = Candidate(api, namespace, "ours")
        waiting = asyncio.create_task(candidate.lead())
        until = time.monotonic() + 2 * _TERMS.duration
        while time.monotonic() < until:
            await asyncio.to_thread(renewed, namespace, off)
            assert not waiting.done()
        await asyncio.wait_for(waiting, timeout=20)
        assert candidate.leadership.epoch == 8
        await candidate.die()


async def test_a_leader_that_was_frozen_may_not_write_when_it_wakes(namespace: Namespace) -> None:
    async with session(namespace) as api:
        frozen, next_one = (Candidate(api, namespace, name) for name in ("frozen", "next"))
        await frozen.lead()
        following = asyncio.create_task(next_one.lead())
        frozen.ahead += _TERMS.deadline
        assert not frozen.leadership.is_held
        await asyncio.wait_for(frozen.ended(), timeout=20)
        await asyncio.wait_for(following, timeout=20)
        await frozen.leadership.outrank(99)
        assert not frozen.leadership.is_held
        assert next_one.leadership.is_held
        assert lease(namespace)["holderIdentity"] == "next"
        await next_one.die()


async def test_a_deleted_lease_ends_a_term_and_epochs_go_on_rising(namespace: Namespace) -> None:
    async with session(namespace) as api:
        foreign(namespace, timedelta())
        leader = Candidate(api, namespace, "leader")
        await leader.lead()
        assert leader.leadership.epoch == 8
        await asyncio.to_thread(namespace.kubectl, "delete", "lease", "op")
        await asyncio.wait_for(leader.ended(), timeout=20)
        anew = Candidate(api, namespace, "anew")
        await anew.lead()
        assert anew.leadership.epoch == 1
        await anew.leadership.outrank(8)  # as a status says that was written before
        assert anew.leadership.is_held
        assert anew.leadership.epoch == 9
        await asyncio.sleep(2 * _TERMS.pause)
        assert lease(namespace)["leaseTransitions"] == 8
        await anew.die()


async def test_a_label_of_somebody_ends_no_term(namespace: Namespace) -> None:
    async with session(namespace) as api:
        leader = Candidate(api, namespace, "leader")
        await leader.lead()
        before = lease(namespace)["renewTime"]
        await asyncio.to_thread(namespace.kubectl, "label", "lease", "op", "team=chat")
        await asyncio.to_thread(
            namespace.wait_until, lambda: lease(namespace)["renewTime"] != before
        )
        assert leader.leadership.is_held
        assert lease(namespace)["holderIdentity"] == "leader"
        await leader.die()
