"""Bookings under an agreement's terms, between two real nodes.

Each limit twice: the host refuses to plan what the agreement does not allow, and the sub
refuses a Hold of a host that did not ask itself.
"""

from dataclasses import replace
from typing import Any, Final

import pytest
from typing_extensions import override

from federation.protocol import booking
from federation.protocol.booking import Answer, Decide, Decision, SelectionMode, Vote
from federation.protocol.conversation import Kind
from federation.protocol.enforcement import FEN_PER_WAN
from federation.protocol.terms import InDoubt
from federation.wire.envelopes import decode_envelope, decode_receipt, decode_statement
from federation.wire.questions import AvailabilityAnswer, AvailabilityQuestion
from node.services import booking_exceptions
from node.services.agreements import Agreements
from node.services.errors import Conflicting, Invalid
from node.services.house import Desk
from node.store import alternatives, todos, venues
from node.store import bookings as store
from tests.support.liar import Liar
from tests.support.pair import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Center,
    Furniture,
    TwoCenters,
    two_centers,
)
from tests.support.plain import hold, plain_bundle
from tests.support.planning import (
    AGENCY,
    STAFF,
    TOMORROW_NINE,
    WINDOW,
    Offices,
    accepted,
    held,
    promise,
    request,
    seated,
    vote,
)

TEST_IS_MISSING: Final = "tests"
WEDNESDAY: Final = 3  # the window is on a Thursday
NINE: Final = 9 * 60


async def planned(pair: TwoCenters, offices: Offices, **project: Any) -> None:
    """The agency's plan: five experts, five seats, tomorrow from nine to twelve."""
    project_id = await accepted(offices, **project)
    await pair.host.do(
        lambda desk: offices.host.bookings.plan(desk, project_id, request(pair.sub.id), AGENCY)
    )
    await pair.settle()


async def told(pair: TwoCenters, agreement: bytes, **changes: Any) -> tuple[str, str, str]:
    """A Hold of a host that asks nobody: (reason, clause, alternative), empty if accepted."""

    def say(desk: Desk) -> bytes:
        bundle_id = desk.new_id()
        plain_bundle(desk, bundle_id)
        word = hold(pair, bundle_id=bundle_id, **changes)
        return desk.open(pair.sub.id, agreement, word).conversation.id  # type: ignore[arg-type]

    await pair.host.do(say)
    await pair.settle()
    receipt = pair.sub.listener.receipts[-1][1]
    return receipt.reason, receipt.clause, receipt.alternative


