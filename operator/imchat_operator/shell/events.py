"""Events: what status promises to tell, posted to the API server.

An Event's name follows from its content (core.decision), so that posting it again, after a crash
or by a second operator, is refused by the API server as already there. Events are posted through
core/v1, since `kubectl describe` sorts by `lastTimestamp`, which events.k8s.io/v1 refuses.
"""

import logging
import socket
from collections.abc import Iterable
from datetime import UTC

import aiohttp
from prometheus_client import Counter

from imchat_operator.models import API_VERSION, GROUP, PendingEvent
from imchat_operator.shell.kube import EVENTS, Api, ApiError, Json

_LOG = logging.getLogger(__name__)
_CONFLICT = 409
_HOPELESS = {400, 404, 413, 422}  # the API server will never take it
_CONTROLLER = "imchat-operator"

POSTED = Counter("imchat_operator_events", "Events posted, by reason.", ["reason"])


async def post(api: Api, namespace: str, events: Iterable[PendingEvent]) -> frozenset[str]:
    """Post Events and return the names of those that the API server has now."""
    posted = set()
    for event in events:
        try:
            await api.request("POST", EVENTS.path(namespace), body=_body(namespace, event))
        except ApiError as error:
            if error.status != _CONFLICT:
                _LOG.warning("event %s was refused: %s", event.reason, error)
                if error.status not in _HOPELESS:
                    continue
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _LOG.warning("event %s could not be posted: %r", event.reason, error)
            continue
        else:
            POSTED.labels(event.reason).inc()
            _LOG.info("%s %s: %s", event.reason, event.object, event.message)
        posted.add(event.name)
    return frozenset(posted)


def _body(namespace: str, event: PendingEvent) -> Json:
    at = event.at.astimezone(UTC)
    second = at.isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "metadata": {
            "name": event.name,
            "namespace": namespace,
            "annotations": {f"{GROUP}/decision": event.decision},
        },
        "eventTime": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "firstTimestamp": second,
        "lastTimestamp": second,
        "count": 1,
        "source": {"component": _CONTROLLER},
        "reportingComponent": _CONTROLLER,
        "reportingInstance": f"{_CONTROLLER}-{socket.gethostname()}"[:128],
        "action": event.action,
        "reason": event.reason,
        "message": event.message,
        "type": event.type,
        "involvedObject": {
            "apiVersion": "v1" if event.kind == "Pod" else API_VERSION,
            "kind": event.kind,
            "namespace": namespace,
            "name": event.object,
            "uid": event.uid,
        },
    }
