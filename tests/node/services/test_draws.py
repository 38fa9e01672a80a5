"""Two centers draw experts from each other's pools: owner, sealer, telephones, sealed lists."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import pytest
from typing_extensions import override

from adapters.messaging.port import Answer, CallResult
from adapters.trading.port import RosterReceipt
from federation.ids import CenterId
from federation.protocol import draw as words
from federation.protocol.conversation import REFUSED, Kind
from federation.protocol.draw import Response
from federation.trust.suite import SUITES
from node.domain import codes
from node.domain.calendar import Anchor, DrawWindow, Unit
from node.domain.project import BookingRequest, ExpertSlots, Lot
from node.services.afterwards import Outward
from node.services.agreements import Agreements
from node.services.calling_off import CallingOff
from node.services.draw_rules import OWN_RULE, OwnWindow
from node.services.draws import DRAW_REFUSED, DrawnMember, Draws
from node.services.errors import Conflicting, Invalid
from node.services.house import Desk
from node.services.inviting import Place
from node.services.pool_announcements import PoolAnnouncements
from node.services.todos import Todos
from tests.support import planning
from tests.support.gateway import GATEWAY
from tests.support.pair import HOUR_MS, Center, Furnish, Furniture, Mute, TwoCenters, two_centers
from tests.support.signed import report_signed

OWN_WINDOW = OwnWindow(DrawWindow(Anchor.BID_DEADLINE, 2, Unit.HALF_DAY))


class Telephones:
    """Experts who answer as the script says, then all attend."""

    stand_in = True

    def __init__(self) -> None:
        self.script: list[Answer] = []
        self.calls: list[tuple[str, str]] = []
        self.messages: list[tuple[str, str]] = []

    def receipt_key(self, suite: str) -> bytes:
        return GATEWAY.receipt_key(suite)

    async def invite(self, key: str, phone: str, text: str, suite: str = "") -> CallResult:
        answer = self.script[len(self.calls)] if len(self.calls) < len(self.script) else None
        self.calls.append((phone, text))
        return GATEWAY.called(suite, key, phone, text, answer or Answer.ATTEND)

    async def sms(self, key: str, phone: str, text: str, suite: str = "") -> bytes:
        self.messages.append((phone, text))
        return GATEWAY.sent(suite, key, phone, text)

    async def self_test(self) -> None:
        return

    async def aclose(self) -> None:
        return


class Exchange:
    """The host's e-trading system: the only one that opens a list."""

    stand_in = True

    def __init__(self) -> None:
        self._key = bytes(range(1, 33))
        self.lists: dict[tuple[str, int], dict[str, Any]] = {}

    async def sealing_key(self, suite: str) -> bytes:
        return SUITES[suite].public_sealing(self._key)

    async def deliver_roster(
        self, suite: str, draw_id: str, revision: int, info: bytes, sealed: bytes
    ) -> RosterReceipt:
        opened = json.loads(SUITES[suite].unseal(self._key, info, sealed))
        self.lists[draw_id, revision] = opened
        return RosterReceipt("receipt", True, len(opened["members"]), "test exchange")

    async def self_test(self) -> None:
        return

    async def aclose(self) -> None:
        return


class Announcing(Mute):
    """Of peering, only the pools."""

    def __init__(self, pools: PoolAnnouncements) -> None:
        self._pools = pools

    @override
    def admit(self, desk: Desk, conversation: Any, word: Any, statement: Any) -> None:
        self._pools.admit(desk, conversation, word)

    @override
    def said(self, desk: Desk, spoken: Any) -> None:
        self._pools.said(desk, spoken, spoken.word)

    @override
    def heard(self, desk: Desk, spoken: Any) -> None:
        self._pools.heard(desk, spoken, spoken.word)

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        self._pools.cosigned(desk, peer, suite_id, size)


@dataclass
class Board:
    """One center's draws and telephones."""

    center: Center
    draws: Draws
    phones: Telephones
    pools: PoolAnnouncements
    agreements: Agreements


@dataclass
class Table:
    """Two centers with a confirmed booking, ready to draw."""

    pair: TwoCenters
    offices: planning.Offices
    host: Board
    sub: Board
    exchange: Exchange
    project: bytes
    booking: bytes

    async def start(self) -> None:
        await self.host.center.do(
            lambda desk: planning.begin(self.host.draws, desk, self.project, planning.AGENCY)
        )
        await self.turn()

    async def turn(self) -> None:
        """Settle words, greet for cosignatures, and again until nothing moves."""
        await self.pair.greet()

    async def status(self, board: Board) -> list[Any]:
        return await board.center.do(board.draws.everything)