WAN: Final = FEN_PER_WAN
REFUSED: Final = [
    # terms, the host's project, the lying Hold, (reason, clause, alternative)
    ({"project_kinds": ("B",)}, {}, {}, ("OUT_OF_SCOPE", "project_kinds", "project_kind=B")),
    (
        {"selection_modes": (SelectionMode.RANDOM,)},
        {},
        {},
        ("OUT_OF_SCOPE", "selection_modes", "selection=RANDOM"),
    ),
    (
        {"specialty_prefixes": ("B",)},
        {},
        {},
        ("OUT_OF_SCOPE", "specialty_prefixes", "specialty=B"),
    ),
    (
        {"value_until_fen": 100 * WAN},
        {"value_fen": 101 * WAN},
        {"value_wan": 110},
        ("OUT_OF_SCOPE", "value_until_fen", "value_wan<=100"),
    ),
    (
        {"value_from_fen": 100 * WAN},
        {"value_fen": 99 * WAN},
        {"value_wan": 99},
        ("OUT_OF_SCOPE", "value_from_fen", "value_wan>=100"),
    ),
    ({"value_from_fen": 100 * WAN}, {}, {}, ("OUT_OF_SCOPE", "value_from_fen", "")),
    (
        {"max_seats_per_session": 4},
        {},
        {"seats": 5},
        ("OUT_OF_SCOPE", "max_seats_per_session", "seats=4"),
    ),
    (
        {"max_experts_per_session": 2},
        {},
        {},
        ("OUT_OF_SCOPE", "max_experts_per_session", "experts=2"),
    ),
    (
        {"open_weekdays": (WEDNESDAY,)},
        {},
        {},
        ("OUT_OF_SCOPE", "open_weekdays", f"start_ms>={TOMORROW_NINE + 6 * DAY_MS - 9 * HOUR_MS}"),
    ),
    (
        {"opens_minute": NINE + 30},
        {},
        {},
        ("OUT_OF_SCOPE", "opens_minute", f"start_ms>={TOMORROW_NINE + 30 * MINUTE_MS}"),
    ),
    (
        {"closes_minute": NINE + 60},
        {},
        {},
        ("OUT_OF_SCOPE", "closes_minute", f"end_ms<={TOMORROW_NINE + HOUR_MS}"),
    ),
    ({"lead_time_ms": 2 * DAY_MS}, {}, {}, ("TOO_EARLY", "lead_time_ms", "start_ms>=")),
    (
        {"effective_until_ms": TOMORROW_NINE - 1},
        {},
        {},
        ("NO_AGREEMENT", "effective_until_ms", f"start_ms<={TOMORROW_NINE - 1}"),
    ),
    ({"directions": "backwards"}, {}, {}, ("OUT_OF_SCOPE", "directions", "")),
    (
        {"joint_test_valid_days": 30},
        {},
        {TEST_IS_MISSING: False},
        ("OUT_OF_SCOPE", "joint_test_valid_days", "run=lianping peer test "),
    ),
]


@pytest.mark.parametrize(
    ("terms", "project", "lie", "refusal"),
    REFUSED,
    ids=[f"{r[3][1]}-{i}" for i, r in enumerate(REFUSED)],
)
async def test_what_the_terms_forbid_is_refused_by_both(
    terms: dict[str, Any],
    project: dict[str, Any],
    lie: dict[str, Any],
    refusal: tuple[str, str, str],
) -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        if "directions" in terms:
            terms = {"directions": pair.terms().directions[1:]}
        agreement = await pair.agree(**terms)
        await seated(offices)
        offices.host.tested[0] = offices.sub.tested[0] = lie.get(TEST_IS_MISSING, True)
        with pytest.raises(Invalid) as caught:
            await planned(pair, offices, **project)
        assert "协议" in caught.value.zh
        assert await pair.host.sql("SELECT count(*) FROM said") == [(0,)]

        changes = {name: value for name, value in lie.items() if name != TEST_IS_MISSING}
        reason, clause, alternative = await told(pair, agreement, **changes)
        assert (reason, clause) == refusal[:2]
        assert alternative.startswith(refusal[2])
        assert bool(alternative) == bool(refusal[2])
        assert await pair.sub.sql("SELECT count(*) FROM seat_slot") == [(0,)]


async def test_what_the_terms_allow_to_the_last_is_booked() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await pair.agree(
            project_kinds=("A",),
            selection_modes=(SelectionMode.CHOSEN,),
            specialty_prefixes=("A08",),
            value_from_fen=100 * WAN,
            value_until_fen=100 * WAN,
            max_seats_per_session=5,
            max_experts_per_session=5,
            open_weekdays=(WEDNESDAY + 1,),
            opens_minute=NINE,
            closes_minute=NINE + 180,
            lead_time_ms=TOMORROW_NINE - pair.watch.now_ms,
            effective_until_ms=TOMORROW_NINE,
            directions=pair.terms().directions[:1],
            max_open_bookings=1,
            max_concurrent_sessions=1,
            max_sessions_per_period=1,
            period_days=1,
            joint_test_valid_days=1,
        )
        await seated(offices)
        await planned(pair, offices, value_fen=100 * WAN)
        assert pair.sub.listener.receipts[-1][1].phase == "HELD"


