"""`python -m clients`: plays users against gateways, one JSON line of figures a second.

The figures are those of `clients.report.Report`. The last line has `"final": true` beside them;
it comes at the end of the trace, and on SIGTERM and SIGINT, after all clients have left politely.
Notes (gaps of the trace, a lost API server) go to stderr. Exit status 2 is bad input.
"""

import asyncio
import json
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Never

from clients.balancer import EndpointSource, FixedEndpoints
from clients.client import Manners
from clients.fleet import ClientFleet
from clients.options import Options, options_from
from clients.play import play


def main() -> int:
    """Run the command line; the exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("clients").setLevel(logging.INFO)
    try:
        asyncio.run(_run(options_from(sys.argv[1:])))
    except (ValueError, ConnectionError) as error:
        print(f"clients: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


async def _run(options: Options) -> None:
    async with _endpoints(options) as endpoints:
        fleet = ClientFleet(
            endpoints, manners=Manners(interval=options.interval, patience=options.patience)
        )
        load = asyncio.create_task(_load(fleet, options))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, load.cancel)
        printing = asyncio.create_task(_print_each_second(fleet))
        try:
            async with fleet:
                await asyncio.wait({load, printing}, return_when=asyncio.FIRST_COMPLETED)
                if load.done() and not load.cancelled():
                    load.result()
        finally:
            printing.cancel()
    _print(fleet, is_final=True)


@asynccontextmanager
async def _endpoints(options: Options) -> AsyncIterator[EndpointSource]:
    if options.kubeconfig is None:
        yield FixedEndpoints(endpoints=options.endpoints)
        return
    from clients.pods import ready_pods  # noqa: PLC0415 - the API client takes 0.6 s and 35 MB

    async with ready_pods(
        options.kubeconfig,
        namespace=options.namespace,
        selector=options.selector,
        port=options.port,
        delay=options.propagation_delay,
    ) as pods:
        yield pods


async def _load(fleet: ClientFleet, options: Options) -> None:
    if options.trace is not None:
        await play(options.trace, fleet, peak=options.clients, speed=options.speed)
        return
    fleet.target = options.clients
    await asyncio.get_running_loop().create_future()


async def _print_each_second(fleet: ClientFleet) -> Never:
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        due += 1
        await asyncio.sleep(due - loop.time())
        _print(fleet, is_final=False)


def _print(fleet: ClientFleet, *, is_final: bool) -> None:
    line = fleet.report().as_json() | ({"final": True} if is_final else {})
    print(json.dumps(line), flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
