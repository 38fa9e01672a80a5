"""Bookings with a peer that lies: signed words that are well-formed and wrong."""

from dataclasses import replace
from typing import Any, Final

import pytest

from federation.protocol import booking
from federation.protocol.booking import Answer, Cancel, Decide, Decision, Hold, SelectionMode, Vote
from federation.protocol.bundle import DECIDE_MARGIN_MS
from federation.wire.envelopes import Outcome
from node.services.house import Desk
from tests.support import planning
from tests.support.federation import federation
from tests.support.liar import Liar
from tests.support.pair import DAY_MS, HOUR_MS, NOON, two_centers
from tests.support.plain import plain_bundle

BUNDLE: Final = bytes(range(16))
LEG: Final = BUNDLE[::-1]


def a_hold(sub: str) -> Hold:
    return Hold(
        bundle_id=BUNDLE,
        participants=(sub,),
        start_ms=planning.TOMORROW_NINE,
        end_ms=planning.TOMORROW_NINE + 3_600_000,
        seats=1,
        equipment=(),
        overnight=False,
        project_kind="A",
        experts=(),
        selection=SelectionMode.CHOSEN,
    )


async def test_a_hold_that_an_abort_overtook_is_heard_once() -> None:
    offices = planning.Offices()
    async with two_centers(offices) as pair:
        agreement = await pair.agree()
        await planning.seated(offices)
        liar = Liar(pair.host, pair.sub)

        receipts = [
            await liar.tell(LEG, Decide(BUNDLE, Decision.ABORT), agreement),
            await liar.tell(LEG, a_hold(pair.sub.id)),
            await liar.tell(LEG, a_hold(pair.sub.id)),
        ]

        assert [receipt.outcome for receipt in receipts] == [
            Outcome.ACCEPTED,
            Outcome.ACCEPTED,
            Outcome.REFUSED,
        ]
        assert receipts[-1].reason == "OUT_OF_TURN"
        assert await pair.sub.phase(LEG) == booking.RELEASED


async def test_a_sub_cannot_give_back_the_seats_of_the_hosts_bundle() -> None:
    """Its own Hold at the host, under the bundle's id, and then an abort of it."""
    offices = planning.Offices()
    async with two_centers(offices) as pair:
        await planning.confirmed(pair, offices)
        ((bundle, agreement),) = await pair.host.sql("SELECT u.id, a.id FROM bundle u, agreement a")
        held = await pair.host.sql("SELECT count(*) FROM seat_slot WHERE holder = ?", bundle)
        liar = Liar(pair.sub, pair.host)

        receipt = await liar.tell(bundle, a_hold(pair.host.id), agreement)
        await liar.tell(bundle, Decide(BUNDLE, Decision.ABORT))

        assert receipt.reason == "MALFORMED"
        assert held[0][0] > 0
        after = await pair.host.sql("SELECT count(*) FROM seat_slot WHERE holder = ?", bundle)
        assert after == held


async def test_nothing_but_its_hold_follows_an_abort_that_overtook_it() -> None:
    offices = planning.Offices()
    async with two_centers(offices) as pair:
        agreement = await pair.agree()
        liar = Liar(pair.host, pair.sub)
        await liar.tell(LEG, Decide(BUNDLE, Decision.ABORT), agreement)
        assert (await liar.tell(LEG, Cancel("设备故障"))).reason == "OUT_OF_TURN"
        assert await pair.sub.sql("SELECT count(*) FROM booking") == [(0,)]


async def test_an_abort_before_its_hold_does_not_give_them_back_either() -> None:
    """A tombstone under the bundle's id would let a Hold pass unchecked, and be aborted again."""
    offices = planning.Offices()
    async with two_centers(offices) as pair:
        await planning.confirmed(pair, offices)
        ((bundle, agreement),) = await pair.host.sql("SELECT u.id, a.id FROM bundle u, agreement a")
        held = await pair.host.sql("SELECT count(*) FROM seat_slot WHERE holder = ?", bundle)
        liar = Liar(pair.sub, pair.host)

        receipt = await liar.tell(bundle, Decide(BUNDLE, Decision.ABORT), agreement)
        await liar.tell(bundle, a_hold(pair.host.id))
        await liar.tell(bundle, Decide(BUNDLE, Decision.ABORT))

        assert receipt.reason == "MALFORMED"
        after = await pair.host.sql("SELECT count(*) FROM seat_slot WHERE holder = ?", bundle)
        assert after == held


async def test_a_time_that_no_calendar_has_is_refused() -> None:
    """It would be shown to people: as the time that is free instead."""
    offices = planning.Offices()
    async with two_centers(offices) as pair:
        _, leg = await planning.held(pair, offices)
        liar = Liar(pair.sub, pair.host)

        receipt = await liar.tell(leg, Vote(Answer.NO, reason="no", alternative_start_ms=2**53 - 1))

        assert receipt.reason == "MALFORMED"
        assert await pair.host.phase(leg) == booking.HELD