async def test_the_value_is_told_coarsely_and_only_where_it_is_limited() -> None:
    for terms, wan in (({}, 0), ({"value_until_fen": 10**12}, 5_000)):
        offices = Offices()
        async with two_centers(offices) as pair:
            await pair.agree(**terms)
            await seated(offices)
            await planned(pair, offices, value_fen=4_961 * WAN + 1)
            (row,) = await pair.sub.do(lambda desk: store.all(desk.ledger.connection))
            assert row.hold.value_wan == wan


QUOTAS: Final = [
    ({"max_open_bookings": 2}, "max_open_bookings", "retry_after_ms="),
    ({"max_concurrent_sessions": 2}, "max_concurrent_sessions", f"start_ms>={WINDOW.end_ms}"),
    (
        {"max_sessions_per_period": 2, "period_days": 7},
        "max_sessions_per_period",
        "start_ms>=",
    ),
]


@pytest.mark.parametrize(("terms", "clause", "alternative"), QUOTAS, ids=[q[1] for q in QUOTAS])
async def test_holds_in_one_delivery_do_not_count_past_each_other(
    terms: dict[str, Any], clause: str, alternative: str
) -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        agreement = await pair.agree(**terms)
        await seated(offices)

        def say_three(desk: Desk) -> list[bytes]:
            ids: list[bytes] = []
            for number in (1, 2, 3):
                bundle_id = bytes([number]) * 16
                plain_bundle(desk, bundle_id)
                word = hold(pair, bundle_id=bundle_id, seats=1, experts=())
                ids.append(desk.open(pair.sub.id, agreement, word).conversation.id)
            return ids

        ids = await pair.host.do(say_three)
        assert await pair.host.outbox.deliver(pair.sub.id)
        assert [await pair.sub.phase(each) for each in ids] == ["HELD", "HELD", "REFUSED"]
        receipt = pair.sub.listener.receipts[-1][1]
        assert (receipt.reason, receipt.clause, receipt.retryable) == ("QUOTA_SPENT", clause, True)
        assert receipt.alternative.startswith(alternative)
        with pytest.raises(Invalid) as caught:  # and the host counts its own alike
            await planned(pair, offices)
        assert "上限" in caught.value.zh


async def test_holds_that_cross_are_counted_for_each_direction() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        agreement = await pair.agree(max_open_bookings=1)
        await seated(offices)

        def say(them: str) -> Any:
            def run(desk: Desk) -> bytes:
                plain_bundle(desk, bytes(16))
                word = replace(hold(pair, seats=1, experts=()), participants=(them,))
                return desk.open(them, agreement, word).conversation.id  # type: ignore[arg-type]

            return run

        there = await pair.host.do(say(pair.sub.id))
        back = await pair.sub.do(say(pair.host.id))
        await pair.settle()
        assert await pair.sub.phase(there) == "HELD"
        assert await pair.host.phase(back) == "HELD"


async def test_the_receipt_of_a_hold_says_how_long_staff_has_by_the_agreement() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices, vote_ms=3 * HOUR_MS)
        ((raw,),) = await pair.host.sql(
            "SELECT receipt FROM said WHERE conversation = ?", booking_id
        )
        receipt = decode_receipt(decode_statement(decode_envelope(raw).payload).body)
        assert (receipt.phase, receipt.remaining_ms) == ("HELD", 3 * HOUR_MS)
        await pair.later(3 * HOUR_MS)
        assert await pair.sub.phase(booking_id) == "EXPIRED"


async def test_a_promise_that_is_shorter_than_agreed_is_refused_by_the_host() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices, decide_ms=2 * HOUR_MS)
        liar = Liar(pair.sub, pair.host)
        short = Vote(Answer.YES, promise_ms=2 * HOUR_MS - 1)
        receipt = await liar.tell(booking_id, short)
        assert (receipt.reason, receipt.clause) == ("OUT_OF_SCOPE", "decide_ms")
        assert receipt.alternative == f"promise_ms={2 * HOUR_MS}"
        full = Vote(Answer.YES, promise_ms=2 * HOUR_MS)
        assert not (await liar.tell(booking_id, full)).reason
        assert await pair.host.phase(booking_id) == "CONFIRMED"


