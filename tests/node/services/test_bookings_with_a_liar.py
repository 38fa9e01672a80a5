"""Bookings with a peer that lies: signed words that are well-formed and wrong."""

from typing import Final

from federation.protocol import booking
from federation.protocol.booking import Answer, Decide, Decision, Hold, SelectionMode, Vote
from federation.wire.envelopes import Outcome
from tests.support import planning
from tests.support.liar import Liar
from tests.support.pair import two_centers

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


async def test_a_time_that_no_calendar_has_is_refused() -> None:
    """It would be shown to people: as the time that is free instead."""
    offices = planning.Offices()
    async with two_centers(offices) as pair:
        _, leg = await planning.held(pair, offices)
        liar = Liar(pair.sub, pair.host)

        receipt = await liar.tell(leg, Vote(Answer.NO, reason="no", alternative_start_ms=2**53 - 1))

        assert receipt.reason == "MALFORMED"
        assert await pair.host.phase(leg) == booking.HELD
