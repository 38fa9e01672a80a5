"""The daily statement of usage between two real nodes: agreement, dispute, silence, lies."""

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from federation.ids import ConversationId
from federation.protocol.booking import Complete, Decide, Decision
from federation.protocol.conversation import Kind, Word
from federation.protocol.peering import (
    AgreeUsage,
    DisputeUsage,
    Stage,
    StateUsage,
    Usage,
    UsedWord,
)
from node.domain.todo_rules import OVERDUE
from node.domain.workday import midnight_ms, shanghai_date
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.usage import EXPECTED_MS, GRACE_MS, UsageStatements
from node.store import todos
from node.store import usage as store
from tests.support.liar import Liar
from tests.support.pair import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    NOON,
    Center,
    Furniture,
    Mute,
    TwoCenters,
    two_centers,
)
from tests.support.plain import hold, plain_bundle
from tests.support.planning import STAFF, Offices, confirmed, held, seated, vote

TODAY: Final = shanghai_date(NOON)
TO_MIDNIGHT_MS: Final = midnight_ms(TODAY) + DAY_MS - NOON
WORD: Final = UsedWord(bytes(16), Stage.HELD, bytes(32))
LIE: Final = Usage(1, 0, 0, 0, 0, (WORD,))


class Counting(Offices):
    """Offices that state, answer and dispute."""

    def __init__(self) -> None:
        super().__init__()
        self.usage: dict[str, UsageStatements] = {}

    @override
    def __call__(self, center: Center) -> Furniture:
        furniture = super().__call__(center)
        usage = UsageStatements(Mute())
        self.usage[center.name] = usage
        return replace(
            furniture,
            reactions={**furniture.reactions, Kind.PEERING: usage},
            handlers={**furniture.handlers, **usage.handlers()},
        )


async def statements(offices: Counting, center: Center) -> list[store.Statement]:
    return await center.do(offices.usage[center.name].statements)


async def kinds(center: Center, role: str) -> list[str]:
    found = await center.do(lambda desk: todos.open_for(desk.ledger.connection, role))
    return [todo.kind for todo in found if todo.kind != OVERDUE]  # days pass here


async def over_midnight(pair: TwoCenters) -> None:
    await pair.later(TO_MIDNIGHT_MS + GRACE_MS)


async def test_both_sides_agree_on_a_day_once() -> None:
    offices = Counting()
    async with two_centers(offices) as pair:
        _, booking_id = await confirmed(pair, offices)
        await pair.later(TO_MIDNIGHT_MS + GRACE_MS - 1)
        assert await statements(offices, pair.sub) == []
        await pair.later(1)
        for center in pair.centers:
            (found,) = await statements(offices, center)
            assert (found.day, found.stated_by) == (TODAY.isoformat(), pair.sub.id)
            assert found.phase == "AGREED"
            assert found.stated == found.answered
            assert replace(found.stated, words=()) == Usage(1, 1, 0, seats=5, experts=5, words=())
            assert {word.booking_id for word in found.stated.words} == {booking_id}
        await pair.later(3 * DAY_MS)
        assert len(await statements(offices, pair.sub)) == 1
        assert await kinds(pair.host, "operator") == []


async def test_every_day_is_stated_with_what_happened_on_it() -> None:
    offices = Counting()
    async with two_centers(offices) as pair:
        _, booking_id = await confirmed(pair, offices)
        await pair.later(DAY_MS)
        await pair.host.do(lambda desk: offices.host.bookings.complete(desk, booking_id, bytes(16)))
        await pair.settle()
        await pair.later(2 * DAY_MS)
        newest, oldest = await statements(offices, pair.host)
        assert [s.bookings_completed for s in (newest.stated, oldest.stated)] == [1, 0]
        assert [s.bookings_held for s in (newest.stated, oldest.stated)] == [0, 1]
        assert {newest.phase, oldest.phase} == {"AGREED"}


async def test_a_quiet_day_is_not_stated() -> None:
    offices = Counting()
    async with two_centers(offices) as pair:
        await pair.agree()
        await pair.later(2 * DAY_MS)
        assert await pair.sub.sql("SELECT count(*) FROM said") == [(0,)]