async def in_doubt(pair: TwoCenters, offices: Offices, policy: InDoubt) -> bytes:
    """The decision stays away: promised for an hour, held for three."""
    _, booking_id = await held(
        pair,
        offices,
        vote_ms=HOUR_MS,
        decide_ms=HOUR_MS,
        hold_ms=3 * HOUR_MS,
        in_doubt=policy,
        max_open_bookings=1,
    )
    await promise(offices, booking_id)
    await pair.sub.outbox.deliver(pair.host.id)
    pair.cut()
    await pair.later(HOUR_MS)
    assert await pair.sub.phase(booking_id) == "IN_DOUBT"
    return booking_id


async def seats_of(pair: TwoCenters, booking_id: bytes) -> int:
    return len(await pair.sub.do(lambda desk: venues.held(desk.ledger.connection, booking_id)))


async def test_seats_in_doubt_are_released_where_the_agreement_says_so() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        booking_id = await in_doubt(pair, offices, InDoubt.RELEASE)
        await pair.later(2 * HOUR_MS - 1)
        assert await seats_of(pair, booking_id) == 5
        await pair.later(1)
        assert await seats_of(pair, booking_id) == 0
        row = await pair.sub.do(lambda desk: offices.sub.bookings.get(desk, booking_id))
        assert "席位已收回" in row.note
        agreement = row.agreement
        counted = await pair.sub.do(
            lambda desk: store.counted(
                desk.ledger.connection, booking.SUB, pair.host.id, [agreement]
            )
        )
        assert [each.phase for each in counted] == ["EXPIRED"], "its quota is free again"
        pair.restore()
        await pair.settle()
        receipt = pair.sub.listener.receipts[-1][1]
        assert (receipt.reason, receipt.clause) == ("TOO_LATE", "hold_ms")
        assert await pair.host.phase(booking_id) == "REFUSED"

        # A heuristic that went wrong: in dispute until the people of both sides have settled it.
        for office in (offices.host, offices.sub):
            (dispute,) = await office.center.do(booking_exceptions.disputes)
            assert (dispute.booking, dispute.resolution) == (booking_id, None)
            await office.center.do(
                lambda desk: booking_exceptions.resolve(desk, booking_id, "协商后另订", STAFF)
            )
            open_ = await office.center.do(lambda d: todos.open_for(d.ledger.connection, "staff"))
            assert "booking_dispute" not in {todo.kind for todo in open_}
        with pytest.raises(Conflicting, match="settled already"):
            await pair.sub.do(
                lambda desk: booking_exceptions.resolve(desk, booking_id, "再次", STAFF)
            )
        assert await pair.host.do(booking_exceptions.count_exceptions) == 1


async def test_an_abort_that_comes_late_ends_the_dispute_over_seats_given_free() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        booking_id = await in_doubt(pair, offices, InDoubt.RELEASE)
        await pair.later(2 * HOUR_MS)
        row = await pair.sub.do(lambda desk: offices.sub.bookings.get(desk, booking_id))
        told = Decide(row.bundle, Decision.ABORT)
        assert (await Liar(pair.host, pair.sub).tell(booking_id, told)).reason == ""
        (dispute,) = await pair.sub.do(booking_exceptions.disputes)
        assert dispute.resolved_by == "system"


async def test_seats_that_were_given_up_are_not_confirmed_by_a_clock_that_was_set_back() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        booking_id = await in_doubt(pair, offices, InDoubt.RELEASE)
        await pair.later(2 * HOUR_MS)
        assert await seats_of(pair, booking_id) == 0
        pair.watch.pass_ms(-HOUR_MS)
        pair.restore()
        await pair.settle()
        assert await pair.sub.phase(booking_id) == "IN_DOUBT"
        assert await pair.host.phase(booking_id) == "REFUSED"