def _request(sub: Any) -> BookingRequest:
    usual = planning.request(sub)
    slots = (ExpertSlots(codes.specialty("A0803"), 2), ExpertSlots(codes.specialty("A0801"), 1))
    return replace(
        usual,
        host_slots=(ExpertSlots(codes.specialty("A0803"), 2),),
        host_seats=4,
        subs=(replace(usual.subs[0], slots=slots),),
    )


@pytest.fixture
async def table() -> AsyncIterator[Table]:
    async with laid() as ready:
        yield ready


@asynccontextmanager
async def laid(
    terms: Mapping[str, Any] | Callable[[Any], Mapping[str, Any]] = MappingProxyType({}),
    suites: Sequence[str] = (),
    assemble: Callable[[Furnish], AbstractAsyncContextManager[TwoCenters]] | None = None,
    **windows: OwnWindow,
) -> AsyncIterator[Table]:
    """The table, with other terms, or other rules on how early to draw for "host" or "sub".

    ``assemble`` puts the two centers among others; ``terms`` may then name them.
    """
    boards: dict[str, Board] = {}
    exchange = Exchange()
    telephones: dict[str, Telephones] = {}
    called_off: list[tuple[Center, CallingOff]] = []

    def outward(center: Center) -> Outward:
        telephones[center.name] = Telephones()

        def members(desk: Desk, booking: bytes) -> Sequence[DrawnMember]:
            return boards[center.name].draws.members(desk, booking)

        calling_off = CallingOff(
            messaging=telephones[center.name],
            cipher=center.cipher,
            members=members,
            center_name=center.name,
            phone="0796-0000000",
        )
        called_off.append((center, calling_off))
        return Outward(calling_off=calling_off)

    offices = planning.Offices(outward=outward)

    def furnish(center: Center) -> Furniture:
        furniture = offices(center)
        phones = telephones[center.name]
        agreements = Agreements(keyring=center.keyring)
        pools = PoolAnnouncements(
            cipher=center.cipher, agreements=agreements, gateway_keys=GATEWAY.receipt_keys
        )
        draws = Draws(
            cipher=center.cipher,
            trading=exchange,
            messaging=phones,
            place=Place(center.name, "0796-0000000"),
            own_window=windows.get(center.name, OWN_WINDOW),
        )
        boards[center.name] = Board(center, draws, phones, pools, agreements)
        return replace(
            furniture,
            reactions={
                **furniture.reactions,
                Kind.AGREEMENT: agreements,
                Kind.DRAW: draws,
                Kind.CONTRIBUTION: draws.contributions,
                Kind.PEERING: Announcing(pools),
            },
            handlers={**furniture.handlers, **draws.errands.handlers()},
        )

    together = two_centers(furnish, suites=suites) if assemble is None else assemble(furnish)
    async with together as pair:
        for center, calling_off in called_off:
            calling_off.bind(center.negotiator)
        agreed = terms if isinstance(terms, Mapping) else terms(pair)
        await pair.agree(**{"max_open_bookings": 9, **agreed})
        await planning.seated(offices)
        for name, office in (("host", offices.host), ("sub", offices.sub)):
            board = boards[name]
            board.draws.errands.bind(board.center.negotiator)
            seed = 1 if name == "host" else 2

            def bring(desk: Any, office: Any = office, board: Board = board, s: int = seed) -> None:
                office.experts.import_experts(desk, planning.register(120, seed=s, prefix=f"E{s}"))
                board.pools.announce(desk, "experts", "2026-05", 720)

            await board.center.do(bring)
        await pair.settle()
        project = await planning.accepted(offices)
        await pair.host.do(
            lambda desk: offices.host.bookings.plan(
                desk, project, _request(pair.sub.id), planning.AGENCY
            )
        )
        await pair.settle()
        (leg,) = await pair.host.do(lambda desk: offices.host.bookings.of_project(desk, project))
        await planning.vote(offices, leg.conversation, yes=True)
        await pair.settle()
        yield Table(
            pair, offices, boards["host"], boards["sub"], exchange, project, leg.conversation
        )


def _members(lists: dict[tuple[str, int], dict[str, Any]]) -> Sequence[Any]:
    return [member for opened in lists.values() for member in opened["members"]]


async def test_both_pools_are_drawn_and_only_the_exchange_reads_the_lists(table: Table) -> None:
    await table.start()

    for board in (table.host, table.sub):
        drawn = await table.status(board)

        assert {draw.phase for draw in drawn} == {words.SEALED}
        assert sorted(draw.accepted for draw in drawn) == [2, 3]
        assert all(draw.list_delivered for draw in drawn)
    assert len(_members(table.exchange.lists)) == 5
    assert len({member["name"] for member in _members(table.exchange.lists)}) == 5


