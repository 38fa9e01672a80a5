"""Epochs by the clock, and what they commit to: leave, suspensions, caps."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest

from federation.errors import Malformed
from federation.lottery import walk
from federation.protocol.conversation import Kind
from federation.protocol.draw import Next, Open, Ruling, Slot, Verdict
from node.domain.absence import AbsenceKind, Cap
from node.domain.epochs import EpochRule
from node.domain.expert import ExpertStatus
from node.services.agreements import Agreements
from node.services.errors import Conflicting, Invalid, NotAllowed, NotFound
from node.services.experts import BY_EXPERT, Experts, Filed
from node.services.peering import Peering
from node.services.pool_announcements import PoolAnnouncements
from node.services.pool_epochs import FAILED, PoolEpochs
from node.store import draws, experts, pools, todos
from node.store.draws import DrawRow
from tests.node.services.test_peering import LI, WANG
from tests.support.joint_line import joint_tests
from tests.support.pair import DAY_MS, HOUR_MS, Center, Furniture, TwoCenters, two_centers

RULE = EpochRule("experts", 24, 6 * 60, 48)
TODAY = date(2026, 5, 6)
LEAVE = Filed(AbsenceKind.LEAVE, TODAY, date(2026, 5, 7))


@dataclass
class Clockwork:
    pair: TwoCenters
    epochs: PoolEpochs
    experts: Experts
    pools: PoolAnnouncements

    async def do(self, use_case: Any) -> Any:
        return await self.pair.sub.do(use_case)

    async def register(self) -> None:
        def put(desk: Any) -> None:
            for person in (LI, replace(WANG, status=ExpertStatus.ACTIVE)):
                experts.put(desk.ledger.connection, self.pair.sub.cipher, person, desk.now_ms)

        await self.do(put)

    async def names(self) -> list[str]:
        rows = await self.pair.sub.sql("SELECT epoch FROM pool_epoch ORDER BY made_at_ms")
        return [epoch for (epoch,) in rows]

    async def statuses(self, epoch: str) -> dict[str, str]:
        members = await self.do(
            lambda desk: pools.members(
                desk.ledger.connection, self.pair.sub.cipher, "experts", epoch
            )
        )
        return {each.uid: each.status for each in members}

    async def by_hand(self, epoch: str) -> dict[str, str]:
        await self.do(lambda desk: self.pools.announce(desk, "experts", epoch, 24))
        return await self.statuses(epoch)


@asynccontextmanager
async def wound(rule: EpochRule = RULE, own_cap: Cap | None = None) -> AsyncIterator[Clockwork]:
    made: dict[str, tuple[PoolEpochs, PoolAnnouncements]] = {}

    def furnish(center: Center) -> Furniture:
        agreements = Agreements(center.keyring)
        announcements = PoolAnnouncements(
            cipher=center.cipher, agreements=agreements, own_cap=own_cap
        )
        peering = Peering(tests=joint_tests(center, agreements), pools=announcements)
        epochs = PoolEpochs(rule, announcements.announce)
        made[center.name] = epochs, announcements
        return Furniture(
            {Kind.AGREEMENT: agreements, Kind.PEERING: peering},
            handlers={**peering.handlers(), **epochs.handlers()},
        )

    async with two_centers(furnish) as pair:
        epochs, announcements = made["sub"]
        yield Clockwork(pair, epochs, Experts(pair.sub.cipher), announcements)


async def test_an_epoch_is_announced_at_its_hour_every_day_and_told_to_partners() -> None:
    async with wound() as clock:
        await clock.pair.agree()
        await clock.register()
        await clock.do(clock.epochs.start)
        await clock.pair.settle()
        assert await clock.names() == []
        for day in ("20260507-0600", "20260508-0600"):
            clock.pair.watch.pass_ms(DAY_MS)
            await clock.pair.settle()
            assert (await clock.names())[-1] == day
        heard = await clock.pair.host.sql("SELECT epoch FROM pool_announcement ORDER BY at_ms")
        assert [epoch for (epoch,) in heard] == ["20260507-0600", "20260508-0600"]


async def test_a_node_that_was_down_announces_the_present_epoch_only() -> None:
    async with wound() as clock:
        await clock.pair.agree()
        await clock.register()
        await clock.do(clock.epochs.start)
        clock.pair.watch.pass_ms(DAY_MS)
        await clock.pair.settle()
        clock.pair.watch.pass_ms(5 * DAY_MS)
        await clock.do(clock.epochs.start)
        await clock.pair.settle()
        assert await clock.names() == ["20260507-0600", "20260512-0600"]


async def test_started_again_within_an_epoch_it_announces_nothing_twice() -> None:
    async with wound() as clock:
        await clock.pair.agree()
        await clock.register()
        await clock.do(clock.epochs.start)
        clock.pair.watch.pass_ms(DAY_MS)
        await clock.pair.settle()
        for _ in range(3):
            await clock.do(clock.epochs.start)
            await clock.do(clock.epochs.tick)
        await clock.pair.settle()
        assert await clock.names() == ["20260507-0600"]


async def test_those_who_announce_by_hand_have_no_clock() -> None:
    async with wound(replace(RULE, every_hours=0)) as clock:
        await clock.pair.agree()
        await clock.register()
        await clock.do(clock.epochs.start)
        clock.pair.watch.pass_ms(3 * DAY_MS)
        await clock.pair.settle()
        assert await clock.names() == []


async def test_a_node_without_experts_announces_none_and_complains_to_nobody() -> None:
    async with wound() as clock:
        await clock.pair.agree()
        await clock.do(clock.epochs.start)
        clock.pair.watch.pass_ms(DAY_MS)
        await clock.pair.settle()
        assert await clock.names() == []
        found = await clock.do(lambda desk: todos.open_for(desk.ledger.connection, "operator"))
        assert found == []


async def test_an_epoch_that_no_peer_would_take_is_told_and_the_clock_goes_on() -> None:
    async with wound(replace(RULE, valid_hours=10**6)) as clock:
        await clock.pair.agree()
        await clock.register()
        await clock.do(clock.epochs.start)
        clock.pair.watch.pass_ms(DAY_MS)
        await clock.pair.settle()
        assert await clock.names() == []
        found = await clock.do(lambda desk: todos.open_for(desk.ledger.connection, "operator"))
        assert [(each.kind, "20260507-0600" in each.en) for each in found] == [(FAILED, True)]
        waiting = await clock.pair.sub.sql(
            "SELECT count(*) FROM errand WHERE kind = 'announce_pool' AND done_at_ms IS NULL"
        )
        assert waiting == [(1,)]


async def test_leave_counts_from_the_next_epoch_on_and_no_longer_than_filed() -> None:
    async with wound() as clock:
        await clock.register()
        before = await clock.by_hand("e1")
        await clock.do(lambda desk: clock.experts.file_absence(desk, LI.uid, LEAVE, BY_EXPERT))
        assert before == {LI.uid: "active", WANG.uid: "active"} == await clock.statuses("e1")
        assert await clock.by_hand("e2") == {LI.uid: "leave", WANG.uid: "active"}
        clock.pair.watch.pass_ms(2 * DAY_MS)
        assert (await clock.by_hand("e3"))[LI.uid] == "active"


async def test_a_suspension_is_committed_to_until_it_is_withdrawn() -> None:
    async with wound() as clock:
        await clock.register()
        filed = Filed(AbsenceKind.SUSPENDED, TODAY, date(2026, 8, 6), "泄露评标信息")
        absence = await clock.do(
            lambda desk: clock.experts.file_absence(desk, LI.uid, filed, "staff-1")
        )
        assert (await clock.by_hand("e1"))[LI.uid] == "suspended"
        with pytest.raises(NotAllowed, match="ask the center"):
            await clock.do(
                lambda desk: clock.experts.withdraw_absence(desk, absence, BY_EXPERT, of=LI.uid)
            )
        with pytest.raises(NotFound):
            await clock.do(
                lambda desk: clock.experts.withdraw_absence(desk, absence, BY_EXPERT, of=WANG.uid)
            )
        await clock.do(lambda desk: clock.experts.withdraw_absence(desk, absence, "staff-1"))
        assert (await clock.by_hand("e2"))[LI.uid] == "active"
        with pytest.raises(Conflicting, match="before"):
            await clock.do(lambda desk: clock.experts.withdraw_absence(desk, absence, "staff-1"))
        (kept,) = await clock.do(lambda desk: clock.experts.absences(desk, LI.uid))
        assert (kept.reason, kept.withdrawn_by) == ("泄露评标信息", "staff-1")
        ((sealed,),) = await clock.pair.sub.sql("SELECT sealed_reason FROM expert_absence")
        assert "泄露".encode() not in sealed


async def test_what_cannot_be_filed_is_refused_in_a_sentence() -> None:
    async with wound() as clock:
        await clock.register()

        async def refused(filed: Filed, by: str, error: type[Exception], words: str) -> None:
            with pytest.raises(error, match=words):
                await clock.do(lambda desk: clock.experts.file_absence(desk, LI.uid, filed, by))

        suspension = replace(LEAVE, kind=AbsenceKind.SUSPENDED, reason="x")
        await refused(suspension, BY_EXPERT, NotAllowed, "the center's")
        await refused(replace(suspension, reason=" "), "staff-1", Invalid, "needs a reason")
        await refused(replace(LEAVE, reason="x" * 201), "staff-1", Invalid, "at most 200")
        with pytest.raises(NotFound):
            await clock.do(lambda desk: clock.experts.file_absence(desk, "no", LEAVE, "staff-1"))
        await clock.do(lambda desk: clock.experts.file_absence(desk, LI.uid, LEAVE, "staff-1"))
        await refused(LEAVE, BY_EXPERT, Conflicting, "withdraw it first")


async def accept(clock: Clockwork, uid: str, number: int, phase: str = "SEALED") -> None:
    """An invitation that an expert of the sub has just accepted."""
    draw = bytes([number]) * 16

    def put(desk: Any) -> None:
        connection = desk.ledger.connection
        connection.execute(
            "INSERT INTO conversation (id, kind, role, peer, suite, phase, said, heard,"
            " said_hash, heard_hash, opened_at_ms, changed_at_ms)"
            " VALUES (?, 'draw', 'OWNER', ?, 'intl-1', ?, 0, 0, x'', x'', 0, 0)",
            (draw, clock.pair.host.id, phase),
        )
        row = DrawRow(
            draw, "OWNER", clock.pair.host.id, bytes(16), None, "experts", "e", None, None, None,
            phase, b"",
        )  # fmt: skip
        draws.add(connection, row, desk.now_ms)
        draws.invite(connection, draw, bytes(32), 0, uid, desk.now_ms)
        draws.answer(connection, draw, bytes(32), "ACCEPT", bytes(32), desk.now_ms)

    await clock.do(put)


async def rulings(clock: Clockwork, epoch: str) -> set[Ruling]:
    """What the owner must say when it is asked for the first member's entries of an epoch."""

    def ask(desk: Any) -> set[Ruling]:
        chosen = clock.pair.sub.suite
        pool = pools.load_pool(
            desk.ledger.connection, clock.pair.sub.cipher, chosen, "experts", epoch
        )
        found = set()
        for entry in pool.entries("B03"):
            slots = (Slot("B03", 1),)
            start = walk.start(
                chosen, opening(slots, epoch), {"B03": pool.entries("B03")}, bytes(32)
            )
            step = Next(step=0, slot=0, rank=0, entry=entry, previous_step=start.head)
            asked = start.heard(step, b"next")
            ruling = walk.rule(asked, pool.attributes(entry), ())
            found.add(ruling)
            other = Ruling.SKIP_STATUS if ruling is Ruling.INVITE else Ruling.INVITE
            digests, opened = pool.open(entry, walk.OPENED_FOR[other])
            lie = Verdict(entry, other, digests, opened, asked.head)
            with pytest.raises(Malformed, match="committed attributes"):
                asked.heard(lie, b"verdict")
        return found

    found: set[Ruling] = await clock.do(ask)
    return found