@pytest.mark.parametrize(
    ("policy", "later_ms"),
    [(InDoubt.RELEASE, 2 * HOUR_MS - 1), (InDoubt.KEEP_AND_ESCALATE, 5 * HOUR_MS)],
)
async def test_a_decision_in_time_or_kept_for_finds_its_seats(
    policy: InDoubt, later_ms: int
) -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        booking_id = await in_doubt(pair, offices, policy)
        await pair.later(later_ms)
        pair.restore()
        await pair.settle()
        assert await pair.sub.phase(booking_id) == "CONFIRMED"
        assert await seats_of(pair, booking_id) == 5


async def test_the_next_window_that_a_refusal_names_is_accepted() -> None:
    """What a program does with an alternative: it asks again, for that."""
    offices = Offices()
    async with two_centers(offices) as pair:
        agreement = await pair.agree(max_concurrent_sessions=1)
        await seated(offices)
        small: dict[str, Any] = {"seats": 1, "experts": ()}
        assert await told(pair, agreement, **small) == ("", "", "")
        _, _, alternative = await told(pair, agreement, **small)
        start_ms = int(alternative.removeprefix("start_ms>="))
        again = {**small, "start_ms": start_ms, "end_ms": start_ms + HOUR_MS}
        assert await told(pair, agreement, **again) == ("", "", "")


# Versions, rests and ends: what was begun goes on, nothing new begins


class Living(Offices):
    """Offices whose agreements are amended, suspended and terminated."""

    def __init__(self) -> None:
        super().__init__()
        self.agreements: dict[str, Agreements] = {}

    @override
    def __call__(self, center: Center) -> Furniture:
        furniture = super().__call__(center)
        self.agreements[center.name] = Agreements(center.keyring)
        return replace(
            furniture,
            reactions={**furniture.reactions, Kind.AGREEMENT: self.agreements[center.name]},
        )


SMALL: Final[dict[str, Any]] = {"seats": 1, "experts": ()}


async def running(pair: TwoCenters, offices: Living) -> tuple[bytes, bytes]:
    """An agreement and a booking under it that waits for the sub's answer."""
    host, sub = offices.agreements["host"], offices.agreements["sub"]
    terms = pair.terms(notice_days=1)
    agreement = await pair.host.do(lambda desk: host.propose(desk, pair.sub.id, terms, STAFF))
    await pair.settle()
    await pair.sub.do(lambda desk: sub.sign(desk, agreement, STAFF))
    await pair.settle()
    await seated(offices)
    assert await told(pair, agreement, **SMALL) == ("", "", "")
    ((booking_id,),) = await pair.sub.sql("SELECT conversation FROM booking")
    return agreement, booking_id


async def goes_on(pair: TwoCenters, offices: Living, booking_id: bytes) -> None:
    """Vote, decision and completion of a booking that was begun before."""
    await vote(offices, booking_id, yes=True)
    await pair.settle()
    assert await pair.sub.phase(booking_id) == "CONFIRMED"
    await pair.host.do(lambda desk: offices.host.bookings.complete(desk, booking_id, bytes(16)))
    await pair.settle()
    assert await pair.sub.phase(booking_id) == "COMPLETED"


async def amended(pair: TwoCenters, offices: Living, agreement: bytes, **changes: Any) -> bytes:
    """A second version, signed by both; answers its id."""
    terms = pair.terms(version=2, supersedes=agreement, notice_days=1, **changes)
    host, sub = offices.agreements["host"], offices.agreements["sub"]
    second = await pair.host.do(lambda desk: host.amend(desk, agreement, terms, STAFF))
    await pair.settle()
    await pair.sub.do(lambda desk: sub.sign(desk, second, STAFF))
    await pair.settle()
    return second


