"""Bookings between two real nodes: every road a leg can take, and what becomes of the seats."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.messaging.stand_in import SpoolMessaging, read_spool
from federation.ids import CenterId
from federation.protocol import booking
from federation.protocol.booking import Answer, Decide, Decision, ExpertNeed, Vote
from federation.protocol.bundle import DECIDE_MARGIN_MS, BundlePhase
from federation.protocol.conversation import Role
from federation.protocol.quota import OPEN
from federation.wire.words import TERMS
from node.domain.calendar import Window
from node.domain.project import ProjectState, SelectionMode
from node.domain.venue import Requirement, SeatKind
from node.services.booking_plan import LocalRules
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.notices import Notice
from node.store import bookings as store
from node.store import projects, todos, venues
from node.store.bundles import BundleRow
from tests.support.agreed import put_signed
from tests.support.identities import stranger
from tests.support.liar import Liar
from tests.support.pair import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Center,
    SeededRandom,
    TwoCenters,
    two_centers,
)
from tests.support.plain import hold, plain_bundle
from tests.support.planning import (
    AGENCY,
    STAFF,
    TOMORROW_NINE,
    WINDOW,
    Office,
    Offices,
    accepted,
    confirmed,
    held,
    person,
    promise,
    request,
    seat_rows,
    seated,
    vote,
)

ID = bytes(16)


async def phases(pair: TwoCenters, booking_id: bytes) -> list[str | None]:
    return [await at.phase(booking_id) for at in pair.centers]


async def seats_held(office: Office, holder: bytes) -> int:
    return len(await office.center.do(lambda desk: venues.held(desk.ledger.connection, holder)))


async def todo_kinds(office: Office, role: str) -> list[str]:
    found = await office.center.do(lambda desk: todos.open_for(desk.ledger.connection, role))
    return [todo.kind for todo in found]


async def only_bundle(offices: Offices, project_id: bytes) -> BundleRow:
    (row,) = await offices.host.center.do(
        lambda desk: offices.host.bookings.bundles_of(desk, project_id)
    )
    return row


async def test_a_yes_is_confirmed_and_the_bundle_closes() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        project_id, booking_id = await held(pair, offices)
        assert await phases(pair, booking_id) == ["HELD", "HELD"]
        assert await seats_held(offices.sub, booking_id) == 5
        assert await todo_kinds(offices.sub, "staff") == ["vote_booking"]

        await vote(offices, booking_id, yes=True)
        await pair.settle()

        assert await phases(pair, booking_id) == ["CONFIRMED", "CONFIRMED"]
        row = await only_bundle(offices, project_id)
        assert (row.bundle.decision, row.bundle.phase) == (Decision.CONFIRM, BundlePhase.CLOSED)
        assert await seats_held(offices.sub, booking_id) == 5
        assert await seats_held(offices.host, row.bundle.id) == 2
        assert await todo_kinds(offices.sub, "staff") == ["prepare_booking"]
        assert await todo_kinds(offices.host, "agency") == ["bundle_decided"]


async def test_the_sub_is_not_told_the_project() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices)
        row = await pair.sub.do(lambda desk: offices.sub.bookings.get(desk, booking_id))
        assert row.project is None
        (payload,) = (await pair.host.sql("SELECT payload FROM said WHERE number = 1"))[0]
        assert "大桥".encode() not in payload


async def test_a_no_aborts_frees_all_seats_and_proposes_another_day() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        project_id, booking_id = await held(pair, offices)
        await vote(offices, booking_id, yes=False, reason="设备检修")
        await pair.settle()

        assert await phases(pair, booking_id) == ["DECLINED", "DECLINED"]
        row = await only_bundle(offices, project_id)
        assert (row.bundle.decision, row.bundle.phase) == (Decision.ABORT, BundlePhase.CLOSED)
        assert await seats_held(offices.sub, booking_id) == 0
        assert await seats_held(offices.host, row.bundle.id) == 0
        leg = await pair.host.do(lambda desk: offices.host.bookings.get(desk, booking_id))
        assert leg.note == "设备检修(可改在 · free from 2026-05-08 09:00)"


async def test_after_an_abort_the_project_may_be_planned_anew() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        project_id, booking_id = await held(pair, offices)
        await vote(offices, booking_id, yes=False, reason="设备检修")
        await pair.settle()
        next_day = Window(WINDOW.start_ms + DAY_MS, WINDOW.end_ms + DAY_MS)
        await pair.host.do(
            lambda desk: offices.host.bookings.plan(
                desk, project_id, request(pair.sub.id, window=next_day), AGENCY
            )
        )
        await pair.settle()
        legs = await pair.host.do(lambda desk: offices.host.bookings.of_project(desk, project_id))
        assert sorted(leg.phase for leg in legs) == ["DECLINED", "HELD"]


@pytest.mark.parametrize("yes_first", [False, True])
async def test_a_project_is_not_booked_twice(yes_first: bool) -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        project_id, booking_id = await held(pair, offices)
        if yes_first:
            await vote(offices, booking_id, yes=True)
            await pair.settle()
        with pytest.raises(Conflicting, match="under way or confirmed"):
            await pair.host.do(
                lambda desk: offices.host.bookings.plan(
                    desk, project_id, request(pair.sub.id), AGENCY
                )
            )


async def test_silence_of_the_sub_expires_and_the_host_aborts_in_time() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        project_id, booking_id = await held(pair, offices, vote_ms=10 * MINUTE_MS)
        await pair.later(10 * MINUTE_MS - 1)
        assert await phases(pair, booking_id) == ["HELD", "HELD"]
        await pair.later(1)
        assert await phases(pair, booking_id) == ["HELD", "EXPIRED"]
        assert await seats_held(offices.sub, booking_id) == 0
        assert await todo_kinds(offices.sub, "staff") == []
        await pair.later(DECIDE_MARGIN_MS)
        assert await phases(pair, booking_id) == ["RELEASED", "RELEASED"]
        assert (await only_bundle(offices, project_id)).bundle.phase is BundlePhase.CLOSED
        with pytest.raises(Conflicting, match="RELEASED"):
            await vote(offices, booking_id, yes=True)


async def test_the_agreement_and_not_the_table_says_how_long_staff_may_take() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices, vote_ms=3 * HOUR_MS)
        await pair.later(3 * HOUR_MS - 1)
        await vote(offices, booking_id, yes=True)
        await pair.settle()
        assert await phases(pair, booking_id) == ["CONFIRMED", "CONFIRMED"]


async def test_a_promise_in_doubt_keeps_the_seats_until_the_decision_arrives() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        project_id, booking_id = await held(pair, offices, decide_ms=HOUR_MS)
        await promise(offices, booking_id)
        await pair.sub.outbox.deliver(pair.host.id)
        pair.cut()
        await pair.later(HOUR_MS)
        assert await phases(pair, booking_id) == ["CONFIRMED", "IN_DOUBT"]
        assert await seats_held(offices.sub, booking_id) == 5
        assert await todo_kinds(offices.sub, "staff") == ["booking_in_doubt"]
        assert (await only_bundle(offices, project_id)).bundle.phase is BundlePhase.DECIDED
        pair.restore()
        await pair.settle()
        assert await phases(pair, booking_id) == ["CONFIRMED", "CONFIRMED"]
        assert await todo_kinds(offices.sub, "staff") == ["prepare_booking"]
        assert (await only_bundle(offices, project_id)).bundle.phase is BundlePhase.CLOSED


async def test_a_sub_that_is_alone_is_booked_by_its_yes_and_never_in_doubt() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        project_id, booking_id = await held(pair, offices, decide_ms=HOUR_MS)
        await vote(offices, booking_id, yes=True)
        await pair.sub.outbox.deliver(pair.host.id)
        pair.cut()
        await pair.later(2 * HOUR_MS)
        assert await phases(pair, booking_id) == ["CONFIRMED", "CONFIRMED"]
        assert await todo_kinds(offices.sub, "staff") == ["prepare_booking"]
        assert (await only_bundle(offices, project_id)).bundle.phase is BundlePhase.DECIDED
        pair.restore()
        await pair.settle()
        assert (await only_bundle(offices, project_id)).bundle.phase is BundlePhase.CLOSED
        assert await todo_kinds(offices.sub, "staff") == ["prepare_booking"]


async def test_nothing_is_completed_before_the_sub_has_heard_that_it_is_booked() -> None:
    """Else a sub in doubt that has given its seats up would be told of a use of them."""
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices, decide_ms=HOUR_MS)
        await promise(offices, booking_id)
        await pair.sub.outbox.deliver(pair.host.id)
        assert await phases(pair, booking_id) == ["CONFIRMED", "PROMISED"]
        with pytest.raises(Conflicting, match="has not receipted the confirmation"):
            await pair.host.do(lambda desk: offices.host.bookings.complete(desk, booking_id, ID))
        await pair.settle()
        await pair.host.do(lambda desk: offices.host.bookings.complete(desk, booking_id, ID))


async def test_a_preparation_that_is_done_is_not_asked_for_again_by_the_record() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices)
        await vote(offices, booking_id, yes=True)
        await offices.sub.center.do(
            lambda desk: todos.done(
                desk.ledger.connection,
                kind="prepare_booking",
                subject=booking_id,
                by=STAFF,
                now_ms=desk.now_ms,
            )
        )
        await pair.settle()
        assert await phases(pair, booking_id) == ["CONFIRMED", "CONFIRMED"]
        assert await todo_kinds(offices.sub, "staff") == []


async def test_only_who_is_alone_may_book_by_its_yes() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await pair.agree()
        await seated(offices)
        silent = await third(pair)
        project_id = await accepted(offices)
        wish = request(pair.sub.id, silent)
        await offices.host.center.do(
            lambda desk: offices.host.bookings.plan(desk, project_id, wish, AGENCY)
        )
        await pair.settle()
        legs = await offices.host.center.do(
            lambda desk: offices.host.bookings.of_project(desk, project_id)
        )
        (leg,) = [each for each in legs if each.peer == pair.sub.id]
        await pair.sub.do(lambda desk: desk.say(leg.conversation, Vote(Answer.BOOK)))
        await pair.settle()
        receipt = pair.host.listener.receipts[-1][1]
        assert (receipt.reason, "alone" in receipt.detail) == ("MALFORMED", True)
        assert await pair.host.phase(leg.conversation) == "HELD"


async def test_a_host_that_took_the_booking_cannot_abort_it() -> None:
    """Only an abort that crossed the yes wins; this one was said after its receipt."""
    offices = Offices()
    async with two_centers(offices) as pair:
        project_id, booking_id = await held(pair, offices)
        await vote(offices, booking_id, yes=True)
        await pair.sub.outbox.deliver(pair.host.id)
        bundle = (await only_bundle(offices, project_id)).bundle.id
        abort = Decide(bundle, Decision.ABORT, "never mind")
        receipt = await Liar(pair.host, pair.sub).tell(booking_id, abort)
        assert (receipt.outcome.name, receipt.reason) == ("REFUSED", "CONFLICT")
        assert await pair.sub.phase(booking_id) == "CONFIRMED"
        assert await seats_held(offices.sub, booking_id) == 5


@pytest.mark.parametrize("alone", [True, False])
async def test_a_yes_that_crosses_the_abort_books_nothing(alone: bool) -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices)
        pair.cut()
        if alone:
            await vote(offices, booking_id, yes=True)
        else:
            await promise(offices, booking_id, promise_ms=DAY_MS)
        await pair.later(30 * MINUTE_MS + DECIDE_MARGIN_MS)
        expected = "CONFIRMED" if alone else "PROMISED"
        assert await phases(pair, booking_id) == ["RELEASED", expected]
        pair.restore()
        await pair.settle()
        assert await phases(pair, booking_id) == ["RELEASED", "RELEASED"]
        assert await seats_held(offices.sub, booking_id) == 0


async def third(pair: TwoCenters) -> CenterId:
    """A partner of the host's that never answers."""
    silent = stranger(SeededRandom("third").bytes, "third", pair.watch.now_ms)
    terms = pair.terms()
    line = terms.directions[0]
    document = TERMS.encode(
        pair.terms(
            parties=(terms.parties[0], type(terms.parties[1])(silent.center, "三", "", "430100")),
            directions=(type(line)(pair.host.id, silent.center),),
        )
    )

    def store_agreement(desk: Desk) -> None:
        put_signed(
            desk.ledger.connection,
            agreement=pair.host.suite.tagged("agreement", document),
            peer=silent.center,
            document=document,
            we_proposed=True,
            at_ms=pair.watch.now_ms,
        )

    await pair.host.do(store_agreement)
    return CenterId(silent.center)


