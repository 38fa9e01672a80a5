"""Host and sub about to draw, and the regulator that their agreement names, with its officers."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from federation.ids import ConversationId
from federation.protocol.conversation import Kind, Word
from federation.wire.envelopes import decode_receipt, decode_statement
from federation.wire.words import PAYLOAD_TYPES, decode_word
from node.services.call_backs import CallBackPolicy
from node.services.declining import of_role
from node.services.draws import Draws
from node.services.house import Desk
from node.services.oversight import Oversight
from node.services.oversight_asking import Asking, Told
from node.store import oversight as store
from node.store.oversight import RequestRow
from tests.node.services.test_draws import Table, laid
from tests.support import planning
from tests.support.pair import Center, Furniture, Mute
from tests.support.witnessed import Witnessed, witnessed

T = TypeVar("T")
FIRST, SECOND = "zhao", "qian"
"""Accounts of two officers."""
REGULATOR = "regulator"
NO_CHECKS = CallBackPolicy(percent=0)


@dataclass
class Scene:
    """Two centers, their regulator, and a neighbour that is none of theirs."""

    table: Table
    pair: Witnessed
    services: dict[str, Oversight]
    told: list[tuple[str, bytes, Word]] = field(default_factory=list)
    followers: dict[str, list[Told]] = field(default_factory=dict)
    """By center: who else is told of its answers."""

    @property
    def host(self) -> Center:
        return self.pair.host

    @property
    def sub(self) -> Center:
        return self.pair.sub

    @property
    def regulator(self) -> Center:
        return self.pair.others[0]

    @property
    def neighbour(self) -> Center:
        return self.pair.others[1]

    def of(self, center: Center) -> Oversight:
        return self.services[center.name]

    async def decide(self, use_case: Callable[[Oversight, Desk], T]) -> T:
        """What an officer does; then everything settles."""
        done = await self.regulator.do(lambda desk: use_case(self.of(self.regulator), desk))
        await self.pair.greet()
        return done

    async def start(self) -> None:
        board = self.table.host
        await self.host.do(
            lambda desk: planning.begin(board.draws, desk, self.table.project, planning.AGENCY)
        )
        await self.pair.greet()

    async def draw(self, role: str = "SEALER") -> ConversationId:
        """The draw in which the host has a role."""
        rows = await self.host.sql("SELECT conversation FROM draw WHERE role = ?", role)
        return ConversationId(rows[0][0])

    async def requests(self) -> list[RequestRow]:
        return await self.regulator.do(lambda desk: store.requests(desk.ledger.connection))

    async def said(self, center: Center, kind: type[Any]) -> list[Any]:
        """What a center has said of a type."""
        rows = await center.sql(
            "SELECT payload_type, payload FROM said WHERE payload_type = ? ORDER BY log_index",
            PAYLOAD_TYPES[kind],
        )
        return [decode_word(name, decode_statement(payload).body) for name, payload in rows]

    async def refusals(self, center: Center) -> list[tuple[str, str]]:
        """What a center has refused: why, and in which words."""
        rows = await center.sql(
            "SELECT receipt_payload FROM heard WHERE accepted = 0 ORDER BY log_index"
        )
        receipts = [decode_receipt(decode_statement(raw).body) for (raw,) in rows]
        return [(receipt.reason, receipt.detail) for receipt in receipts]

    async def todos(self, center: Center) -> set[str]:
        """The kinds of a center's open to-dos."""
        rows = await center.sql("SELECT kind FROM todo WHERE done_at_ms IS NULL")
        return {kind for (kind,) in rows}


@asynccontextmanager
async def overseen(
    *,
    regulator: bool = True,
    contributes: bool = False,
    call_backs: CallBackPolicy = NO_CHECKS,
    **changes: Any,
) -> AsyncIterator[Scene]:
    """The scene.

    Args:
        regulator: Whether the agreement names it.
        contributes: Whether it gives values to the draws, too.
        call_backs: Which invitations it checks.
        changes: Other terms.
    """
    services: dict[str, Oversight] = {}
    told: list[tuple[str, bytes, Word]] = []
    followers: dict[str, list[Told]] = {}

    def furnished(furnish: Callable[[Center], Furniture]) -> Any:
        def more(center: Center) -> Furniture:
            furniture = furnish(center)
            regulates = center.name == REGULATOR

            def note(_desk: Desk, draw: bytes, word: Word) -> None:
                told.append((center.name, draw, word))
                for follower in followers.get(center.name, ()):
                    follower(_desk, draw, word)

            service = Oversight(
                regulates=regulates,
                cipher=center.cipher,
                asking=Asking(note, note),
                call_backs=call_backs,
            )
            services[center.name] = service
            drawing = furniture.reactions.get(Kind.DRAW)
            if isinstance(drawing, Draws):
                drawing.tell_over(service.records.tell)
            reactions = {kind: furniture.reactions.get(kind) or Mute() for kind in Kind}
            return replace(
                furniture, reactions=of_role(regulates, {**reactions, Kind.OVERSIGHT: service})
            )

        return witnessed(more, REGULATOR, "neighbour")

    def terms(pair: Any) -> Mapping[str, Any]:
        center = pair.others[0].id
        outside = (center,) if contributes else ()
        return {
            "regulator": center if regulator else "",
            "outside_contributors": outside,
            **changes,
        }

    async with laid(terms, assemble=furnished) as table:
        assert isinstance(table.pair, Witnessed)
        yield Scene(table, table.pair, services, told, followers)
