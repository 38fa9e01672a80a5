"""Nodes with the booking service, for measuring how long a bundle takes.

A sub's staff say yes at once: what is measured is the nodes and the line, not people. The line
between provinces is played by a relay that holds every byte back for some milliseconds, each
way; on loopback alone a bundle is only work, and all nodes share this machine's processors.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from typing_extensions import override

from federation.engine.inside import Said
from federation.engine.outbox import Outbox
from federation.ports import SaidWord
from federation.protocol.agreement import AgreementTerms
from federation.protocol.booking import HOST, SUB, Hold, Vote
from federation.protocol.conversation import Kind
from federation.transport.tls import new_key, self_signed
from federation.trust.suite import INTL_1
from federation.wire.words import DESCRIPTOR, TERMS
from node.services.booking_plan import LocalRules
from node.services.bookings import Bookings
from node.services.house import Desk, House, Reaction
from node.services.venues import Venues
from node.store import migrations
from node.store.database import Database
from tests.support.agreed import put_signed
from tests.support.grpc_pair import CLOCK, FAR_AHEAD, LONG_AGO, GrpcNode, Party, SeededRandom
from tests.support.identities import describe, identify, make_secrets
from tests.support.pair import Mute
from tests.support.planning import in_force, seat_rows

SEATS: Final = 8
CHUNK: Final = 65_536
BY: Final = "bench"


class Prompt(Bookings):
    """Bookings whose staff say yes in the moment they are asked; tells when votes are heard."""

    voted: Callable[[], None] = staticmethod(lambda: None)

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        super().heard(desk, spoken)
        conversation = spoken.conversation
        if isinstance(spoken.word, Hold) and conversation.role == SUB:
            self.vote(desk, conversation.id, yes=True, reason="", by=BY)
        if isinstance(spoken.word, Vote) and conversation.role == HOST:
            self.voted()


class OfficeNode(GrpcNode):
    """A node with seats that books and is booked."""

    def __init__(
        self,
        party: Party,
        database: Database,
        observe: Callable[[SaidWord, str], None] = lambda _word, _outcome: None,
    ) -> None:
        super().__init__(party, database)
        self.planned = 0
        self.venues = Venues()
        self.bookings = Prompt(
            venues=self.venues, in_force=in_force, tested=lambda *_: True, local=LocalRules()
        )
        reactions: dict[Kind, Reaction] = {kind: Mute() for kind in Kind}
        house = House({**reactions, **self.reactions()})
        self.negotiator = replace(self.negotiator, inside=house)
        self.outbox = Outbox(negotiator=self.negotiator, transport=self.transport, observe=observe)
        self.bookings.decisions.bind(self.negotiator, self.outbox.ask, self.bookings)
        self.server = self.new_server()

    def reactions(self) -> dict[Kind, Reaction]:
        """What it does with words, by their kind; it is mute to all others."""
        return {Kind.BOOKING: self.bookings}


def settled(name: str, port: int) -> Party:
    """A center whose descriptor names the port, as its peers and its greetings must agree on."""
    source = SeededRandom(name)
    secrets = make_secrets(source.bytes)
    draft = describe(secrets, name, CLOCK.now_ms())
    tls = self_signed(draft.center_id, new_key(), LONG_AGO, FAR_AHEAD)
    descriptor = replace(
        draft,
        tls_certificates=(tls.certificate,),
        address=f"127.0.0.1:{port}",
        region_code="350000",
    )
    return Party(identify(descriptor, secrets), tls, source)


AnyNode = TypeVar("AnyNode", bound=OfficeNode)


@asynccontextmanager
async def office(
    party: Party,
    path: Path,
    port: int,
    kind: type[AnyNode],
    observe: Callable[[SaidWord, str], None] = lambda _word, _outcome: None,
) -> AsyncIterator[AnyNode]:
    """A node on disk, with seats, that serves on a port; its pumps are the caller's."""
    database = await Database.open(path)
    try:
        await database.alone(
            lambda connection: migrations.migrate(connection, migrations.load(), CLOCK.now_ms())
        )
        node = kind(party, database, observe)
        rows = seat_rows(SEATS, overnight=True)  # the bench may be run at any hour
        await node.negotiator.transact(lambda desk: node.venues.import_seats(desk, rows))
        node.port = await node.server.start(f"127.0.0.1:{port}")
        try:
            yield node
        finally:
            await node.transport.close()
            await node.server.stop(0)
    finally:
        await database.close()


@asynccontextmanager
async def pumping(node: GrpcNode) -> AsyncIterator[None]:
    """Run a node's pumps."""
    pumps = node.new_pumps()
    async with asyncio.TaskGroup() as group:
        group.create_task(pumps.run())
        try:
            yield
        finally:
            pumps.stop()


async def agree(node: OfficeNode, document: bytes) -> None:
    """Put an agreement that both have signed into a node's database."""
    terms: AgreementTerms = TERMS.decode(document)
    (peer,) = {party.center_id for party in terms.parties} - {node.center}

    def store(desk: Desk) -> None:
        put_signed(
            desk.ledger.connection,
            agreement=INTL_1.tagged("agreement", document),
            peer=peer,
            document=document,
            we_proposed=node.center == terms.parties[0].center_id,
            at_ms=desk.now_ms,
        )

    await node.negotiator.transact(store)


@asynccontextmanager
async def subs(instructions: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
    """Sub-venues in a process of their own, each a node under an agreement with the host.

    ``subs`` is a list of ``name:port:advertised:terms``, separated by commas; terms in hex.
    """
    folder = Path(instructions["folder"])
    host = DESCRIPTOR.decode(bytes.fromhex(instructions["caller"]))
    descriptors = []
    async with AsyncExitStack() as stack:
        for each in instructions["subs"].split(","):
            name, port, advertised, document = each.split(":")
            party = settled(name, int(advertised))
            node = await stack.enter_async_context(
                office(party, folder / f"{name}.db", int(port), OfficeNode)
            )
            node.keyring.pin(host)
            await agree(node, bytes.fromhex(document))
            await stack.enter_async_context(pumping(node))
            descriptors.append(DESCRIPTOR.encode(party.identity.descriptor).hex())
        yield {"descriptors": descriptors}


@asynccontextmanager
async def line(instructions: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
    """Relays ``port:target`` pairs; every byte takes ``delay_ms`` each way."""
    delay = int(instructions["delay_ms"]) / 1000
    servers = []
    for pair in instructions["pairs"].split(","):
        port, target = map(int, pair.split(":"))
        servers.append(await asyncio.start_server(_relay(target, delay), "127.0.0.1", port))
    try:
        yield {"lines": len(servers)}
    finally:
        for server in servers:
            server.close()


def _relay(
    target: int, delay: float
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.close()
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(_carry(reader, back, delay))
            group.create_task(_carry(there, writer, delay))

    return relay


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Bytes from one end to the other, in order, each ``delay`` seconds late."""
    loop = asyncio.get_running_loop()
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def arrive() -> None:
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(max(0.0, due - loop.time()))  # noqa: TID251 (this is the line)
            if not data or writer.is_closing():  # whoever was to have it has hung up
                writer.close()
                return
            writer.write(data)

    arriving = loop.create_task(arrive())
    try:
        while True:
            data = await reader.read(CHUNK)
            under_way.put_nowait((loop.time() + delay, data))
            if not data:
                await arriving
                return
    except OSError:
        under_way.put_nowait((loop.time(), b""))
        await arriving