async def test_one_silent_sub_leaves_no_sub_booked() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await pair.agree()
        silent = await third(pair)
        await seated(offices)
        project_id = await accepted(offices)
        bundle_id = await pair.host.do(
            lambda desk: offices.host.bookings.plan(
                desk, project_id, request(pair.sub.id, silent), AGENCY
            )
        )
        await pair.settle()
        legs = await pair.host.do(lambda desk: offices.host.bookings.of_project(desk, project_id))
        (ours,) = [leg.conversation for leg in legs if leg.peer == pair.sub.id]
        await vote(offices, ours, yes=True)
        await pair.settle()
        assert await phases(pair, ours) == ["PROMISED", "PROMISED"]
        await pair.later(30 * MINUTE_MS + DECIDE_MARGIN_MS)
        assert await phases(pair, ours) == ["RELEASED", "RELEASED"]
        row = await only_bundle(offices, project_id)
        assert row.bundle.decision is Decision.ABORT
        assert row.bundle.phase is BundlePhase.DECIDED, "one sub has not been told yet"
        assert await seats_held(offices.host, bundle_id) == 0
        assert await seats_held(offices.sub, ours) == 0


async def test_taken_seats_are_refused_with_the_next_free_day() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await pair.agree()
        await seated(offices)
        await pair.sub.do(
            lambda desk: offices.sub.venues.reserve(
                desk, ID, offices.sub.venues.free_seats(desk, WINDOW, Requirement(4)), WINDOW
            )
        )
        project_id = await accepted(offices)
        await pair.host.do(
            lambda desk: offices.host.bookings.plan(desk, project_id, request(pair.sub.id), AGENCY)
        )
        await pair.settle()
        (leg,) = await pair.host.do(lambda desk: offices.host.bookings.of_project(desk, project_id))
        assert await phases(pair, leg.conversation) == ["REFUSED", "REFUSED"]
        said = "5 such seats are not free in that window (start_ms=2026-05-08 09:00 +08:00)"
        zh = "该时段没有足够的符合要求的空闲席位(建议:评标开始时间可为2026-05-08 09:00)"
        assert leg.note == f"{zh} · SEATS_TAKEN: {said}"
        row = await only_bundle(offices, project_id)
        assert (row.bundle.decision, row.bundle.phase) == (Decision.ABORT, BundlePhase.CLOSED)
        assert await todo_kinds(offices.host, "staff") == ["booking_exception"]
        assert await seats_held(offices.host, row.bundle.id) == 0
        assert await pair.sub.sql("SELECT count(*) FROM booking") == [(0,)]