async def test_what_was_refused_or_aborted_in_time_is_not_counted() -> None:
    offices = Counting()
    async with two_centers(offices) as pair:
        await held(pair, offices)
        (booking_id,) = (await pair.sub.sql("SELECT conversation FROM booking"))[0]
        await vote(offices, booking_id, yes=False, reason="停电")
        await over_midnight(pair)
        (found,) = await statements(offices, pair.host)
        assert (found.stated.bookings_held, found.stated.bookings_confirmed) == (1, 0)
        assert (found.stated.seats, found.phase) == (0, "AGREED")


async def test_a_lost_receipt_is_no_dispute() -> None:
    """The sub accepted the Hold; the host does not know it when it hears the statement."""
    offices = Counting()
    async with two_centers(offices) as pair:
        pair.wire.replies_lost = True
        await pair.agree()
        await seated(offices)
        await plan_plainly(pair)
        await pair.host.outbox.deliver(pair.sub.id)
        pair.cut()
        pair.watch.pass_ms(TO_MIDNIGHT_MS + GRACE_MS)
        await pair.sub.errands.run_due()
        pair.restore()
        await pair.sub.outbox.deliver(pair.host.id)
        (found,) = await statements(offices, pair.host)
        assert found.phase == "AGREED"
        assert await pair.host.sql("SELECT count(*) FROM said WHERE receipt IS NULL") != [(0,)]
        await pair.settle()
        assert await kinds(pair.host, "staff") == []


async def plan_plainly(pair: TwoCenters, number: int = 1) -> bytes:
    agreement = (await pair.host.sql("SELECT id FROM agreement"))[0][0]

    def say(desk: Desk) -> bytes:
        bundle_id = bytes([number]) * 16
        plain_bundle(desk, bundle_id)
        word = hold(pair, bundle_id=bundle_id, seats=1, experts=())
        return desk.open(pair.sub.id, agreement, word).conversation.id

    return await pair.host.do(say)


async def disputed(pair: TwoCenters, offices: Counting) -> bytes:
    """The sub hides the confirmation from its own count; answers the conversation."""
    _, booking_id = await confirmed(pair, offices)
    (kind,) = (
        await pair.sub.sql("SELECT payload_type FROM heard WHERE payload_type LIKE '%Dec%'")
    )[0]
    await pair.sub.database.alone(
        lambda connection: connection.execute(
            "UPDATE heard SET heard_at_ms = heard_at_ms - ? WHERE payload_type = ?", (DAY_MS, kind)
        ).close()
    )
    await over_midnight(pair)
    (found,) = await statements(offices, pair.sub)
    assert found.phase == "DISPUTED"
    assert {word.booking_id for word in found.stated.words} == {booking_id}
    return found.conversation


async def test_a_difference_is_a_dispute_on_both_sides_with_its_evidence() -> None:
    offices = Counting()
    async with two_centers(offices) as pair:
        conversation = await disputed(pair, offices)
        for center, ours in ((pair.host, True), (pair.sub, False)):
            (found,) = await center.do(offices.usage[center.name].disputes)
            assert found.statement.conversation == conversation
            (evidence,) = found.evidence
            assert (evidence.word.stage, evidence.ours) == (Stage.CONFIRMED, ours)
            assert evidence.log_index is not None
            assert sorted([found.ours.seats, found.theirs.seats]) == [0, 5]
            assert "usage_dispute" in await kinds(center, "staff")
            assert "usage_dispute_operator" in await kinds(center, "operator")
            count = await center.do(lambda desk: store.open_disputes(desk.ledger.connection))
            assert count == 1


async def test_each_side_settles_a_dispute_for_itself() -> None:
    offices = Counting()
    async with two_centers(offices) as pair:
        conversation = await disputed(pair, offices)
        usage = offices.usage["host"]

        async def resolve(note: str, which: bytes = conversation) -> None:
            await pair.host.do(lambda desk: usage.resolve(desk, which, note, STAFF))

        with pytest.raises(Invalid):
            await resolve("  ")
        with pytest.raises(NotFound):
            await resolve("x", bytes(16))
        await resolve("电话核对,以主场为准")
        (found,) = await pair.host.do(usage.disputes)
        assert (found.statement.resolved_by, found.statement.resolution) == (
            STAFF,
            "电话核对,以主场为准",
        )
        assert found.statement.resolved_at_ms == pair.watch.now_ms
        assert "usage_dispute" not in await kinds(pair.host, "staff")
        assert "usage_dispute_operator" not in await kinds(pair.host, "operator")
        assert "usage_dispute" in await kinds(pair.sub, "staff")
        with pytest.raises(Conflicting):
            await resolve("again")


