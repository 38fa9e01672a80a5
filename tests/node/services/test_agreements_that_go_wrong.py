"""Agreements between nodes of which one lies, has a wrong clock, or was typed into badly."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from federation.errors import NoAgreement
from federation.ids import AgreementId
from federation.protocol.agreement import Counter, Sign
from federation.protocol.standing import check_open
from federation.wire.words import TERMS
from node.services import agreement_papers as papers
from node.services.agreements import Agreements
from node.services.errors import Conflicting, Invalid
from node.services.house import Desk
from tests.node.services.agreement_office import Office, negotiating, signature_by
from tests.support.pair import DAY_MS, MINUTE_MS, Center


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with negotiating() as made:
        yield made


async def _sign_as_a_liar(office: Office, agreement: bytes) -> None:
    """The sub says its signature without asking its own node whether it may."""

    def lie(desk: Desk) -> None:
        row = office.sub.get(desk, agreement)
        desk.say(row.conversation, Sign(row.id, (signature_by(office.pair.sub, row.document),)))

    await office.pair.sub.do(lie)
    await office.pair.settle()


def _answer(office: Office) -> tuple[str, str]:
    """Reason and clause of what the host answered last."""
    _, receipt = office.pair.host.listener.receipts[-1]
    return receipt.reason, receipt.clause


# A wrong clock


async def test_what_is_said_by_a_wrong_clock_does_not_make_the_agreement_deaf(
    office: Office,
) -> None:
    agreement = await office.agreed()
    host, sub = office.pair.centers
    host.clock.skew_ms = 10 * MINUTE_MS
    await host.do(lambda desk: office.host.suspend(desk, agreement, "moving"))
    await office.pair.settle()
    _, receipt = sub.listener.receipts[-1]
    assert (receipt.reason, receipt.heard_revision) == ("NOT_FRESH", 1)

    host.clock.skew_ms = 0
    await host.do(lambda desk: office.host.resume(desk, agreement, "the clock is right"))
    await office.pair.later(10 * MINUTE_MS)  # it is time for what was said too early
    assert await office.in_force() == [agreement, agreement]
    ends_ms = await host.do(lambda desk: office.host.terminate(desk, agreement, "a new law"))
    await office.pair.later(MINUTE_MS)
    row = await sub.do(lambda desk: office.sub.get(desk, agreement))
    assert row.ends_at_ms == ends_ms


# Typed badly


@pytest.mark.parametrize("reason", ["line\nbreak", "x" * 1_001, "\x1b[2J"])
@pytest.mark.parametrize("verb", ["suspend", "resume", "terminate", "decline", "withdraw"])
async def test_a_reason_that_the_peer_could_not_read_is_not_said(
    office: Office, verb: str, reason: str
) -> None:
    agreement = await (office.propose() if verb in {"decline", "withdraw"} else office.agreed())
    host, sub = office.pair.centers
    if verb == "resume":
        await host.do(lambda desk: office.host.suspend(desk, agreement, "moving"))
    center: Center = sub if verb == "decline" else host
    service: Agreements = office.sub if verb == "decline" else office.host
    act: Callable[[Desk, bytes, str], object] = getattr(service, verb)
    before = await center.do(lambda desk: service.get(desk, agreement))
    with pytest.raises(Invalid, match="reason"):
        await center.do(lambda desk: act(desk, agreement, reason))
    assert await center.do(lambda desk: service.get(desk, agreement)) == before
    await center.do(lambda desk: act(desk, agreement, "  a good reason\n"))
    await office.pair.settle()
    assert (await sub.do(lambda desk: office.sub.get(desk, agreement))).note in {
        "a good reason",
        "",
    }


@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\u2028", "\x9b", "\u200b"])
async def test_what_people_could_not_read_as_it_is_signed_is_no_term(
    office: Office, hidden: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await office.propose(title=f"补偿{hidden}元001")
    assert "title" in refused.value.detail[0]


# A liar signs


async def test_a_notice_cannot_be_undone_by_signing_an_older_proposal(office: Office) -> None:
    base = await office.agreed()
    newer = await office.amend(base, title="修订")
    ends_ms = await office.pair.host.do(lambda desk: office.host.terminate(desk, base, "a new law"))
    await office.pair.settle()
    await _sign_as_a_liar(office, newer)
    assert _answer(office) == ("CONFLICT", "supersedes")
    assert await office.states(newer) == ["PROPOSED", "REFUSED"]
    office.pair.watch.pass_ms(ends_ms - office.pair.watch.now_ms)
    await office.nothing_in_force("terminated")


async def test_a_notice_that_crosses_the_signature_stands_on_both_sides(office: Office) -> None:
    base = await office.agreed()
    newer = await office.amend(base, title="修订")
    office.pair.cut()
    ends_ms = await office.pair.host.do(lambda desk: office.host.terminate(desk, base, "a new law"))
    await office.sign(newer)
    office.pair.restore()
    await office.pair.settle()
    assert await office.states(newer) == ["PROPOSED", "REFUSED"]
    assert await office.in_force() == [base, base]
    office.pair.watch.pass_ms(ends_ms - office.pair.watch.now_ms)
    await office.nothing_in_force("terminated")


async def test_of_two_amendments_that_we_propose_the_peer_signs_one(office: Office) -> None:
    base = await office.agreed()
    first = await office.amend(base, max_seats_per_session=9)
    second = await office.amend(base, max_seats_per_session=10)
    await office.sign(first)
    await office.pair.settle()
    await _sign_as_a_liar(office, second)
    assert _answer(office) == ("CONFLICT", "supersedes")
    assert await office.states(second) == ["PROPOSED", "REFUSED"]
    assert await office.in_force() == [first, first]


async def test_the_very_document_proposed_by_both_at_once_is_refused_by_both(
    office: Office,
) -> None:
    terms, (host, sub) = office.pair.terms(), office.pair.centers
    office.pair.cut()
    made = [
        await host.do(lambda desk: office.host.propose(desk, sub.id, terms, "wang")),
        await sub.do(lambda desk: office.sub.propose(desk, host.id, terms, "chen")),
    ]
    office.pair.restore()
    await office.pair.settle()
    assert made[0] == made[1]
    assert await office.states(made[0]) == ["REFUSED", "REFUSED"]
    assert _answer(office) == ("CONFLICT", "")
    with pytest.raises(Conflicting, match="another number"):
        await office.propose()
    agreement = await office.agreed(agreement_no="2")
    assert await office.in_force() == [agreement, agreement]


async def test_a_counter_does_not_change_the_suite_behind_our_back() -> None:
    async with negotiating(suites=("intl-1", "gm-1")) as office:
        agreement = await office.propose()

        def lie(desk: Desk) -> None:
            row = office.sub.get(desk, agreement)
            document = TERMS.encode(replace(row.terms, suite="gm-1"))
            signatures = papers.sign(desk, office.pair.host.id, document, ("gm-1",))
            desk.say(row.conversation, Counter(document, signatures, 1))

        before = await office.pair.host.do(lambda desk: office.host.get(desk, agreement))
        await office.pair.sub.do(lie)
        await office.pair.settle()
        assert _answer(office) == ("NOT_ALLOWED", "suite")
        after = await office.pair.host.do(lambda desk: office.host.get(desk, agreement))
        assert after == before


# Versions


async def test_a_version_that_never_took_effect_leaves_none_of_its_base(office: Office) -> None:
    """Version 2 is for later, version 3 replaces it at once: version 1 is over, too."""
    now_ms = office.pair.watch.now_ms
    first = await office.agreed()
    second = await office.amended(first, title="二", effective_from_ms=now_ms + 10 * DAY_MS)
    assert await office.in_force() == [first, first]
    third = await office.amended(second, title="三")
    assert await office.in_force() == [third, third]

    def open_one(desk: Desk, agreement: AgreementId) -> None:
        row = office.sub.get(desk, agreement)
        check_open(row.terms, row.standing, desk.now_ms)

    for center in office.pair.centers:
        with pytest.raises(NoAgreement) as refused:
            await center.do(lambda desk: open_one(desk, first))
        assert refused.value.clause == "version"
        assert refused.value.alternative == f"agreement_id={third.hex()}"


async def test_a_policy_that_asks_for_fewer_persons_lets_the_first_one_sign() -> None:
    async with negotiating(signers=2) as office:
        terms, host = office.pair.terms(), office.pair.host
        draft = await host.do(
            lambda desk: office.host.propose(desk, office.pair.sub.id, terms, "wang")
        )
        with pytest.raises(Conflicting, match="another person"):
            await host.do(lambda desk: office.host.sign(desk, draft, "wang"))
        relaxed = Agreements(host.keyring, 1)
        assert await host.do(lambda desk: relaxed.sign(desk, draft, "wang"))