@pytest.mark.parametrize(
    ("changes", "reason", "clause"),
    [
        ({"seats": 8}, "OUT_OF_SCOPE", "max_seats_per_session"),
        ({"project_kind": "B"}, "OUT_OF_SCOPE", "project_kinds"),
        ({"start_ms": 1}, "TOO_LATE", "start_ms"),
        ({"end_ms": WINDOW.start_ms}, "MALFORMED", ""),
        ({"end_ms": WINDOW.start_ms + 6 * DAY_MS}, "MALFORMED", ""),
        ({"equipment": ("Not A Word",)}, "MALFORMED", ""),
        ({"equipment": ("hologram",)}, "SEATS_TAKEN", ""),
        ({"overnight": True}, "SEATS_TAKEN", ""),
        ({"seats": 2}, "MALFORMED", ""),
        ({"experts": (ExpertNeed("A08", 1), ExpertNeed("A08", 2))}, "MALFORMED", ""),
        ({"participants": ("lp1" + "a" * 32,)}, "MALFORMED", ""),
    ],
)
async def test_the_sub_checks_what_a_host_should_have_checked(
    changes: dict[str, Any], reason: str, clause: str
) -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        agreement = await pair.agree(project_kinds=("A",))
        await seated(offices)

        def say_it(desk: Desk) -> bytes:
            plain_bundle(desk, ID)
            said = desk.open(pair.sub.id, agreement, hold(pair, **changes))
            return said.conversation.id

        booking_id = await pair.host.do(say_it)
        await pair.settle()
        assert await pair.sub.phase(booking_id) == "REFUSED"
        ((_, receipt),) = pair.sub.listener.receipts
        assert (receipt.reason, receipt.clause) == (reason, clause)
        assert await pair.sub.sql("SELECT count(*) FROM seat_slot") == [(0,)]


