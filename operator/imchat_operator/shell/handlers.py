"""kopf's registrations: they hand the two custom resources over, and decide nothing.

Plain event handlers: no finalizer, no annotation, no state of kopf's on any object.
"""

import asyncio
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import kopf

from imchat_operator.models import GROUP, VERSION
from imchat_operator.shell.login import configured, web_session
from imchat_operator.shell.supervisor import Supervisor

REGISTRY = kopf.OperatorRegistry()

# From SIGTERM, to being killed by kopf: whatever hangs then, the status has all that matters.
_LONGEST_END = 12.0


class _Patience:
    """The seconds between tries of kopf's requests, without an end.

    At the end of them kopf would end the operator, as after half a minute of 503.
    """

    def __iter__(self) -> Iterator[float]:
        return chain((0.5, 1.0, 2.0, 4.0, 8.0), repeat(15.0))


@kopf.on.startup(registry=REGISTRY)
async def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    """Keep kopf to what it is used for."""
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.watching.server_timeout = 240
    settings.watching.client_timeout = 300
    settings.networking.error_backoffs = _Patience()
    settings.process.ultimate_exiting_timeout = _LONGEST_END


@kopf.on.cleanup(registry=REGISTRY)
async def finish(memo: Supervisor, **_: Any) -> None:
    """End our own tasks first: kopf waits 5 s for what it does not know.

    That is also so of its own waiters where a watch was stopped while it handed something over.
    """
    await memo.close()
    for task in asyncio.all_tasks():
        if task.get_name().startswith("pause-waiter"):
            task.cancel()


@kopf.on.login(registry=REGISTRY)
async def login(**_: Any) -> kopf.AiohttpSession:
    """Log in as the operator's own client does."""
    configuration = await configured()
    session = await web_session(configuration)
    return kopf.AiohttpSession(server=configuration.host, aiohttp_session=session)


@kopf.on.event(GROUP, VERSION, "imchatclusters", registry=REGISTRY)
async def cluster_event(
    event: kopf.RawEvent, body: kopf.Body, uid: str, memo: Supervisor, **_: Any
) -> None:
    """Hand an ImChatCluster over."""
    if event["type"] == "DELETED":
        memo.cluster_gone(uid)
    else:
        memo.cluster_changed(dict(body))


@kopf.on.event(GROUP, VERSION, "maintenancewindows", registry=REGISTRY)
async def window_event(
    event: kopf.RawEvent, body: kopf.Body, uid: str, memo: Supervisor, **_: Any
) -> None:
    """Hand a MaintenanceWindow over."""
    if event["type"] == "DELETED":
        memo.window_gone(uid)
    else:
        memo.window_changed(dict(body))