async def test_nobody_is_told_the_project(table: Table) -> None:
    await table.start()

    for board in (table.host, table.sub):
        assert board.phones.calls
        for _, text in (*board.phones.calls, *board.phones.messages):
            assert "吉安大桥" not in text
            assert "E3608" not in text


async def test_who_declines_or_does_not_answer_is_replaced_from_the_same_ranking(
    table: Table,
) -> None:
    table.host.phones.script = [Answer.DECLINE]
    table.sub.phones.script = [Answer.ATTEND, Answer.NO_ANSWER]

    await table.start()

    drawn = await table.status(table.host)
    assert sorted((draw.invited, draw.accepted, draw.supplements) for draw in drawn) == [
        (3, 2, 1),
        (4, 3, 1),
    ]


async def test_a_leave_makes_a_new_list_from_the_still_sealed_ranking(table: Table) -> None:
    await table.start()
    sub = table.sub
    members = await sub.center.do(lambda desk: sub.draws.members(desk, table.booking))
    leaving = next(member for member in members if member.uid is not None)

    await sub.center.do(
        lambda desk: sub.draws.depart(desk, leaving.draw, leaving.entry, Response.LEAVE, "", "s")
    )
    await table.turn()

    after = await sub.center.do(lambda desk: sub.draws.members(desk, table.booking))
    assert len(after) == len(members)
    assert leaving.entry not in {member.entry for member in after}
    assert (leaving.draw.hex(), 2) in table.exchange.lists


def _close(draws: Draws, booking: bytes, desk: Desk) -> None:
    report_signed(desk, booking)
    draws.close_all(desk, booking)


async def test_closing_lets_the_owner_recompute_the_draw(table: Table) -> None:
    await table.start()
    table.pair.watch.now_ms = planning.WINDOW.end_ms

    for board in (table.host, table.sub):
        draws = board.draws
        await board.center.do(partial(_close, draws, table.booking))
    await table.turn()

    for board in (table.host, table.sub):
        assert {draw.phase for draw in await table.status(board)} == {words.CLOSED}


async def test_a_leave_that_crosses_the_close_comes_too_late(table: Table) -> None:
    await table.start()
    table.pair.watch.now_ms = planning.WINDOW.end_ms
    sub = table.sub
    members = await sub.center.do(lambda desk: sub.draws.members(desk, table.booking))
    leaving = next(member for member in members if member.uid is not None)
    table.pair.cut()
    await sub.center.do(
        lambda desk: sub.draws.depart(desk, leaving.draw, leaving.entry, Response.LEAVE, "", "s")
    )
    for board in (table.host, sub):
        await board.center.do(partial(_close, board.draws, table.booking))
    table.pair.restore()

    await table.turn()

    host_drawn = await table.status(table.host)
    assert {draw.phase for draw in host_drawn} == {words.CLOSED}
    assert await sub.center.phase(leaving.draw) == words.CLOSED


async def test_a_draw_before_its_window_is_refused_with_the_hour(table: Table) -> None:
    table.pair.watch.pass_ms(-3 * 86_400_000)

    with pytest.raises(Conflicting, match="too early"):
        await table.host.center.do(
            lambda desk: planning.begin(table.host.draws, desk, table.project, planning.AGENCY)
        )


async def test_a_project_is_drawn_for_once(table: Table) -> None:
    await table.start()

    with pytest.raises(Conflicting, match="before"):
        await table.host.center.do(
            lambda desk: planning.begin(table.host.draws, desk, table.project, planning.AGENCY)
        )


async def test_a_project_that_is_booked_anew_is_drawn_for_anew_by_both(table: Table) -> None:
    """Another committee after an evaluation that failed; see ``session_failure``."""
    await table.start()
    host, bookings = table.host.center, table.offices.host.bookings
    await host.do(lambda desk: bookings.complete(desk, table.booking, bytes(16)))
    await table.pair.settle()
    await host.do(
        lambda desk: bookings.plan(
            desk, table.project, _request(table.pair.sub.id), planning.AGENCY
        )
    )
    await table.pair.settle()
    legs = await host.do(lambda desk: bookings.of_project(desk, table.project))
    (newer,) = [leg.conversation for leg in legs if leg.conversation != table.booking]
    await planning.vote(table.offices, newer, yes=True)
    await table.pair.settle()
    await table.start()
    drawn = await table.status(table.host)
    assert [draw.phase for draw in drawn] == [words.SEALED] * 4
    by_booking = await host.sql("SELECT booking, count(*) FROM draw GROUP BY booking")
    assert dict(by_booking) == {bytes(table.booking): 2, bytes(newer): 2}