async def test_the_quota_is_counted_at_the_sub() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        agreement = await pair.agree(max_open_bookings=1)
        await seated(offices)

        def say_two(desk: Desk) -> list[bytes]:
            ids: list[bytes] = []
            for number in (1, 2):
                bundle_id = bytes([number]) * 16
                plain_bundle(desk, bundle_id)
                word = hold(pair, bundle_id=bundle_id)
                ids.append(desk.open(pair.sub.id, agreement, word).conversation.id)
            return ids

        first, second = await pair.host.do(say_two)
        await pair.settle()
        assert await pair.sub.phase(first) == "HELD"
        assert await pair.sub.phase(second) == "REFUSED"
        assert pair.sub.listener.receipts[-1][1].reason == "QUOTA_SPENT"


async def test_a_booking_that_ended_counts_no_more() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices)
        agreement = await pair.host.sql("SELECT id FROM agreement")

        async def open_at(center: Center, role: Role) -> int:
            peer = pair.other(center).id
            counted = await center.do(
                lambda desk: store.counted(desk.ledger.connection, role, peer, agreement[0])
            )
            return sum(each.phase in OPEN for each in counted)

        async def count() -> list[int]:
            return [await open_at(pair.host, booking.HOST), await open_at(pair.sub, booking.SUB)]

        assert await count() == [1, 1]
        await vote(offices, booking_id, yes=False, reason="停电")
        await pair.settle()
        assert await count() == [0, 0]