def opening(slots: tuple[Slot, ...], epoch: str) -> Open:
    return Open(
        booking_id=bytes(16), sequence=1, pool="experts", epoch=epoch, root=bytes(32), slots=slots,
        contributors=("a", "b"), bid_deadline_ms=0, evaluation_start_ms=0,
        exclusion_commitment=b"",
    )  # fmt: skip


async def test_whoever_was_drawn_less_often_than_agreed_may_be_invited() -> None:
    async with wound() as clock:
        await clock.pair.agree(max_draws_per_expert=2, draw_period_days=30)
        await clock.register()
        await accept(clock, LI.uid, 1)
        await accept(clock, LI.uid, 2, "VOID")
        clock.pair.watch.pass_ms(HOUR_MS)
        assert (await clock.by_hand("e1"))[LI.uid] == "active"
        assert await rulings(clock, "e1") == {Ruling.INVITE}


async def test_whoever_was_drawn_as_often_as_agreed_is_committed_as_capped_and_not_invited() -> (
    None
):
    async with wound() as clock:
        await clock.pair.agree(max_draws_per_expert=2, draw_period_days=30)
        await clock.register()
        await accept(clock, LI.uid, 1)
        await accept(clock, LI.uid, 2)
        assert await clock.by_hand("e1") == {LI.uid: "capped", WANG.uid: "active"}
        assert await rulings(clock, "e1") == {Ruling.SKIP_STATUS}
        clock.pair.watch.pass_ms(30 * DAY_MS)
        assert (await clock.by_hand("e2"))[LI.uid] == "active"