async def test_no_personal_data_is_in_any_word(table: Table) -> None:
    await table.start()

    names = [member["name"] for member in _members(table.exchange.lists)]
    numbers = [member["id_number"] for member in _members(table.exchange.lists)]
    for center in table.pair.centers:
        for column, source in (("payload", "said"), ("envelope", "heard"), ("data", "log_entry")):
            for (raw,) in await center.sql(f"SELECT {column} FROM {source}"):
                for secret in (*names, *numbers):
                    assert secret.encode() not in raw


async def test_a_value_is_revealed_only_under_a_cosignature(table: Table) -> None:
    await table.start()

    for center in table.pair.centers:
        ((revealed, draw),) = await center.sql(
            "SELECT log_index, conversation FROM said WHERE payload_type LIKE '%draw.Reveal+%'"
        )
        commits = await center.sql(
            "SELECT log_index FROM said WHERE conversation = ?1 AND payload_type LIKE '%.Commit+%'"
            " UNION SELECT log_index FROM heard"
            " WHERE conversation = ?1 AND payload_type LIKE '%.Commit+%'",
            draw,
        )
        last = max(index for (index,) in commits)
        between = await center.sql(
            "SELECT size FROM cosigned WHERE size > ? AND size <= ?", last, revealed
        )

        assert len(commits) == 2
        assert between


async def test_silence_is_a_fault_on_record(table: Table) -> None:
    host = table.host
    await host.center.do(
        lambda desk: planning.begin(host.draws, desk, table.project, planning.AGENCY)
    )
    table.pair.cut()
    await table.pair.later(words.MACHINE_MS + 1)

    assert {draw.phase for draw in await table.status(host)} == {words.VOID}


async def test_the_hosts_own_rules_hold_beside_a_laxer_agreement() -> None:
    gansu = OwnWindow(DrawWindow(Anchor.BID_DEADLINE, 1, Unit.HALF_DAY))
    async with laid(host=gansu) as early:
        with pytest.raises(Conflicting, match=r"2026-05-06 20:00 Beijing"):
            await early.start()

        early.pair.watch.pass_ms(8 * HOUR_MS)
        await early.start()

        assert {draw.phase for draw in await early.status(early.host)} == {words.SEALED}


async def test_the_subs_own_rules_hold_and_the_refused_draws_are_started_anew() -> None:
    gansu = OwnWindow(DrawWindow(Anchor.BID_DEADLINE, 1, Unit.HALF_DAY))
    async with laid(sub=gansu) as early:
        await early.start()

        assert [draw.phase for draw in await early.status(early.host)] == [REFUSED, REFUSED]
        assert not await early.status(early.sub)
        waiting = await early.host.center.do(lambda desk: Todos().open_for(desk, "staff"))
        told = [todo for todo in waiting if todo.kind == DRAW_REFUSED]
        assert len(told) == 2
        for todo in told:
            assert "2026-05-06 20:00 Beijing time" in todo.en
            assert OWN_RULE in todo.en
            assert "重新开始抽取" in todo.zh

        early.pair.watch.pass_ms(8 * HOUR_MS)
        await early.start()

        phases = [draw.phase for draw in await early.status(early.host)]
        assert sorted(phases) == [REFUSED, REFUSED, words.SEALED, words.SEALED]
        assert len(_members(early.exchange.lists)) == 5
        assert await early.host.center.do(
            lambda desk: early.host.draws.sealed(desk, early.booking)
        ), "the refused draws do not hold up the evaluation"
        with pytest.raises(Conflicting, match="started before"):
            await early.start()


async def test_a_plan_that_no_announced_pool_can_give_is_refused_at_once(table: Table) -> None:
    usual = _request(table.pair.sub.id)
    rare = codes.specialty("E01")
    project = await planning.accepted(
        table.offices,
        code=codes.project_code("E3608000001009999"),
        lots=(Lot(codes.lot_code("E3608000001009999001"), "一标段"),),
    )

    def ask(plan: BookingRequest, desk: Desk) -> bytes:
        return table.offices.host.bookings.plan(desk, project, plan, planning.AGENCY)

    for plan in (
        replace(usual, subs=(replace(usual.subs[0], slots=(ExpertSlots(rare, 3),)),)),
        replace(usual, host_slots=(ExpertSlots(rare, 2),)),
    ):
        with pytest.raises(Invalid, match=r"too few experts.*[23] of E01"):
            await table.host.center.do(partial(ask, plan))
    assert len(await table.host.center.sql("SELECT id FROM bundle")) == 1