async def test_a_joint_test_that_is_demanded_is_asked_for_at_both_ends() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await pair.agree(joint_test_valid_days=30)
        await seated(offices)
        project_id = await accepted(offices)

        async def plan() -> bytes:
            return await pair.host.do(
                lambda desk: offices.host.bookings.plan(
                    desk, project_id, request(pair.sub.id), AGENCY
                )
            )

        offices.host.tested[0] = False
        with pytest.raises(Invalid, match="joint test") as caught:
            await plan()
        assert "联调联试" in caught.value.zh
        offices.host.tested[0], offices.sub.tested[0] = True, False
        await plan()
        await pair.settle()
        assert pair.sub.listener.receipts[-1][1].clause == "joint_test_valid_days"
        offices.sub.tested[0] = True
        await plan()
        await pair.settle()
        legs = await pair.host.do(lambda desk: offices.host.bookings.of_project(desk, project_id))
        assert sorted(leg.phase for leg in legs) == ["HELD", "REFUSED"]


async def test_a_decision_on_another_bundle_is_malformed() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices)
        row = await pair.host.do(lambda desk: offices.host.bookings.get(desk, booking_id))
        await pair.host.do(lambda desk: desk.say(row.conversation, Decide(ID, Decision.ABORT)))
        await pair.settle()
        assert pair.sub.listener.receipts[-1][1].reason == "MALFORMED"
        assert await pair.sub.phase(booking_id) == "HELD"