async def test_a_replaced_version_takes_no_new_booking_and_keeps_its_own() -> None:
    offices = Living()
    async with two_centers(offices) as pair:
        first, booking_id = await running(pair, offices)
        second = await amended(pair, offices, first, max_open_bookings=2)
        refused = await told(pair, first, **SMALL)
        assert refused == ("NO_AGREEMENT", "version", f"agreement_id={second.hex()}")
        assert await told(pair, second, **SMALL) == ("", "", "")
        await goes_on(pair, offices, booking_id)


async def test_an_amendment_does_not_renew_a_quota() -> None:
    offices = Living()
    async with two_centers(offices) as pair:
        first, _ = await running(pair, offices)
        second = await amended(pair, offices, first, max_open_bookings=1)
        reason, clause, _ = await told(pair, second, **SMALL)
        assert (reason, clause) == ("QUOTA_SPENT", "max_open_bookings")


async def test_a_suspended_agreement_takes_no_booking_until_it_is_resumed() -> None:
    offices = Living()
    async with two_centers(offices) as pair:
        agreement, booking_id = await running(pair, offices)
        sub = offices.agreements["sub"]
        await pair.sub.do(lambda desk: sub.suspend(desk, agreement, "moving house"))
        await pair.settle()
        assert (await told(pair, agreement, **SMALL))[:2] == ("UNAVAILABLE", "state")
        assert pair.sub.listener.receipts[-1][1].retryable
        await goes_on(pair, offices, booking_id)
        await pair.sub.do(lambda desk: sub.resume(desk, agreement, "moved"))
        await pair.settle()
        assert await told(pair, agreement, **SMALL) == ("", "", "")


async def test_after_the_notice_no_booking_is_taken_and_those_begun_go_on() -> None:
    offices = Living()
    async with two_centers(offices) as pair:
        agreement, booking_id = await running(pair, offices)
        host = offices.agreements["host"]
        ends_ms = pair.watch.now_ms + DAY_MS + HOUR_MS
        await pair.host.do(lambda desk: host.terminate(desk, agreement, "moved", ends_ms))
        await pair.settle()
        assert await told(pair, agreement, **SMALL) == ("", "", "")
        await vote(offices, booking_id, yes=True)
        await pair.later(ends_ms - pair.watch.now_ms)
        late = {**SMALL, "start_ms": ends_ms + DAY_MS, "end_ms": ends_ms + DAY_MS + HOUR_MS}
        assert (await told(pair, agreement, **late))[:2] == ("NO_AGREEMENT", "notice_days")
        await pair.host.do(lambda desk: offices.host.bookings.complete(desk, booking_id, bytes(16)))
        await pair.settle()
        assert await pair.sub.phase(booking_id) == "COMPLETED"


async def test_what_is_proposed_instead_is_what_the_agreement_allows() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        thursdays = {"open_weekdays": (WEDNESDAY + 1,)}
        _, booking_id = await held(pair, offices, **thursdays)
        ((agreement,),) = await pair.host.sql("SELECT id FROM agreement")
        a_week_later = WINDOW.start_ms + 7 * DAY_MS
        asked = AvailabilityQuestion(WINDOW.start_ms, WINDOW.end_ms, 7, (), overnight=False)
        answer = await pair.host.outbox.ask(pair.sub.id, asked)
        assert isinstance(answer, AvailabilityAnswer)
        assert (answer.free_seats, answer.next_start_ms) == (3, a_week_later)
        said = await told(pair, agreement, seats=7)
        assert said == ("SEATS_TAKEN", "", f"start_ms={a_week_later}")
        await vote(offices, booking_id, yes=False, reason="设备检修")
        await pair.settle()
        proposed = await pair.host.do(
            lambda desk: alternatives.get(desk.ledger.connection, booking_id)
        )
        assert proposed == a_week_later
