"""Runs a node in one event loop until it is told to stop, and lets it end in order.

The order of the end: readiness says no; gRPC says NOT_SERVING, takes no more calls and lets
those that run end, while HTTP does the same; the pumps end where they wait; then transport,
database and adapters close; the probes go last. Whatever was acknowledged is on disk before
that, so a kill at any moment loses nothing either: this is politeness, not safety.
"""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, cast

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from node import local_socket, logs, outside, wiring
from node.api.app import create_doors
from node.config import Config
from node.config_values import split_address
from node.services.accounts import Role
from node.services.house import Desk
from node.store import accounts
from node.wiring import Node, open_keys

HTTP_GRACE_SECONDS: Final = 10  # as gRPC's
KEEP_ALIVE_SECONDS: Final = 75  # above a usual proxy's 60, so that the proxy closes first
BACKLOG: Final = 512
GC_THRESHOLDS: Final = (50_000, 20, 50)  # tens of megabytes of garbage at the very most

LOG: Final = logs.logger("node.serving")


class Http(uvicorn.Server):
    """uvicorn without its own signal handlers: the node has one for all."""

    @contextmanager
    @override
    def capture_signals(self) -> Iterator[None]:
        yield


def spare_the_collector() -> None:
    """Let the cyclic garbage collector look less often, and never at what start-up made.

    A word makes hundreds of small objects and hardly a cycle; with Python's usual threshold of
    700 the collector takes a tenth of the time that 64 concurrent words need.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def serve(config: Config, started: Callable[[Node, int], None] | None = None) -> None:
    """Run a node until SIGTERM or SIGINT.

    Args:
        config: The configuration.
        started: Called with the node and the peers' port once all ports are served.

    Raises:
        OSError, RuntimeError: A port is taken.
        StandInRefused: One is configured in production.
        SocketUnavailable: Another node serves this folder.
        Exception: What ``open_keys`` and ``assemble`` raise.
    """
    outside.check_production(config)
    keys = open_keys(config.storage.folder, config.keys)
    node = await wiring.assemble(config, keys)
    spare_the_collector()
    try:
        await _look_for_an_operator(node)
        await _run(config, node, started)
    finally:
        await node.close()


async def _look_for_an_operator(node: Node) -> None:
    """Say so if nobody can log in: ``lianping init`` was cut short."""

    def operators(desk: Desk) -> int:
        every = accounts.every(desk.ledger.connection)
        return sum(account.role == Role.OPERATOR.value for account in every)

    if not await node.parts.negotiator.transact(operators):
        LOG.warning(
            "没有运维账号,无法登录:先停止节点,再执行 lianping init"
            " · there is no operator's account: stop the node and run lianping init"
        )


async def _run(config: Config, node: Node, started: Callable[[Node, int], None] | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with (
        _listening(config.listen.api) as api_socket,
        _listening(config.listen.metrics) as probes_socket,
        local_socket.listening(config.storage.folder) as own_socket,
    ):
        public, own = create_doors(node.parts)
        api, local = _http(public), _http(own)
        probes = _http(node.probes(stop.is_set).app())
        port = await node.server.start(config.listen.peers)
        async with asyncio.TaskGroup() as last:
            probing = last.create_task(probes.serve(sockets=[probes_socket]))
            async with asyncio.TaskGroup() as group:
                serving = group.create_task(api.serve(sockets=[api_socket]))
                own_serving = group.create_task(local.serve(sockets=[own_socket]))
                pumping = group.create_task(node.pumps.run())
                recovering = group.create_task(node.parts.recovering.run())
                for number in (signal.SIGTERM, signal.SIGINT):
                    loop.add_signal_handler(number, stop.set)
                LOG.info(
                    "the node is up",
                    center=node.parts.negotiator.identity.center,
                    version=node.parts.version,
                    peers=config.listen.peers,
                    peers_port=port,
                    api=config.listen.api,
                    metrics=config.listen.metrics,
                    production=config.mode.production,
                )
                if started is not None:
                    started(node, port)
                await _until(stop, serving, own_serving, pumping, probing)
                stop.set()
                LOG.info("the node is going down")
                api.should_exit = local.should_exit = True
                await node.server.stop()
                node.pumps.stop()
                recovering.cancel()
            probes.should_exit = True
    LOG.info("the node is down")


async def _until(stop: asyncio.Event, *tasks: asyncio.Task[None]) -> None:
    """Wait for the signal, or for a task that ended although nobody asked it to."""
    waiting = asyncio.get_running_loop().create_task(stop.wait())
    try:
        await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting


@contextmanager
def _listening(address: str) -> Iterator[socket.socket]:
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=BACKLOG) as listener:
        yield listener


def _http(app: ASGIApp) -> Http:
    return Http(
        uvicorn.Config(
            cast("Any", app),  # Starlette and uvicorn type the same protocol differently
            log_config=None,
            access_log=False,  # a line a request would carry people's ids; the metrics count
            server_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="off",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=HTTP_GRACE_SECONDS,
        )
    )