async def test_a_refused_confirmation_is_never_silent_and_leaves_nothing_stuck() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        project_id, booking_id = await held(pair, offices)
        await vote(offices, booking_id, yes=True)
        await pair.sub.outbox.deliver(pair.host.id)
        # A sub that has forgotten its promise, as no node of ours does.
        await pair.sub.do(
            lambda desk: desk.ledger.connection.execute(
                "UPDATE conversation SET phase = 'RELEASED'"
            ).close()
        )
        await pair.settle()
        assert await phases(pair, booking_id) == ["REFUSED", "RELEASED"]
        row = await only_bundle(offices, project_id)
        assert row.bundle.decision is Decision.CONFIRM
        assert row.bundle.phase is BundlePhase.CLOSED_WITH_EXCEPTIONS
        assert await todo_kinds(offices.host, "staff") == ["booking_exception", "verify_draw"]
        assert await seats_held(offices.host, row.bundle.id) == 0
        again = await pair.host.do(
            lambda desk: offices.host.bookings.plan(desk, project_id, request(pair.sub.id), AGENCY)
        )
        assert await seats_held(offices.host, again) == 2


async def test_completing_gives_the_seats_of_both_back() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        project_id, booking_id = await confirmed(pair, offices)
        await pair.host.do(lambda desk: offices.host.bookings.complete(desk, booking_id, ID))
        await pair.settle()
        assert await phases(pair, booking_id) == ["COMPLETED", "COMPLETED"]
        bundle = (await only_bundle(offices, project_id)).bundle
        assert await seats_held(offices.sub, booking_id) == 0
        assert await seats_held(offices.host, bundle.id) == 0
        assert await todo_kinds(offices.sub, "staff") == []
        with pytest.raises(Conflicting, match="COMPLETED"):
            await pair.host.do(lambda desk: offices.host.bookings.complete(desk, booking_id, ID))


async def test_each_side_does_only_what_is_its_own() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices)
        with pytest.raises(NotFound):
            await pair.host.do(
                lambda desk: offices.host.bookings.vote(
                    desk, booking_id, yes=True, reason="", by=STAFF
                )
            )
        with pytest.raises(NotFound):
            await pair.sub.do(lambda desk: offices.sub.bookings.complete(desk, booking_id, ID))
        with pytest.raises(NotFound):
            await pair.sub.do(lambda desk: offices.sub.bookings.get(desk, ID))


async def test_a_no_needs_a_reason() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices)
        with pytest.raises(Invalid, match="reason"):
            await vote(offices, booking_id, yes=False, reason="  ")
        with pytest.raises(Invalid, match="control"):
            await vote(offices, booking_id, yes=False, reason="停电\n检修")
        assert await pair.sub.phase(booking_id) == "HELD"


async def test_what_the_law_forbids_is_refused_before_anybody_is_asked() -> None:
    offices = Offices(local=LocalRules(representatives_at_most=1))
    async with two_centers(offices) as pair:
        await pair.agree()
        await seated(offices)
        project_id = await accepted(offices)
        with pytest.raises(Invalid, match="local rules allow 1"):
            await pair.host.do(
                lambda desk: offices.host.bookings.plan(
                    desk, project_id, request(pair.sub.id), AGENCY
                )
            )
        assert await pair.host.sql("SELECT count(*) FROM said") == [(0,)]
        assert await pair.host.sql("SELECT count(*) FROM bundle") == [(0,)]


