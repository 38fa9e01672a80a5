"""How long a draw takes that waits for nobody: from the last commitment to the opened seal.

The host is this process and seals, the sub is a node in a process of its own and owns the pool.
Experts answer in the moment they are called, the e-trading system in the moment it is asked, and
the seal is opened in the moment the list is complete: what is measured is the nodes, their
disks, the line between them, and every pause that the program makes by itself.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from federation.engine.inside import Said
from federation.ids import CenterId
from federation.ports import SaidWord
from federation.protocol import draw as words
from federation.protocol.agreement import AgreementTerms
from federation.protocol.booking import Decide
from federation.protocol.conversation import Kind
from federation.protocol.draw import Close, Commit, Result
from federation.transport import limits
from federation.transport.pumps import Bell, Pumps
from federation.wire.words import DESCRIPTOR, PAYLOAD_TYPES, TERMS
from node.demo.processes import free_ports
from node.domain import codes
from node.domain.calendar import Anchor, DrawWindow, Unit, Window
from node.domain.project import BookingRequest, ExpertSlots, SelectionMode, SubRequirement
from node.domain.venue import Requirement
from node.services.agreements import Agreements
from node.services.draw_rules import DrawRules, OwnWindow
from node.services.draws import Draws
from node.services.errands import Errands
from node.services.experts import Experts
from node.services.house import Desk, Reaction
from node.services.inviting import Place
from node.services.pool_announcements import PoolAnnouncements
from node.services.projects import Projects
from node.store.cipher import KEY_BYTES, NONCE_BYTES, ColumnCipher
from node.store.draws import DrawRow
from node.store.ledger import SqlLedger
from tests.bench import words as said_words
from tests.bench.bundles import DAY_MS, HOUR_MS
from tests.bench.offices import BY, OfficeNode, agree, office, pumping, settled
from tests.bench.processes import serving
from tests.node.services.test_draws import Announcing, Exchange, Telephones
from tests.support import planning
from tests.support.grpc_pair import CLOCK, SeededRandom
from tests.support.planning import project, register

SLOTS: Final = (("A0803", 3), ("A0801", 2))
PROMISED_MS: Final = 300.0  # on two processors over loopback
SECONDS: Final = 60.0  # for one draw; then something is wrong
REST_SECONDS: Final = 2 * limits.FLUSHES.burst / limits.FLUSHES.per_second
ANY_DAY: Final = OwnWindow(DrawWindow(Anchor.BID_DEADLINE, 60, Unit.HALF_DAY))
POOL: Final = "experts"
_CLOSE: Final = PAYLOAD_TYPES[Close]
_DECIDE: Final = PAYLOAD_TYPES[Decide]


class Signed(DrawRules):
    """Rules by which every report is signed: nobody waits for an evaluation here."""

    @override
    def _check_signed(self, desk: Desk, row: DrawRow) -> None:
        return


class Timed(Draws):
    """Draws that open their seal as soon as the list is complete, and note the time."""

    def __init__(self, *, own_window: OwnWindow, **more: Any) -> None:
        super().__init__(own_window=own_window, **more)
        self._rules = Signed(self._files, own_window, self.rescuing)
        self.committed_at = 0.0

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        super().said(desk, spoken)
        if isinstance(spoken.word, Commit) and spoken.conversation.phase == words.COMMITTED:
            self.committed_at = time.perf_counter()

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        super().heard(desk, spoken)
        if isinstance(spoken.word, Result):
            self.close_all(desk, self._files.row(desk, spoken.conversation.id).booking)


class DrawNode(OfficeNode):
    """A node that books, announces pools and draws."""

    @override
    def reactions(self) -> dict[Kind, Reaction]:
        source = SeededRandom(self.party.center)
        self.cipher = ColumnCipher(bytes(KEY_BYTES), lambda: source.bytes(NONCE_BYTES))
        self.agreements = Agreements(keyring=self.keyring)
        self.pools = PoolAnnouncements(cipher=self.cipher, agreements=self.agreements)
        self.draws = Timed(
            cipher=self.cipher,
            trading=Exchange(),
            messaging=Telephones(),
            place=Place("bench", "0796-0000000"),
            own_window=ANY_DAY,
        )
        return {
            **super().reactions(),
            Kind.AGREEMENT: self.agreements,
            Kind.PEERING: Announcing(self.pools),
            Kind.DRAW: self.draws,
        }

    @override
    def new_pumps(self, *_arguments: Any) -> Pumps[SqlLedger]:
        self.draws.errands.bind(self.negotiator)
        errands = Errands(
            negotiator=self.negotiator,
            handlers={**self.bookings.handlers(), **self.draws.errands.handlers()},
        )
        return super().new_pumps(errands.run_due)


def terms(host: CenterId, sub: CenterId) -> AgreementTerms:
    """Those of the other measurements, with a draw at any time."""
    return replace(said_words.terms(host, sub), draw_earliest_ms=30 * DAY_MS)


class Receipts:
    """Tells when the sub knows that it is booked, and when it has the opened seal."""

    def __init__(self) -> None:
        self.arrived = {_DECIDE: asyncio.Event(), _CLOSE: asyncio.Event()}
        self.refused: list[str] = []

    def receipted(self, word: SaidWord, outcome: str) -> None:
        """The outbox got a receipt."""
        if outcome != "ACCEPTED":
            self.refused.append(f"{word.payload_type}: {outcome}")
        if word.payload_type in self.arrived:
            self.arrived[word.payload_type].set()

    async def wait(self, payload_type: str) -> None:
        """Wait for the next receipt of such a word."""
        await self.arrived[payload_type].wait()
        self.arrived[payload_type].clear()
        if self.refused:
            raise RuntimeError(f"the sub did not accept {', '.join(self.refused)}")


async def measure(folder: Path, rounds: int, experts: int, rest_seconds: float) -> list[float]:
    """Seconds from commitment to the receipt of Close, for each of so many draws.

    Between two draws all rest: nodes that are busy collect cosignatures less often.
    """
    inner = free_ports(2)
    party, receipts = settled("host", inner[0]), Receipts()
    document = TERMS.encode(terms(party.center, settled("sub", 1).center))
    async with AsyncExitStack() as stack:
        answer = await stack.enter_async_context(
            serving(
                {
                    "kind": "pool_owner",
                    "port": str(inner[1]),
                    "terms": document.hex(),
                    "folder": str(folder),
                    "experts": str(experts),
                    "caller": DESCRIPTOR.encode(party.identity.descriptor).hex(),
                }
            )
        )
        host = await stack.enter_async_context(
            office(party, folder / "host.db", inner[0], DrawNode, receipts.receipted)
        )
        owner = DESCRIPTOR.decode(bytes.fromhex(answer["descriptor"]))
        host.keyring.pin(owner)
        await agree(host, document)
        await stack.enter_async_context(pumping(host))
        sub = CenterId(owner.center_id)
        await host.outbox.greet(sub)
        while not host.watched.receipts:  # of the pool's announcement
            await Bell().wait(0.1)
        await _one(host, receipts, sub)  # connections, caches
        took = []
        for _ in range(rounds):
            await asyncio.sleep(rest_seconds)  # noqa: TID251 (a measurement waits for quiet)
            took.append(await _one(host, receipts, sub))
        return took


async def _one(host: DrawNode, receipts: Receipts, sub: CenterId) -> float:
    """Book, draw, close; answers how long it took since both had committed."""
    number = host.planned = host.planned + 1
    start_ms = CLOCK.now_ms() + number * DAY_MS
    window = Window(start_ms, start_ms + HOUR_MS)
    projects = Projects(host.cipher)

    def enter(desk: Desk) -> bytes:
        asked = replace(
            project(),
            code=codes.project_code(f"E3608000001{number:09d}"),
            evaluation=window,
            bid_deadline_ms=start_ms - HOUR_MS,
        )
        made = projects.create(desk, asked, BY)
        projects.submit(desk, made, BY)
        projects.accept(desk, made, BY)
        return made

    made = await host.negotiator.transact(enter)
    slots = tuple(ExpertSlots(codes.specialty(name), count) for name, count in SLOTS)
    request = BookingRequest(
        window=window,
        host_seats=2,
        representatives=2,
        host_slots=(),
        subs=(SubRequirement(Requirement(sum(count for _, count in SLOTS)), slots),),
        mode=SelectionMode.CHOSEN,
        chosen=(sub,),
    )
    await host.negotiator.transact(lambda desk: host.bookings.plan(desk, made, request, BY))
    async with asyncio.timeout(SECONDS):
        await receipts.wait(_DECIDE)
        await host.negotiator.transact(lambda desk: planning.begin(host.draws, desk, made, BY))
        await receipts.wait(_CLOSE)
    return time.perf_counter() - host.draws.committed_at


@asynccontextmanager
async def pool_owner(instructions: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
    """The sub with its pool, in a process of its own."""
    caller = DESCRIPTOR.decode(bytes.fromhex(instructions["caller"]))
    port = int(instructions["port"])
    party = settled("sub", port)
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(
            office(party, Path(instructions["folder"]) / "sub.db", port, DrawNode)
        )
        node.keyring.pin(caller)
        await agree(node, bytes.fromhex(instructions["terms"]))

        def bring(desk: Desk) -> None:
            Experts(node.cipher).import_experts(desk, register(int(instructions["experts"])))
            node.pools.announce(desk, POOL, "2026-05", 720)

        await node.negotiator.transact(bring)
        await stack.enter_async_context(pumping(node))
        yield {"descriptor": DESCRIPTOR.encode(party.identity.descriptor).hex()}
