"""Countering, suspending, terminating and amending, with two whole nodes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from federation.errors import NoAgreement
from federation.ids import AgreementId, ConversationId
from federation.protocol import agreement as words
from federation.protocol.agreement import MAX_ROUNDS, PROPOSAL_LASTS_MS, Side
from federation.protocol.booking import (
    Answer,
    Decide,
    Decision,
    ExpertNeed,
    Hold,
    SelectionMode,
    Vote,
)
from federation.protocol.standing import UNTOUCHED, Standing, check_start
from federation.protocol.terms import ANSWER_MS
from federation.wire.words import TERMS
from node.services import agreement_papers as papers
from node.services.agreement_hearing import CHANGED_BY_PEER, REFUSED_BY_PEER, TO_APPROVE, TO_SIGN
from node.services.agreements import NOTICE_MARGIN_MS
from node.services.errors import Conflicting, Invalid
from node.services.house import Desk
from tests.node.services.agreement_office import Office, negotiating, signature_by
from tests.support.pair import DAY_MS, HOUR_MS, Center

SUITES = ("intl-1", "gm-1")


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with negotiating() as made:
        yield made


async def _refusal(office: Office) -> tuple[str, str, str]:
    """Reason, clause and alternative of what the sub answered last."""
    _, receipt = office.pair.sub.listener.receipts[-1]
    return receipt.reason, receipt.clause, receipt.alternative


# Countering


async def test_a_counter_takes_the_place_of_the_proposal_and_is_signed_by_the_proposer(
    office: Office,
) -> None:
    first = await office.propose()
    second = await office.counter(office.pair.sub, first, max_seats_per_session=5)
    assert await office.states(first) == ["COUNTERED", "COUNTERED"]
    assert await office.states(second) == ["PROPOSED", "PROPOSED"]
    assert await office.todos(office.pair.host) == [TO_SIGN]
    assert await office.todos(office.pair.sub) == []
    with pytest.raises(Conflicting, match="COUNTERED"):
        await office.sign(first)
    await office.pair.host.do(lambda desk: office.host.sign(desk, second, "wang"))
    await office.pair.settle()
    assert await office.states(second) == ["ACTIVE", "ACTIVE"]
    assert await office.in_force() == [second, second]
    (_, terms) = await office.pair.sub.do(
        lambda desk: office.sub.in_force(desk, office.pair.host.id)
    )
    assert terms.max_seats_per_session == 5


async def test_a_counter_may_be_countered_declined_or_taken_back(office: Office) -> None:
    first = await office.propose()
    second = await office.counter(office.pair.sub, first, max_seats_per_session=5)
    third = await office.counter(office.pair.host, second, by="wang", max_seats_per_session=6)
    assert await office.states(second) == ["COUNTERED", "COUNTERED"]
    await office.pair.sub.do(lambda desk: office.sub.decline(desk, third, "not six"))
    await office.pair.settle()
    assert await office.states(third) == ["DECLINED", "DECLINED"]
    again = await office.propose(title="另一份")
    counter = await office.counter(office.pair.sub, again, max_seats_per_session=5, title="另一份")
    await office.pair.sub.do(lambda desk: office.sub.withdraw(desk, counter, "wrong number"))
    await office.pair.settle()
    assert await office.states(counter) == ["WITHDRAWN", "WITHDRAWN"]
    assert await office.todos(office.pair.host) == []


async def test_a_counter_that_nobody_answers_is_taken_back(office: Office) -> None:
    first = await office.propose()
    second = await office.counter(office.pair.sub, first, max_seats_per_session=5)
    await office.pair.later(PROPOSAL_LASTS_MS)
    assert await office.states(second) == ["WITHDRAWN", "WITHDRAWN"]


async def test_the_rounds_are_bounded_and_the_last_document_can_still_be_signed(
    office: Office,
) -> None:
    agreement = await office.propose()
    turns = [office.pair.sub, office.pair.host]
    for turn in range(MAX_ROUNDS):
        agreement = await office.counter(turns[turn % 2], agreement, max_open_bookings=100 + turn)
    with pytest.raises(Conflicting, match=f"{MAX_ROUNDS} counters"):
        await office.counter(turns[MAX_ROUNDS % 2], agreement, max_open_bookings=99)

    signer = office.host if MAX_ROUNDS % 2 else office.sub
    await turns[MAX_ROUNDS % 2].do(lambda desk: signer.sign(desk, agreement, "lin"))
    await office.pair.settle()
    assert await office.in_force() == [agreement, agreement]


async def test_a_counter_beyond_the_rounds_is_refused(office: Office) -> None:
    agreement = await office.propose()
    turns = [office.pair.sub, office.pair.host]
    for turn in range(MAX_ROUNDS):
        agreement = await office.counter(turns[turn % 2], agreement, max_open_bookings=100 + turn)

    def beyond(desk: Desk) -> None:
        row = office.sub.get(desk, agreement)
        document = TERMS.encode(replace(row.terms, max_open_bookings=99))
        word = words.Counter(document, (signature_by(office.pair.sub, document),), MAX_ROUNDS + 1)
        desk.say(row.conversation, word)

    await office.pair.sub.do(beyond)
    await office.pair.settle()
    reason, receipt = await _last_answer(office.pair.host)
    assert reason == "TOO_LATE"
    assert str(MAX_ROUNDS) in receipt


async def _last_answer(center: Center) -> tuple[str, str]:
    _, receipt = center.listener.receipts[-1]
    return receipt.reason, receipt.detail


async def test_a_counter_of_another_round_is_refused(office: Office) -> None:
    first = await office.propose()

    def skip(desk: Desk) -> None:
        row = office.sub.get(desk, first)
        document = TERMS.encode(replace(row.terms, max_open_bookings=99))
        desk.say(
            row.conversation,
            words.Counter(document, (signature_by(office.pair.sub, document),), 2),
        )

    await office.pair.sub.do(skip)
    await office.pair.settle()
    assert (await _last_answer(office.pair.host))[0] == "MALFORMED"
    assert await office.todos(office.pair.sub) == [REFUSED_BY_PEER]


async def test_a_counter_that_crosses_the_withdrawal_is_gone(office: Office) -> None:
    first = await office.propose()
    office.pair.cut()
    await office.pair.host.do(lambda desk: office.host.withdraw(desk, first, "a mistake"))
    second = await office.counter(office.pair.sub, first, max_seats_per_session=5)
    office.pair.restore()
    await office.pair.settle()
    row = await office.pair.sub.do(lambda desk: office.sub.get(desk, second))
    assert row.state == "WITHDRAWN"
    assert [each.state for each in await office.pair.host.do(office.host.all)] == ["WITHDRAWN"]
    assert await office.todos(office.pair.host) == []


# Two persons


async def test_two_persons_must_stand_by_a_document_on_each_side() -> None:
    async with negotiating(signers=2) as office:
        agreement = await office.propose()
        assert await office.pair.sub.do(office.sub.all) == []
        assert await office.todos(office.pair.host) == [TO_APPROVE]
        with pytest.raises(Conflicting, match="another person"):
            await office.pair.host.do(lambda desk: office.host.sign(desk, agreement, "wang"))
        done = await office.pair.host.do(lambda desk: office.host.sign(desk, agreement, "zhao"))
        assert done
        await office.pair.settle()
        assert await office.states(agreement) == ["PROPOSED", "PROPOSED"]
        first = await office.pair.sub.do(lambda desk: office.sub.sign(desk, agreement, "chen"))
        assert not first
        assert await office.states(agreement) == ["PROPOSED", "PROPOSED"]
        with pytest.raises(Conflicting, match="another person"):
            await office.sign(agreement)
        assert await office.pair.sub.do(lambda desk: office.sub.sign(desk, agreement, "lin"))
        await office.pair.settle()
        assert await office.states(agreement) == ["ACTIVE", "ACTIVE"]
        assert await office.todos(office.pair.host) == []
        assert await office.todos(office.pair.sub) == []
        names = await office.pair.sub.do(lambda desk: office.sub.approvals(desk, agreement))
        assert names == ["chen", "lin"]


async def test_a_draft_that_is_taken_back_is_never_said() -> None:
    async with negotiating(signers=2) as office:
        agreement = await office.propose()
        assert len(await office.pair.host.do(office.host.drafts)) == 1
        await office.pair.host.do(lambda desk: office.host.withdraw(desk, agreement, "no"))
        assert await office.pair.host.do(office.host.drafts) == []
        assert await office.todos(office.pair.host) == []
        assert await office.pair.host.sql("SELECT count(*) FROM said") == [(0,)]
        await office.propose()
        assert len(await office.pair.host.do(office.host.drafts)) == 1


async def test_a_counter_waits_for_the_second_person_and_dies_with_the_negotiation() -> None:
    async with negotiating(signers=2) as office:
        first = await office.propose()
        await office.pair.host.do(lambda desk: office.host.sign(desk, first, "zhao"))
        await office.pair.settle()
        second = await office.counter(office.pair.sub, first, max_seats_per_session=5)
        assert await office.states(first) == ["PROPOSED", "PROPOSED"]
        await office.pair.host.do(lambda desk: office.host.withdraw(desk, first, "a mistake"))
        await office.pair.settle()
        assert await office.pair.sub.do(office.sub.drafts) == []
        assert await office.todos(office.pair.sub) == []
        assert await office.pair.sub.do(lambda desk: office.sub.approvals(desk, second)) == []


# Suspending


async def test_a_suspended_agreement_allows_no_new_work_until_its_suspender_resumes(
    office: Office,
) -> None:
    agreement = await office.agreed()
    await office.pair.sub.do(lambda desk: office.sub.suspend(desk, agreement, "moving house"))
    await office.pair.settle()
    await office.nothing_in_force("suspended")
    assert await office.todos(office.pair.host) == [CHANGED_BY_PEER]
    with pytest.raises(Conflicting, match="peer has suspended it"):
        await office.pair.host.do(lambda desk: office.host.resume(desk, agreement, "please"))
    with pytest.raises(Conflicting, match="already"):
        await office.pair.sub.do(lambda desk: office.sub.suspend(desk, agreement, "twice"))
    for center in office.pair.centers:  # what was begun goes on
        assert await center.do(lambda desk: desk.ledger.agreement(agreement)) is not None
    await office.pair.sub.do(lambda desk: office.sub.resume(desk, agreement, "moved"))
    await office.pair.settle()
    assert await office.in_force() == [agreement, agreement]
    with pytest.raises(Conflicting, match="not suspended"):
        await office.pair.sub.do(lambda desk: office.sub.resume(desk, agreement, "again"))


async def test_what_both_suspended_both_must_resume(office: Office) -> None:
    agreement = await office.agreed()
    office.pair.cut()
    await office.pair.host.do(lambda desk: office.host.suspend(desk, agreement, "an incident"))
    await office.pair.sub.do(lambda desk: office.sub.suspend(desk, agreement, "another one"))
    office.pair.restore()
    await office.pair.settle()
    await office.nothing_in_force("suspended")
    await office.pair.host.do(lambda desk: office.host.resume(desk, agreement, "mended"))
    await office.pair.settle()
    await office.nothing_in_force("suspended")
    await office.pair.sub.do(lambda desk: office.sub.resume(desk, agreement, "mended"))
    await office.pair.settle()
    assert await office.in_force() == [agreement, agreement]


async def test_nobody_suspends_in_the_name_of_the_other(office: Office) -> None:
    agreement = await office.agreed()

    def lie(desk: Desk) -> None:
        # The table of an honest node would not let this be said: the role is changed first.
        talk = office.sub.get(desk, agreement).conversation
        connection = desk.ledger.connection
        connection.execute("UPDATE conversation SET role = 'PROPOSER' WHERE kind = 'agreement'")
        desk.say(talk, words.SuspendAgreement(Side.PROPOSER, "yours"))

    await office.pair.sub.do(lie)
    await office.pair.settle()
    assert (await _last_answer(office.pair.host))[0] in {"OUT_OF_TURN", "MALFORMED"}
    row = await office.pair.host.do(lambda desk: office.host.get(desk, agreement))
    assert not row.standing.suspended


# Terminating


async def test_a_notice_ends_new_work_when_the_agreed_days_are_over(office: Office) -> None:
    agreement = await office.agreed(notice_days=30)
    ends_ms = await office.pair.host.do(
        lambda desk: office.host.terminate(desk, agreement, "a new law")
    )
    await office.pair.settle()
    assert await office.in_force() == [agreement, agreement]
    assert await office.todos(office.pair.sub) == [CHANGED_BY_PEER]
    assert ends_ms - office.pair.watch.now_ms >= 30 * DAY_MS
    office.pair.watch.pass_ms(ends_ms - office.pair.watch.now_ms)
    await office.nothing_in_force("terminated")
    for center in office.pair.centers:
        assert await center.do(lambda desk: desk.ledger.agreement(agreement)) is not None


async def test_of_two_notices_the_earlier_end_counts(office: Office) -> None:
    agreement = await office.agreed(notice_days=0)
    now_ms = office.pair.watch.now_ms
    office.pair.cut()
    for center, service, days in (
        (office.pair.host, office.host, 20),
        (office.pair.sub, office.sub, 10),
    ):
        await center.do(
            lambda desk, service=service, days=days: service.terminate(  # type: ignore[misc]
                desk, agreement, "over", now_ms + days * DAY_MS
            )
        )
    office.pair.restore()
    await office.pair.settle()
    for center, service in ((office.pair.host, office.host), (office.pair.sub, office.sub)):
        row = await center.do(lambda desk, service=service: service.get(desk, agreement))  # type: ignore[misc]
        assert row.ends_at_ms == now_ms + 10 * DAY_MS


async def test_a_notice_shorter_than_agreed_is_neither_said_nor_heard(office: Office) -> None:
    agreement = await office.agreed(notice_days=30)
    soon_ms = office.pair.watch.now_ms + 29 * DAY_MS
    with pytest.raises(Invalid, match="30"):
        await office.pair.host.do(
            lambda desk: office.host.terminate(desk, agreement, "now", soon_ms)
        )

    def lie(desk: Desk) -> None:
        row = office.host.get(desk, agreement)
        desk.say(row.conversation, words.Terminate(soon_ms, "now"))

    await office.pair.host.do(lie)
    await office.pair.settle()
    reason, clause, alternative = await _refusal(office)
    assert (reason, clause) == ("TOO_EARLY", "notice_days")
    later_ms = office.pair.watch.now_ms + 30 * DAY_MS + ANSWER_MS
    assert alternative == f"effective_ms>={later_ms}"
    row = await office.pair.sub.do(lambda desk: office.sub.get(desk, agreement))
    assert row.ends_at_ms is None
    assert await office.todos(office.pair.host) == [REFUSED_BY_PEER]


async def test_what_was_never_signed_or_has_expired_is_not_terminated(office: Office) -> None:
    proposed = await office.propose()
    with pytest.raises(Conflicting, match="PROPOSED"):
        await office.pair.host.do(lambda desk: office.host.terminate(desk, proposed, "no"))
    with pytest.raises(Conflicting, match="PROPOSED"):
        await office.pair.host.do(lambda desk: office.host.suspend(desk, proposed, "no"))
    await office.sign(proposed)
    await office.pair.settle()
    office.pair.watch.pass_ms(366 * DAY_MS)
    with pytest.raises(Conflicting, match="expired"):
        await office.pair.host.do(lambda desk: office.host.terminate(desk, proposed, "late"))


# What was begun, and what is new


def _hold(office: Office, start_ms: int) -> Hold:
    return Hold(
        bundle_id=bytes(16),
        participants=(office.pair.sub.id,),
        start_ms=start_ms,
        end_ms=start_ms + HOUR_MS,
        seats=1,
        equipment=(),
        overnight=False,
        project_kind="A",
        experts=(ExpertNeed("A08", 1),),
        selection=SelectionMode.CHOSEN,
    )


async def _begin(office: Office, agreement: AgreementId) -> ConversationId:
    """The host says a Hold; whether the sub takes it shows when they have settled."""
    word = _hold(office, office.pair.watch.now_ms + 2 * DAY_MS)
    said = await office.pair.host.do(lambda desk: desk.open(office.pair.sub.id, agreement, word))
    return said.conversation.id


ENDINGS = ["state", "notice_days", "version"]


async def _end(office: Office, agreement: AgreementId, how: str) -> AgreementId | None:
    """Close an agreement to new work at the sub alone; answers its successor."""
    if how == "state":
        await office.pair.sub.do(lambda desk: office.sub.suspend(desk, agreement, "moving"))
    elif how == "notice_days":
        await office.pair.sub.do(lambda desk: office.sub.terminate(desk, agreement, "over"))
        office.pair.watch.pass_ms(2 * NOTICE_MARGIN_MS)  # sooner than anything lapses
    else:
        newer = await office.amend(agreement, max_seats_per_session=9)
        office.pair.cut()
        await office.sign(newer)
        return newer
    return None


@pytest.mark.parametrize("how", ENDINGS)
async def test_new_work_that_crossed_the_end_of_its_agreement_is_refused_with_the_clause(
    office: Office, how: str
) -> None:
    agreement = await office.agreed(notice_days=0)
    if how != "version":
        office.pair.cut()
    newer = await _end(office, agreement, how)
    talk = await _begin(office, agreement)
    office.pair.restore()
    await office.pair.settle()
    assert await office.pair.host.sql(
        f"SELECT phase FROM conversation WHERE id = x'{talk.hex()}'"
    ) == [("REFUSED",)]
    answers = [each for _, each in office.pair.sub.listener.receipts if each.clause == how]
    assert len(answers) == 1
    (refusal,) = answers
    retryable = how == "state"
    assert refusal.retryable is retryable
    assert refusal.reason == ("UNAVAILABLE" if retryable else "NO_AGREEMENT")
    assert refusal.alternative == (f"agreement_id={newer.hex()}" if newer else "")


@pytest.mark.parametrize("how", ENDINGS)
async def test_what_was_begun_goes_on_under_its_own_version(office: Office, how: str) -> None:
    agreement = await office.agreed(notice_days=0)
    talk = await _begin(office, agreement)
    await office.pair.settle()
    await _end(office, agreement, how)
    office.pair.restore()
    await office.pair.settle()
    await office.pair.sub.do(lambda desk: desk.say(talk, Vote(Answer.YES, promise_ms=DAY_MS)))
    await office.pair.settle()
    await office.pair.host.do(lambda desk: desk.say(talk, Decide(bytes(16), Decision.CONFIRM)))
    await office.pair.settle()
    for center in office.pair.centers:
        assert await center.sql(f"SELECT phase FROM conversation WHERE id = x'{talk.hex()}'") == [
            ("CONFIRMED",)
        ]


def test_an_evaluation_after_the_end_of_a_notice_is_refused() -> None:
    standing = Standing(ends_at_ms=1_000)
    check_start(standing, 999)
    check_start(UNTOUCHED, 1_000)
    with pytest.raises(NoAgreement) as refusal:
        check_start(standing, 1_000)
    assert (refusal.value.clause, refusal.value.alternative) == ("notice_days", "start_ms<=999")


# Amending


async def test_an_amendment_replaces_its_base_for_new_work_alone(office: Office) -> None:
    first = await office.agreed()
    second = await office.amended(first, max_seats_per_session=9)
    assert await office.in_force() == [second, second]
    for center in office.pair.centers:
        old = await center.do(lambda desk: desk.ledger.agreement(first))
        assert old is not None
        assert old.max_seats_per_session == 7
        standing = await center.do(lambda desk: desk.ledger.standing(first))
        assert standing.superseded_by == second


async def test_an_amendment_of_later_effect_leaves_its_base_in_use_until_then(
    office: Office,
) -> None:
    first = await office.agreed()
    later_ms = office.pair.watch.now_ms + DAY_MS
    second = await office.amended(first, effective_from_ms=later_ms)
    assert await office.in_force() == [first, first]
    office.pair.watch.pass_ms(DAY_MS)
    assert await office.in_force() == [second, second]


async def test_an_amendment_that_nobody_signed_replaces_nothing(office: Office) -> None:
    first = await office.agreed()
    second = await office.amend(first, max_seats_per_session=9)
    assert await office.in_force() == [first, first]
    await office.pair.sub.do(lambda desk: office.sub.decline(desk, second, "no"))
    await office.pair.settle()
    assert await office.in_force() == [first, first]


async def test_only_what_is_in_use_is_amended(office: Office) -> None:
    proposed = await office.propose()
    with pytest.raises(Conflicting, match="not one that both signed"):
        await office.amend(proposed, max_seats_per_session=9)
    await office.sign(proposed)
    await office.pair.settle()
    await office.amended(proposed, max_seats_per_session=9)
    with pytest.raises(Conflicting, match="replaced already"):
        await office.amend(proposed, max_seats_per_session=10)
    other = await office.agreed(title="另一份", notice_days=0)
    await office.pair.host.do(lambda desk: office.host.terminate(desk, other, "over"))
    await office.pair.settle()
    with pytest.raises(Conflicting, match="terminated"):
        await office.amend(other, title="第三份")


async def _say_amendment(office: Office, base: AgreementId, **changes: object) -> None:
    def say(desk: Desk) -> None:
        terms = replace(office.pair.terms(version=2, supersedes=base), **changes)  # type: ignore[arg-type]
        document = TERMS.encode(terms)
        word = words.Propose(document, (signature_by(office.pair.host, document),))
        desk.open(office.pair.sub.id, None, word)

    await office.pair.host.do(say)
    await office.pair.settle()


@pytest.mark.parametrize(
    ("changes", "clause"),
    [({"version": 3}, "supersedes"), ({"supersedes": b"x" * 32}, "supersedes")],
    ids=["a version left out", "a base that is not known"],
)
async def test_a_peer_refuses_an_amendment_of_what_is_not_in_use(
    office: Office, changes: dict[str, object], clause: str
) -> None:
    base = await office.agreed()
    await _say_amendment(office, base, **changes)
    reason, named, _ = await _refusal(office)
    assert (reason, named) == ("CONFLICT", clause)
    assert await office.in_force() == [base, base]


async def test_two_amendments_that_cross_lead_both_sides_to_the_same_one(office: Office) -> None:
    base = await office.agreed()
    host, sub = office.pair.centers
    office.pair.cut()
    ours = await host.do(
        lambda desk: office.host.amend(
            desk, base, office.pair.terms(max_seats_per_session=9), "wang"
        )
    )
    theirs = await sub.do(
        lambda desk: office.sub.amend(
            desk, base, office.pair.terms(max_seats_per_session=11), "chen"
        )
    )
    office.pair.restore()
    await office.pair.settle()
    office.pair.cut()
    await host.do(lambda desk: office.host.sign(desk, theirs, "wang"))
    await sub.do(lambda desk: office.sub.sign(desk, ours, "chen"))
    office.pair.restore()
    await office.pair.settle()
    counted = await office.in_force()
    assert counted == [max(ours, theirs)] * 2
    loser = min(ours, theirs)
    for center in (host, sub):
        for replaced in (base, loser):
            standing = await center.do(
                lambda desk, replaced=replaced: desk.ledger.standing(replaced)  # type: ignore[misc]
            )
            assert standing.superseded_by == max(ours, theirs)
    with pytest.raises(Conflicting, match="replaced already"):
        await office.amend(base, max_seats_per_session=12)


async def test_an_amendment_is_not_signed_when_its_base_was_replaced_meanwhile(
    office: Office,
) -> None:
    base = await office.agreed()
    first = await office.amend(base, max_seats_per_session=9)
    second = await office.amend(base, max_seats_per_session=10)
    await office.sign(first)
    await office.pair.settle()
    with pytest.raises(Conflicting, match="replaced already"):
        await office.sign(second)


async def test_a_signature_after_the_term_is_refused_by_name(office: Office) -> None:
    agreement = await office.propose(effective_until_ms=office.pair.watch.now_ms + HOUR_MS)
    await office.pair.settle()
    office.pair.cut()
    await office.sign(agreement)
    office.pair.watch.pass_ms(HOUR_MS)
    office.pair.restore()
    await asyncio.wait_for(office.pair.settle(), timeout=5)
    reason, _ = await _last_answer(office.pair.host)
    assert reason == "TOO_LATE"
    assert await office.states(agreement) == ["PROPOSED", "REFUSED"]


async def test_a_signature_over_another_document_is_refused(office: Office) -> None:
    first = await office.propose()
    second = await office.propose(title="另一份")

    def mix(desk: Desk) -> None:
        row = office.sub.get(desk, first)
        document = office.sub.get(desk, second).document
        desk.say(row.conversation, words.Sign(second, (signature_by(office.pair.sub, document),)))

    await office.pair.sub.do(mix)
    await office.pair.settle()
    reason, detail = await _last_answer(office.pair.host)
    assert reason == "MALFORMED"
    assert "another document" in detail
    assert (await office.states(first))[0] == "PROPOSED"


async def test_a_change_of_suite_is_signed_under_both() -> None:
    before, after = SUITES
    async with negotiating(suites=SUITES) as office:
        base = await office.agreed(suite=before)
        newer = await office.amended(base, suite=after)
        assert await office.in_force() == [newer, newer]
        for center, service in ((office.pair.host, office.host), (office.pair.sub, office.sub)):
            row = await center.do(lambda desk, service=service: service.get(desk, newer))  # type: ignore[misc]
            for signatures in (row.proposed, row.answered):
                assert tuple(each.suite for each in signatures) == (after, before)


async def test_a_change_of_suite_under_the_new_one_alone_is_refused() -> None:
    before, after = SUITES
    async with negotiating(suites=SUITES) as office:
        base = await office.agreed(suite=before)

        def say(desk: Desk) -> None:
            terms = office.pair.terms(version=2, supersedes=base, suite=after)
            document = TERMS.encode(terms)
            word = words.Propose(
                document, papers.sign(desk, office.pair.sub.id, document, (after,))
            )
            desk.open(office.pair.sub.id, None, word, suite_id=after)

        await office.pair.host.do(say)
        await office.pair.settle()
        reason, _, _ = await _refusal(office)
        assert reason == "MALFORMED"
        assert await office.in_force() == [base, base]


async def test_a_counter_cannot_change_the_suite() -> None:
    async with negotiating(suites=SUITES) as office:
        first = await office.propose(suite=SUITES[0])
        with pytest.raises(Conflicting, match="suite"):
            await office.counter(office.pair.sub, first, suite=SUITES[1])