async def test_a_plan_that_cannot_be_kept_is_refused_in_both_languages() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await seated(offices, host=1)
        project_id = await accepted(offices)

        async def refused(kind: type[Exception], match: str, **changes: Any) -> None:
            asked = replace(request(pair.sub.id), **changes)
            with pytest.raises(kind, match=match):
                await pair.host.do(
                    lambda desk: offices.host.bookings.plan(desk, project_id, asked, AGENCY)
                )

        await refused(NotFound, "no agreement")
        await pair.agree()
        await refused(Conflicting, "2 free seats")
        await refused(Invalid, "own sub-venue", chosen=(pair.host.id,))
        await refused(Invalid, "holds no lotteries", chosen=(), mode=SelectionMode.RANDOM)
        early = TOMORROW_NINE - 2 * HOUR_MS
        await refused(Invalid, "bid deadline", window=Window(early, early + HOUR_MS))
        gone = pair.watch.now_ms - HOUR_MS
        await refused(Invalid, "in the past", window=Window(gone, gone + 3 * HOUR_MS))
        (sub,) = request(pair.sub.id).subs
        booths = replace(sub, venue=Requirement(5, kind=SeatKind.BOOTH))
        await refused(Invalid, "kind of seat", subs=(booths,))
        await pair.host.do(
            lambda desk: offices.host.projects.add_representatives(
                desk, project_id, [person(1), person(2), person(3)]
            )
        )
        await refused(Invalid, "3 representatives are named")
        assert await pair.host.sql("SELECT count(*) FROM seat_slot") == [(0,)]


async def test_only_an_accepted_project_is_booked() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await pair.agree()
        await seated(offices)
        project_id = await accepted(offices)
        await pair.host.do(
            lambda desk: projects.set_state(
                desk.ledger.connection, project_id, ProjectState.SUBMITTED
            )
        )
        with pytest.raises(Conflicting, match="not accepted"):
            await pair.host.do(
                lambda desk: offices.host.bookings.plan(
                    desk, project_id, request(pair.sub.id), AGENCY
                )
            )


async def test_the_staff_on_duty_is_texted_once(tmp_path: Path) -> None:
    def notice(_center: Any) -> Notice:
        return Notice(SpoolMessaging(folder=tmp_path), ("15400000001", "15400000002"))

    offices = Offices(notice=notice)
    async with two_centers(offices) as pair:
        pair.wire.replies_lost = True
        await held(pair, offices)
        pair.restore()
        await pair.settle()
        texts = read_spool(tmp_path)
        assert [text.phone for text in texts] == ["15400000001", "15400000002"]
        assert all("2026-05-07" in text.text and "5个席位" in text.text for text in texts)
        arguments = await pair.sub.sql("SELECT argument FROM errand WHERE kind = 'notify_staff'")
        assert not any("154" in argument for (argument,) in arguments)


async def test_two_hosts_cannot_hold_the_same_seats() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        agreement = await pair.agree()
        await pair.sub.do(lambda desk: offices.sub.venues.import_seats(desk, seat_rows(5)))

        def say_two(desk: Desk) -> list[bytes]:
            ids: list[bytes] = []
            for number in (1, 2):
                bundle_id = bytes([number]) * 16
                plain_bundle(desk, bundle_id)
                ids.append(
                    desk.open(
                        pair.sub.id, agreement, hold(pair, bundle_id=bundle_id)
                    ).conversation.id
                )
            return ids

        first, second = await pair.host.do(say_two)
        await pair.settle()
        assert [await pair.sub.phase(first), await pair.sub.phase(second)] == ["HELD", "REFUSED"]
        assert pair.sub.listener.receipts[-1][1].reason == "SEATS_TAKEN"
        assert await seats_held(offices.sub, first) == 3