async def test_the_centers_own_cap_counts_beside_the_agreements() -> None:
    async with wound(own_cap=Cap(1, 7)) as clock:
        await clock.pair.agree(max_draws_per_expert=2, draw_period_days=30)
        await clock.register()
        await accept(clock, LI.uid, 1)
        assert (await clock.by_hand("e1"))[LI.uid] == "capped"
        clock.pair.watch.pass_ms(8 * DAY_MS)
        assert (await clock.by_hand("e2"))[LI.uid] == "active"


async def test_a_draw_is_opened_on_the_newest_epoch_that_is_old_enough() -> None:
    async with wound() as clock:
        await clock.pair.agree()
        await clock.register()
        host, sub = clock.pair.host, clock.pair.sub
        await clock.by_hand("e1")
        await clock.pair.settle()
        clock.pair.watch.pass_ms(2 * HOUR_MS)
        await clock.by_hand("e2")
        await clock.pair.settle()
        between = pools.Between(sub.id, host.id, sub.suite.suite_id)

        async def chosen(age_ms: int) -> str | None:
            found = await host.do(
                lambda desk: pools.newest_bound(
                    desk.ledger.connection, between, sub.id, desk.now_ms, age_ms
                )
            )
            return found.epoch if found else None

        assert await chosen(HOUR_MS) == "e1"
        assert await chosen(0) == "e2"
        assert await chosen(9 * HOUR_MS) == "e2"
        clock.pair.watch.pass_ms(HOUR_MS)
        assert await chosen(HOUR_MS) == "e2"
