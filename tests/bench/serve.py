"""A child process: an echo without anything, an echo behind mutual TLS, or a real node.

Its instructions are one line of JSON on standard input; see ``processes``.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

import grpc
import uvloop
from lianping.federation.v1.federation_pb2 import SignedEnvelope as Echo

from federation.protocol.agreement import AgreementTerms
from federation.transport.tls import server_credentials
from federation.trust.suite import INTL_1
from federation.wire.words import DESCRIPTOR, TERMS
from node import serving
from node.store import migrations
from node.store.database import Database
from node.store.ledger import SqlLedger
from tests.bench.draws import pool_owner
from tests.bench.offices import line, subs
from tests.support.agreed import put_signed
from tests.support.grpc_pair import CLOCK, GrpcNode, Party

ECHO_METHOD: Final = "/lianping.bench/Echo"
NODE: Final = "the measured node"


@asynccontextmanager
async def echo(instructions: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
    """The least that a gRPC service in Python does: a message in, the same said in another."""

    async def same(asked: Echo, _context: grpc.aio.ServicerContext[Echo, Echo]) -> Echo:
        return Echo(payload=asked.payload, payload_type=asked.payload_type)

    server = grpc.aio.server()
    handler: grpc.RpcMethodHandler[Echo, Echo]
    handler = grpc.unary_unary_rpc_method_handler(same, Echo.FromString, Echo.SerializeToString)
    service, method = ECHO_METHOD.strip("/").split("/")
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: handler}),)
    )
    party = Party.named(NODE)
    if instructions["kind"] == "echo_tls":
        caller = DESCRIPTOR.decode(bytes.fromhex(instructions["caller"]))
        credentials = server_credentials(party.tls, lambda: [*caller.tls_certificates])
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield {"descriptor": DESCRIPTOR.encode(party.at(port)).hex()}
    finally:
        await server.stop(0)


@asynccontextmanager
async def node(instructions: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
    """A node as it runs in a center, on disk, whose house accepts every word."""
    caller = DESCRIPTOR.decode(bytes.fromhex(instructions["caller"]))
    database = await Database.open(Path(instructions["folder"]) / "node.db")
    try:
        await database.alone(
            lambda connection: migrations.migrate(connection, migrations.load(), CLOCK.now_ms())
        )
        measured = GrpcNode(Party.named(NODE), database)
        measured.keyring.pin(caller)
        await _agree(measured, bytes.fromhex(instructions["terms"]))
        measured.port = await measured.server.start("127.0.0.1:0")
        try:
            yield {"descriptor": DESCRIPTOR.encode(measured.descriptor).hex()}
        finally:
            await measured.transport.close()
            await measured.server.stop(0)
    finally:
        await database.close()


def agreement_id(document: bytes) -> bytes:
    return INTL_1.tagged("agreement", document)


async def _agree(node: GrpcNode, document: bytes) -> None:
    terms: AgreementTerms = TERMS.decode(document)
    (peer,) = {party.center_id for party in terms.parties} - {node.center}

    def store(ledger: SqlLedger) -> None:
        put_signed(
            ledger.connection,
            agreement=agreement_id(document),
            peer=peer,
            document=document,
            we_proposed=False,
            at_ms=CLOCK.now_ms(),
        )

    await node.store.transact(store)


KINDS: Final = {
    "echo": echo, "echo_tls": echo, "node": node, "subs": subs, "line": line,
    "pool_owner": pool_owner,
}  # fmt: skip


async def main() -> None:
    """Serve until standard input ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    instructions = cast("dict[str, str]", json.loads(await reader.readline()))
    async with KINDS[instructions["kind"]](instructions) as told:
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        await reader.read()


if __name__ == "__main__":
    serving.spare_the_collector()
    uvloop.run(main())
