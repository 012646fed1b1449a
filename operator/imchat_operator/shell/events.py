"""Events: what a status promises to tell, posted to the API server.

An Event's name follows from its content (core.outbox), so that posting it again, after a crash
or by a second operator, is refused by the API server as already there. A series is one Event that
is changed: it is never set back to a count that it has passed, whoever comes late.

They go through core/v1. events.k8s.io/v1 refuses `lastTimestamp`, by which `kubectl describe`
sorts, and a series there keeps its first message for ever.
"""

import logging
import socket
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus

from prometheus_client import Counter

from imchat_operator.core.decision import Dropped
from imchat_operator.models import API_VERSION, GROUP, PendingEvent
from imchat_operator.shell.kube import EVENTS, FAILED, MERGE_PATCH, Api, ApiError, Json
from imchat_operator.units import rfc3339

_LOG = logging.getLogger(__name__)
_HOPELESS = {400, 404, 413, 422}  # the API server will never take it
_CONTROLLER = "imchat-operator"
_INSTANCE = f"{_CONTROLLER}-{socket.gethostname()}"[:128]
_LONGEST_PAUSE = 60.0
_OFTEN = 5  # failures in a row: half a minute

POSTED = Counter("imchat_operator_events", "Events posted, by reason.", ["reason"])
DROPPED = Counter(
    "imchat_operator_events_dropped", "Events that are not posted.", ["reason", "cause"]
)
FAILURES = Counter(
    "imchat_operator_event_failures", "Events that could not be posted, by HTTP status.", ["status"]
)


def count_dropped(dropped: Iterable[Dropped]) -> None:
    """Count the Events that a status does not promise."""
    for event in dropped:
        DROPPED.labels(event.reason, event.cause).inc()


class Recorder:
    """Posts what one object's status promises, in that order, and knows what is posted already.

    What fails is promised still, and tried again after a pause. An Event that is refused holds up
    no other; an API server that does not answer, or has too much to do, holds up all.
    """

    def __init__(
        self, api: Api, namespace: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._clock = clock
        self._failures = 0
        self._rests_until = 0.0
        self.posted: frozenset[str] = frozenset()

    def owes(self, promised: tuple[PendingEvent, ...]) -> bool:
        """Return whether any of these is to be posted now."""
        return not self._is_whole(promised) and self._clock() >= self._rests_until

    def may_end(self, promised: tuple[PendingEvent, ...]) -> bool:
        """Return whether what promises these may be gone: all are posted, or it was tried often."""
        return self._is_whole(promised) or self._failures >= _OFTEN

    def _is_whole(self, promised: tuple[PendingEvent, ...]) -> bool:
        return self.posted.issuperset(e.receipt for e in promised)

    async def post(self, promised: tuple[PendingEvent, ...]) -> None:
        """Post what is promised and not posted; what fails is logged, counted, and left promised.

        Raises:
            FencedError: this replica does not lead any more.
        """
        self.posted &= {e.receipt for e in promised}
        if not self.owes(promised):
            return
        for event in (e for e in promised if e.receipt not in self.posted):
            try:
                is_settled = await self._is_settled(event)
            except FAILED as error:
                self._failed(event, error)
                break
            if is_settled:
                self.posted |= {event.receipt}
        self._failures = 0 if self._is_whole(promised) else self._failures + 1
        pause = min(_LONGEST_PAUSE, 2.0 ** min(self._failures, 10) - 1)
        self._rests_until = self._clock() + pause

    async def _is_settled(self, event: PendingEvent) -> bool:
        """Post an Event; return whether nothing is left to do about it.

        Raises:
            ApiError: the API server can't take any now.
            aiohttp.ClientError, TimeoutError, OSError: it does not answer.
        """
        try:
            await (self._continue(event) if event.count > 1 else self._create(event))
        except ApiError as error:
            if (
                error.status == HTTPStatus.TOO_MANY_REQUESTS
                or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            ):
                raise
            if error.status == HTTPStatus.CONFLICT and event.count == 1:
                return True  # it is there already
            self._failed(event, error)
            if error.status not in _HOPELESS:
                return False
            DROPPED.labels(event.reason, "Refused").inc()
        return True

    async def _create(self, event: PendingEvent) -> None:
        path = EVENTS.path(self._namespace)
        await self._api.request("POST", path, body=_body(self._namespace, event))
        _count(event)

    async def _continue(self, event: PendingEvent) -> None:
        """Bring a series up to its count; it may be there already, or be past it."""
        path = EVENTS.path(self._namespace, event.name)
        try:
            found = await self._api.request("GET", path)
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            await self._create(event)  # it never came to be, or its time has run out
            return
        if found.get("count", 0) >= event.count:
            return
        body = _latest(event, resourceVersion=found["metadata"]["resourceVersion"])
        await self._api.request("PATCH", path, body=body, content_type=MERGE_PATCH)
        _count(event)

    def _failed(self, event: PendingEvent, error: Exception) -> None:
        status = str(error.status) if isinstance(error, ApiError) else "none"
        FAILURES.labels(status).inc()
        _LOG.warning("%s: event %s was not posted: %r", self._namespace, event.reason, error)


def _count(event: PendingEvent) -> None:
    POSTED.labels(event.reason).inc()
    _LOG.info("%s %s: %s", event.reason, event.object, event.message)


def _body(namespace: str, event: PendingEvent) -> Json:
    first = event.since or event.at
    return {
        **_latest(event, name=event.name, namespace=namespace),
        "eventTime": rfc3339(first, "microseconds"),
        "firstTimestamp": rfc3339(first, "seconds"),
        "source": {"component": _CONTROLLER},
        "reportingComponent": _CONTROLLER,
        "action": event.action,
        "reason": event.reason,
        "type": event.type,
        "involvedObject": {
            "apiVersion": "v1" if event.kind == "Pod" else API_VERSION,
            "kind": event.kind,
            "namespace": namespace,
            "name": event.object,
            "uid": event.uid,
        },
    }


def _latest(event: PendingEvent, **metadata: str) -> Json:
    """Return the fields that change while a series goes on, with those that say of which."""
    series = {"count": event.count, "lastObservedTime": rfc3339(event.at, "microseconds")}
    annotations = {f"{GROUP}/decision": event.decision}
    return {
        "metadata": {**metadata, "annotations": annotations},
        "lastTimestamp": rfc3339(event.at, "seconds"),
        "count": event.count,
        "message": event.message,
        "reportingInstance": _INSTANCE,
        **({"series": series} if event.count > 1 else {}),
    }
