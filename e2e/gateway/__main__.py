"""`python -m gateway`: one gateway process, told what to be by its environment.

SIGTERM and SIGINT close the clients that are left and end the process with status 0.
"""

import asyncio
import logging
import os
import resource
import signal
import sys

from aiohttp import web

from gateway.server import Gateway
from gateway.settings import Settings, settings_from

BACKLOG = 2048
"""A reconnecting fleet, or a hang, queues up to this many connections in the kernel."""

log = logging.getLogger("gateway")


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then close all clients within the grace period."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))  # one for each client
    gateway = Gateway(connections_max=settings.connections_max, fault=settings.fault)
    runner = web.AppRunner(gateway.application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, settings.address, settings.port, backlog=BACKLOG).start()
    log.info("listens on http://%s:%d", settings.address, settings.port)
    gateway.break_down()
    await stop.wait()
    # No runner.cleanup() after it: that would wait for whoever has had the grace period.
    await gateway.shut_down(settings.grace_seconds)


def main() -> int:
    """Run one gateway; the exit status."""
    try:
        settings = settings_from(os.environ)
    except ValueError as error:
        print(error, file=sys.stderr)  # noqa: T201 - there is no log yet
        return 2
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s {settings.name} %(message)s")
    try:
        asyncio.run(serve(settings))
    except OSError as error:
        log.error("cannot listen: %s", error)  # noqa: TRY400 - the sentence is enough
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