async def test_a_host_that_does_not_answer_is_called() -> None:
    offices = Counting()
    async with two_centers(offices) as pair:
        await confirmed(pair, offices)
        pair.cut()
        await over_midnight(pair)
        await pair.later(DAY_MS)
        assert await kinds(pair.sub, "operator") == ["usage_missing"]
        (found,) = await statements(offices, pair.sub)
        assert found.phase == "UNANSWERED"
        pair.restore()
        await pair.settle()
        (found,) = await statements(offices, pair.sub)
        assert found.phase == "AGREED"
        assert await kinds(pair.sub, "operator") == []


async def test_a_sub_that_does_not_state_is_called() -> None:
    offices = Counting()
    async with two_centers(offices) as pair:
        await confirmed(pair, offices)
        await pair.sub.database.alone(
            lambda connection: connection.execute(
                "DELETE FROM errand WHERE kind = 'state_usage'"
            ).close()
        )
        await pair.later(TO_MIDNIGHT_MS + GRACE_MS + EXPECTED_MS - 1)
        assert await kinds(pair.host, "operator") == []
        await pair.later(1)
        assert await kinds(pair.host, "operator") == ["usage_missing"]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (StateUsage(bytes(32), TODAY.isoformat(), LIE), "NO_AGREEMENT"),
        (StateUsage(b"", "2026-05-07", LIE), "TOO_EARLY"),
        (StateUsage(b"", "2026-03-01", LIE), "TOO_LATE"),
        (StateUsage(b"", "0001-01-01", LIE), "TOO_LATE"),
        (StateUsage(b"", "9999-12-31", LIE), "TOO_EARLY"),
        (StateUsage(b"", "2026-05-05", replace(LIE, bookings_held=2)), "MALFORMED"),
        (StateUsage(b"", "2026-05-05", replace(LIE, words=(WORD, WORD))), "MALFORMED"),
        (
            StateUsage(b"", "2026-05-05", replace(LIE, bookings_held=2, words=(WORD, WORD))),
            "MALFORMED",
        ),
        (StateUsage(b"", TODAY.isoformat(), LIE), "CONFLICT"),
    ],
)
async def test_a_statement_that_cannot_be_is_refused(word: StateUsage, reason: str) -> None:
    offices = Counting()
    async with two_centers(offices) as pair:
        await confirmed(pair, offices)
        await over_midnight(pair)
        agreement = (await pair.host.sql("SELECT id FROM agreement"))[0][0]
        told = replace(word, agreement_digest=word.agreement_digest or agreement)
        receipt = await Liar(pair.sub, pair.host).tell(b"\x07" * 16, told)
        assert receipt.reason == reason


async def test_a_sub_that_invents_usage_is_disputed() -> None:
    offices = Counting()
    async with two_centers(offices) as pair:
        agreement = await pair.agree()
        await over_midnight(pair)
        liar = Liar(pair.sub, pair.host)
        await liar.tell(b"\x07" * 16, StateUsage(agreement, TODAY.isoformat(), LIE))
        (found,) = await pair.host.do(offices.usage["host"].disputes)
        (evidence,) = found.evidence
        assert (evidence.word, evidence.ours, evidence.log_index) == (WORD, False, None)


@pytest.mark.parametrize("agrees", [True, False])
async def test_an_answer_that_does_not_answer_is_refused(agrees: bool) -> None:
    offices = Counting()
    async with two_centers(offices) as pair:
        await confirmed(pair, offices)
        await pair.sub.errands.run_due()
        pair.watch.pass_ms(TO_MIDNIGHT_MS + GRACE_MS)
        await pair.sub.errands.run_due()  # stated, and not delivered yet
        (found,) = await statements(offices, pair.sub)
        word: Word = AgreeUsage(LIE) if agrees else DisputeUsage(found.stated, "no")
        receipt = await Liar(pair.host, pair.sub).tell(found.conversation, word)
        assert receipt.reason == "MALFORMED"


STEPS: Final = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), st.just(0)),
        st.tuples(st.sampled_from(["yes", "no", "complete", "abort"]), st.integers(0, 4)),
        st.tuples(st.just("pass"), st.sampled_from([1, MINUTE_MS, 3 * HOUR_MS, DAY_MS])),
        st.tuples(st.just("midnight"), st.sampled_from([-1_000, 0, 1_000, GRACE_MS])),
        st.tuples(st.just("line"), st.integers(0, 3)),
    ),
    max_size=24,
)