@pytest.mark.parametrize(
    ("changes", "reason", "clause"),
    [
        ({"start_ms": NOON - HOUR_MS, "end_ms": NOON}, "TOO_LATE", "start_ms"),
        ({"start_ms": NOON, "end_ms": NOON + HOUR_MS}, "TOO_LATE", "start_ms"),
        ({"start_ms": 0, "end_ms": 1}, "MALFORMED", ""),
        ({"end_ms": planning.TOMORROW_NINE}, "MALFORMED", ""),
        ({"end_ms": planning.TOMORROW_NINE - 1}, "MALFORMED", ""),
        ({"end_ms": 4_102_444_799_999}, "MALFORMED", ""),  # the last moment of 2099
        ({"end_ms": planning.TOMORROW_NINE + 5 * DAY_MS + 1}, "MALFORMED", ""),
        ({"seats": 9}, "SEATS_TAKEN", ""),  # there are eight
        ({"seats": 201}, "OUT_OF_SCOPE", "seats"),
        ({"seats": 1_000_000}, "MALFORMED", ""),
        ({"seats": 0}, "MALFORMED", ""),
    ],
)
async def test_a_hold_that_nobody_can_keep_is_refused_and_reserves_nothing(
    changes: dict[str, Any], reason: str, clause: str
) -> None:
    offices = planning.Offices()
    async with two_centers(offices) as pair:
        agreement = await pair.agree(max_seats_per_session=1_000_000)
        await planning.seated(offices)
        word = replace(a_hold(pair.sub.id), **changes)
        receipt = await Liar(pair.host, pair.sub).tell(LEG, word, agreement)
        assert (receipt.reason, receipt.clause) == (reason, clause)
        assert await pair.sub.sql("SELECT count(*) FROM seat_slot") == [(0,)]
        assert await pair.sub.sql("SELECT count(*) FROM booking") == [(0,)]


async def test_a_decision_without_a_vote_books_nothing() -> None:
    offices = planning.Offices()
    async with two_centers(offices) as pair:
        _, leg = await planning.held(pair, offices)
        row = await pair.sub.do(lambda desk: offices.sub.bookings.get(desk, leg))
        receipt = await Liar(pair.host, pair.sub).tell(leg, Decide(row.bundle, Decision.CONFIRM))
        assert receipt.reason == "OUT_OF_TURN"
        assert await pair.sub.phase(leg) == booking.HELD


async def test_nobody_decides_for_another_center() -> None:
    """Neither the sub itself, nor a center that has nothing to do with it."""
    offices = planning.Offices()
    async with federation(offices, subs=2) as them:
        agreement, other = await them.agree()
        first, second = them.subs
        await them.host.do(
            lambda desk: offices.host.venues.import_seats(desk, planning.seat_rows(8))
        )
        # The first sub is host here, at the center in the middle.
        hold = await Liar(first, them.host).tell(LEG, a_hold(them.host.id), agreement)
        assert hold.reason == ""
        for decision in Decision:
            word = Decide(BUNDLE, decision)
            stranger = await Liar(second, them.host).tell(LEG, word, revision=1, previous_hash=b"")
            assert stranger.reason == "OUT_OF_TURN"
            itself = await Liar(second, them.host).tell(
                LEG, word, revision=1, previous_hash=b"", agreement_id=other
            )
            assert itself.reason == "OUT_OF_TURN"
        assert await them.host.phase(LEG) == booking.HELD


async def test_a_vote_after_the_deadline_books_nothing() -> None:
    offices = planning.Offices()
    async with two_centers(offices) as pair:
        _, leg = await planning.held(pair, offices, vote_ms=HOUR_MS)
        pair.cut()
        await pair.later(HOUR_MS + DECIDE_MARGIN_MS)  # the host has decided without it
        assert await pair.host.phase(leg) == booking.RELEASED
        for answer in (Answer.YES, Answer.BOOK):
            promise_ms = DAY_MS if answer is Answer.YES else 0
            await Liar(pair.sub, pair.host).tell(leg, Vote(answer, promise_ms=promise_ms))
            assert await pair.host.phase(leg) == booking.RELEASED


@pytest.mark.parametrize("first", [Answer.YES, Answer.NO])
async def test_who_answers_twice_differently_is_held_to_the_first(first: Answer) -> None:
    offices = planning.Offices()
    async with two_centers(offices) as pair:
        agreement = await pair.agree()
        await planning.seated(offices)

        def ask(desk: Desk) -> bytes:
            plain_bundle(desk, BUNDLE)
            word = replace(a_hold(pair.sub.id), participants=(pair.sub.id, "lp1" + "b" * 32))
            return desk.open(pair.sub.id, agreement, word).conversation.id

        leg = await pair.host.do(ask)
        liar = Liar(pair.sub, pair.host)
        yes, no = Vote(Answer.YES, promise_ms=DAY_MS), Vote(Answer.NO, reason="no")
        words = (yes, no) if first is Answer.YES else (no, yes)
        assert (await liar.tell(leg, words[0])).reason == ""
        phase = await pair.host.phase(leg)
        assert (await liar.tell(leg, words[1])).reason in {"OUT_OF_TURN", ""}
        assert await pair.host.phase(leg) == phase
        kept = await pair.host.sql("SELECT count(*) FROM heard WHERE conversation = ?", leg)
        assert kept == [(2,)], "both stand in the log"


async def test_a_word_that_is_said_again_otherwise_is_not_the_same_word() -> None:
    offices = planning.Offices()
    async with two_centers(offices) as pair:
        agreement = await pair.agree()
        await planning.seated(offices)
        liar, message_id = Liar(pair.host, pair.sub), bytes([7]) * 16
        word = a_hold(pair.sub.id)
        first = await liar.tell(LEG, word, agreement, message_id=message_id)
        assert first.reason == ""
        other = replace(word, seats=2)
        second = await liar.tell(LEG, other, message_id=message_id, revision=1, previous_hash=b"")
        assert second.reason == "MALFORMED"
        row = await pair.sub.do(lambda desk: offices.sub.bookings.get(desk, LEG))
        assert row.hold.seats == 1
