"""One leader among the operator's replicas, by a Lease that it renews; an epoch for each that led.

By client-go's rules, of which the official Python client keeps too few: no wall clock is compared,
only the time for which this process has seen a Lease unchanged; a leader that ends gives its Lease
back, so that the next need not wait; and the Lease counts its leaders, which is the epoch that
every status carries.

A Lease fences nothing by itself: a leader that was frozen may wake up and write. So `is_held` ends
before anybody else may lead, by this process's own clock, and the session with the API server asks
it before each write (shell/kube.py); and whoever reads a status of a later epoch leads no more.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from prometheus_client import Gauge

from imchat_operator.shell.kube import FAILED, Api, ApiError
from imchat_operator.shell.lease_object import Lease, LeaseObject
from imchat_operator.shell.wake import heard

_LOG = logging.getLogger(__name__)
_RETRY = 0.5
_REQUEST = 2.0

LEADING = Gauge("imchat_operator_leading", "1 while this replica leads or is the only one, else 0.")


class Mandate(Protocol):
    """What lets this process decide and write."""

    @property
    def epoch(self) -> int:
        """Which leader this is, counted from 1; 0 where nobody is elected."""

    @property
    def is_held(self) -> bool:
        """Whether this process may write now."""

    async def outrank(self, epoch: int) -> None:
        """Lead in a later epoch than this one, which a status was found to carry."""


@dataclass(frozen=True, slots=True)
class Unopposed:
    """The mandate of an operator that is the only one."""

    epoch: int = 0
    is_held: bool = True

    async def outrank(self, epoch: int) -> None:
        """Nobody is in the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a Lease is kept, in seconds.

    Attributes:
        duration: a Lease that was seen unchanged for so long is free.
        deadline: a leader that has not renewed for so long leads no more; below `duration` by more
            than a request takes.
        pause: between two renewals.
    """

    duration: float = 10.0
    deadline: float = 7.0
    pause: float = 2.5


class Leadership:
    """This process's part in the election: waits, leads, and loses or gives back."""

    def __init__(  # noqa: PLR0913 -- a Lease's name, ours, and how it is kept
        self,
        api: Api,
        namespace: str,
        name: str,
        identity: str,
        *,
        terms: Terms | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._terms = terms or Terms()
        self._object = LeaseObject(api, namespace, name, self._terms.duration)
        self._name = name
        self._identity = identity
        self._clock = clock
        self._lease: Lease | None = None
        self._since = clock()
        self._until = float("-inf")
        self._epoch = 0
        self._writing = asyncio.Lock()

    @property
    def epoch(self) -> int:
        """Which leader this is; 0 before it has led."""
        return self._epoch

    @property
    def is_held(self) -> bool:
        """Whether this process leads; ends by its own clock before another may begin."""
        return self._clock() < self._until

    async def gain(self) -> None:
        """Wait until this process leads."""
        changed = asyncio.Event()
        watched = self._object.watched(changed.set)
        watching = asyncio.create_task(watched.run())
        try:
            await watched.synced.wait()
            while not await self._has_gained(next(iter(watched.items.values()), None)):
                wait = max(_RETRY, self._since + self._lasting - self._clock())
                await heard(changed, wait)
                changed.clear()
        finally:
            watching.cancel()
            await asyncio.wait([watching])
        LEADING.set(1)
        _LOG.info("leads from now on as %s, in epoch %d", self._identity, self._epoch)

    async def keep(self) -> None:
        """Renew the Lease; return once that has failed for too long, or another has it."""
        while True:
            await asyncio.sleep(self._terms.pause)
            if not await self._is_renewed(0):
                self._until = float("-inf")
                LEADING.set(0)
                _LOG.error("leads no more: the Lease %s could not be renewed in time", self._name)
                return

    async def give_back(self) -> None:
        """Let another lead at once; what this process does from now on is refused."""
        is_ours, self._until = self.is_held, float("-inf")
        LEADING.set(0)
        if not is_ours or self._lease is None:
            return
        try:
            async with self._writing, asyncio.timeout(_REQUEST):
                await self._replaced(self._lease, holder="", epoch=self._epoch)
        except (_TakenError, *FAILED) as error:
            _LOG.warning("the Lease %s could not be given back: %r", self._name, error)

    async def outrank(self, epoch: int) -> None:
        """Lead in a later epoch than one that was found, or no more.

        A higher epoch than ours means that another leads, who then has the Lease; or that the Lease
        was deleted meanwhile and counts from the beginning. Only its holder can tell.
        """
        if await self._is_renewed(epoch):
            _LOG.warning("epoch %d was found; leads on in epoch %d", epoch, self._epoch)
        else:
            self._until = float("-inf")

    @property
    def _lasting(self) -> float:
        """Seconds for which the Lease has to stay unchanged until it is free."""
        if self._lease is None or not self._lease.holder:
            return 0.0
        return max(self._terms.duration, self._lease.seconds)

    async def _has_gained(self, watched: Lease | None) -> bool:
        if watched is not None:
            self._note(watched)
        if not self._is_free():
            return False
        try:
            # The watch may be behind; and what it shows as gone may have been made again.
            async with asyncio.timeout(_REQUEST):
                self._note(await self._object.read())
            return self._is_free() and await self._is_claimed()
        except FAILED as error:
            _LOG.warning("the Lease %s can't be had: %r", self._name, error)
            return False

    def _note(self, lease: Lease | None) -> None:
        if lease is None:
            self._lease = None
        elif self._lease is None or lease.version > self._lease.version:
            self._lease, self._since = lease, self._clock()

    def _is_free(self) -> bool:
        return self._clock() - self._since >= self._lasting

    async def _is_claimed(self) -> bool:
        """Write this process into a free Lease; False if another was first."""
        begun = self._clock()
        try:
            async with self._writing, asyncio.timeout(_REQUEST):
                if self._lease is None:
                    lease = await self._object.create(self._identity)
                else:
                    epoch = self._lease.epoch + 1
                    lease = await self._object.replace(
                        self._lease, holder=self._identity, epoch=epoch
                    )
        except ApiError as error:
            if error.status in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                return False
            raise
        self._held(lease, begun)
        return True

    async def _is_renewed(self, least: int) -> bool:
        """Renew until it is done, in an epoch above `least`; False if that came too late."""
        while self.is_held:
            begun = self._clock()
            try:
                limit = min(_REQUEST, self._until - begun)
                async with self._writing, asyncio.timeout(limit):
                    await self._renew(begun, least)
            except _TakenError:
                return False
            except FAILED as error:
                _LOG.warning("the Lease %s was not renewed: %r", self._name, error)
                await asyncio.sleep(_RETRY)
            else:
                return True
        return False

    async def _renew(self, begun: float, least: int) -> None:
        if self._lease is None:
            raise _TakenError
        epoch = max(self._epoch, least + 1 if least else 0)
        lease = await self._replaced(self._lease, holder=self._identity, epoch=epoch)
        self._held(lease, begun)

    async def _replaced(self, lease: Lease, *, holder: str, epoch: int) -> Lease:
        """Write the Lease that is ours, also over what is newer than the version that was seen.

        Raises:
            _TakenError: it is not ours any more.
        """
        try:
            return await self._object.replace(lease, holder=holder, epoch=epoch)
        except ApiError as error:
            if error.status not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                raise
            # An earlier write of ours without an answer, a label of somebody's, or a new holder.
            found = await self._object.read()
            if found is None or found.holder != self._identity:
                raise _TakenError from error
            return await self._object.replace(found, holder=holder, epoch=epoch)

    def _held(self, lease: Lease, begun: float) -> None:
        self._lease, self._since = lease, self._clock()
        self._epoch = lease.epoch
        self._until = begun + self._terms.deadline


class _TakenError(Exception):
    """Another holds the Lease, or it is gone."""