@given(
    steps=STEPS,
    skews=st.tuples(st.integers(-55_000, 55_000), st.integers(-55_000, 55_000)),
)
@settings(max_examples=60, deadline=None)
async def test_loss_skew_and_midnight_make_no_false_dispute(
    steps: list[tuple[str, int]], skews: tuple[int, int]
) -> None:
    """Whatever is lost or late, honest sides agree on every day, and miss and double nothing."""
    offices = Counting()
    async with two_centers(offices) as pair:
        pair.host.clock.skew_ms, pair.sub.clock.skew_ms = skews
        await pair.agree(max_open_bookings=99, decide_ms=29 * DAY_MS)
        await seated(offices)
        play = _Play(pair, offices)
        for step, number in steps:
            await play.step(step, number)
        pair.wire.replies_lost = False
        pair.restore()
        await pair.settle()
        await pair.later(2 * DAY_MS)
        await pair.later(2 * DAY_MS)
        ours = await statements(offices, pair.host)
        theirs = await statements(offices, pair.sub)
        assert {found.phase for found in (*ours, *theirs)} <= {"AGREED"}
        assert [found.stated for found in ours] == [found.stated for found in theirs]
        assert len({found.day for found in ours}) == len(ours)
        counted = [word for found in ours for word in found.stated.words]
        assert sorted(counted) == await play.accepted()


class _Play:
    """Two honest centers with a bad line."""

    def __init__(self, pair: TwoCenters, offices: Counting) -> None:
        self._pair = pair
        self._offices = offices
        self._bookings: list[bytes] = []

    async def step(self, step: str, number: int) -> None:
        pair = self._pair
        match step:
            case "hold":
                if len(self._bookings) < 6:  # as many seats as the sub has
                    self._bookings.append(await plan_plainly(pair, len(self._bookings) + 1))
            case "pass":
                await pair.later(number)
            case "midnight":
                day = shanghai_date(pair.watch.now_ms)
                ahead = midnight_ms(day) + DAY_MS + number - pair.watch.now_ms
                await pair.later(max(0, ahead))
            case "line":
                await self._line(number)
            case _ if number < len(self._bookings):
                await self._say(step, self._bookings[number])

    async def _line(self, what: int) -> None:
        """0: nothing gets through; 1: no answers do; 2: all does; 3: what the host says."""
        pair = self._pair
        if what == 0:
            pair.cut()
        elif what == 1:
            pair.wire.replies_lost = True
        elif what == 2:
            pair.restore()
        else:
            await pair.host.outbox.deliver(pair.sub.id)

    async def _say(self, step: str, booking_id: bytes) -> None:
        pair = self._pair
        if step in {"yes", "no"}:
            if await pair.sub.phase(booking_id) == "HELD":
                await vote(self._offices, booking_id, yes=step == "yes", reason="x")
            return
        wanted = {"complete": {"CONFIRMED"}, "abort": {"HELD"}}[step]
        if await pair.host.phase(booking_id) in wanted:
            word = (
                Complete(bytes(16))
                if step == "complete"
                else _abort(await self._bundle(booking_id))
            )
            await pair.host.do(lambda desk: desk.say(ConversationId(booking_id), word))

    async def _bundle(self, booking_id: bytes) -> bytes:
        ((bundle,),) = await self._pair.host.sql(
            "SELECT bundle FROM booking WHERE conversation = ?", booking_id
        )
        return bytes(bundle)

    async def accepted(self) -> list[UsedWord]:
        """What the sub has accepted, told from its phases and words alone."""
        rows = await self._pair.sub.sql(
            "SELECT h.conversation, h.payload_type, h.hash, h.receipt_payload FROM heard h"
            " JOIN booking b ON b.conversation = h.conversation WHERE h.accepted = 1"
        )
        found = []
        for conversation, kind, word, receipt in rows:
            for stage, name in (
                (Stage.HELD, "Hold"),
                (Stage.CONFIRMED, "Decide"),
                (Stage.COMPLETED, "Complete"),
            ):
                if f".{name}+" in kind and stage.name.encode() in receipt:
                    found.append(UsedWord(conversation, stage, word))
        return sorted(found)


def _abort(bundle_id: bytes) -> Decide:
    return Decide(bundle_id, Decision.ABORT)
