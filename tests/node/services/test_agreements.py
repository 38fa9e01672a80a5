"""Proposing, signing and declining, with two whole nodes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from federation.protocol.agreement import (
    PROPOSAL_LASTS_MS,
    DocumentSignature,
    Propose,
    Sign,
)
from federation.wire.words import TERMS
from node.services.agreement_hearing import REFUSED_BY_PEER, TO_SIGN
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from tests.node.services.agreement_office import Office, negotiating, signature_by
from tests.support.pair import DAY_MS, HOUR_MS


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with negotiating() as made:
        yield made


async def test_two_signatures_over_the_same_bytes_put_it_into_force(office: Office) -> None:
    agreement = await office.propose()
    assert await office.states(agreement) == ["PROPOSED", "PROPOSED"]
    await office.sign(agreement)
    await office.pair.settle()
    rows = [
        await office.pair.host.do(lambda desk: office.host.get(desk, agreement)),
        await office.pair.sub.do(lambda desk: office.sub.get(desk, agreement)),
    ]
    assert [row.state for row in rows] == ["ACTIVE", "ACTIVE"]
    assert rows[0].document == rows[1].document
    assert rows[0].proposed == rows[1].proposed
    assert rows[0].answered == rows[1].answered
    assert len({each.key_id for each in (*rows[0].proposed, *rows[0].answered)}) == 2
    assert [row.we_proposed for row in rows] == [True, False]
    names = [
        await office.pair.host.do(lambda desk: office.host.approvals(desk, agreement)),
        await office.pair.sub.do(lambda desk: office.sub.approvals(desk, agreement)),
    ]
    assert names == [["wang"], ["chen"]]
    for center in office.pair.centers:
        terms = await center.do(lambda desk: desk.ledger.agreement(agreement))
        assert terms == office.pair.terms()


async def test_one_signature_puts_nothing_into_force(office: Office) -> None:
    agreement = await office.propose()
    host, sub = office.pair.centers
    for center in (host, sub):
        assert await center.do(lambda desk: desk.ledger.agreement(agreement)) is None
    with pytest.raises(NotFound):
        await host.do(lambda desk: office.host.in_force(desk, sub.id))
    with pytest.raises(NotFound):
        await sub.do(lambda desk: office.sub.in_force(desk, host.id))


async def test_the_answerer_is_asked_to_sign_until_it_has(office: Office) -> None:
    agreement = await office.propose()
    assert await office.todos(office.pair.sub) == [TO_SIGN]
    assert await office.todos(office.pair.host) == []
    await office.sign(agreement)
    assert await office.todos(office.pair.sub) == []


async def test_a_declined_agreement_keeps_its_reason_on_both_sides(office: Office) -> None:
    agreement = await office.propose()
    await office.pair.sub.do(lambda desk: office.sub.decline(desk, agreement, "期限太长"))
    await office.pair.settle()
    assert await office.states(agreement) == ["DECLINED", "DECLINED"]
    row = await office.pair.host.do(lambda desk: office.host.get(desk, agreement))
    assert row.note == "期限太长"
    with pytest.raises(Conflicting, match="DECLINED"):
        await office.sign(agreement)


async def test_a_withdrawn_proposal_cannot_be_signed(office: Office) -> None:
    agreement = await office.propose()
    await office.pair.host.do(lambda desk: office.host.withdraw(desk, agreement, "日期有误"))
    await office.pair.settle()
    assert await office.states(agreement) == ["WITHDRAWN", "WITHDRAWN"]
    assert await office.todos(office.pair.sub) == []
    with pytest.raises(Conflicting):
        await office.sign(agreement)


async def test_a_signature_that_crossed_the_withdrawal_stands(office: Office) -> None:
    agreement = await office.propose()
    office.pair.cut()
    await office.pair.host.do(lambda desk: office.host.withdraw(desk, agreement, "日期有误"))
    await office.sign(agreement)
    office.pair.restore()
    await office.pair.settle()
    assert await office.states(agreement) == ["ACTIVE", "ACTIVE"]
    row = await office.pair.host.do(lambda desk: office.host.get(desk, agreement))
    assert row.answered
    assert not row.note


async def test_only_the_answerer_signs_and_only_the_proposer_withdraws(office: Office) -> None:
    agreement = await office.propose()
    with pytest.raises(Conflicting, match="proposed by us"):
        await office.pair.host.do(lambda desk: office.host.sign(desk, agreement, "wang"))
    with pytest.raises(Conflicting, match="proposed by the peer"):
        await office.pair.sub.do(lambda desk: office.sub.withdraw(desk, agreement, "no"))


async def test_nobody_answers_for_a_month_and_it_is_taken_back(office: Office) -> None:
    agreement = await office.propose()
    await office.pair.later(PROPOSAL_LASTS_MS)
    assert await office.states(agreement) == ["WITHDRAWN", "WITHDRAWN"]


async def test_contradictory_terms_are_named_one_by_one_and_never_sent(office: Office) -> None:
    with pytest.raises(Invalid) as caught:
        await office.propose(vote_ms=0, suite="intl-9")
    assert any(line.startswith("vote_ms") for line in caught.value.detail)
    assert any(line.startswith("suite") for line in caught.value.detail)
    assert await office.pair.host.sql("SELECT count(*) FROM said") == [(0,)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"effective_until_ms": 1_778_040_000_000}, "effective_until_ms"), ({"title": ""}, "title")],
)
async def test_terms_nobody_can_keep_are_not_proposed(
    office: Office, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await office.propose(**changes)
    assert field in " ".join(caught.value.detail)


async def test_the_same_document_is_proposed_once(office: Office) -> None:
    await office.propose()
    with pytest.raises(Conflicting, match="before"):
        await office.propose()


async def test_an_agreement_with_a_stranger_is_not_proposed(office: Office) -> None:
    stranger = type(office.pair.sub.id)("lp1" + "a" * 32)
    with pytest.raises(NotFound):
        await office.pair.host.do(
            lambda desk: office.host.propose(desk, stranger, office.pair.terms(), "wang")
        )


def _proposal(office: Office, document: bytes) -> Propose:
    return Propose(document, (signature_by(office.pair.host, document),))


async def _refusal_of(office: Office, word: Propose) -> tuple[str, str]:
    """Say a proposal past our own checks; answers the sub's reason and detail."""
    await office.pair.host.do(lambda desk: desk.open(office.pair.sub.id, None, word))
    await office.pair.settle()
    _, receipt = office.pair.sub.listener.receipts[-1]
    assert await office.pair.sub.sql("SELECT count(*) FROM agreement") == [(0,)]
    return receipt.reason, receipt.detail


async def test_a_peer_refuses_contradictory_terms_by_name(office: Office) -> None:
    document = TERMS.encode(office.pair.terms(vote_ms=0))
    reason, detail = await _refusal_of(office, _proposal(office, document))
    assert reason == "MALFORMED"
    assert "vote_ms" in detail


async def test_a_peer_refuses_an_agreement_between_others(office: Office) -> None:
    terms = office.pair.terms()
    ours, theirs = terms.parties
    stranger = replace(theirs, center_id="lp1" + "a" * 32)
    directions = tuple(
        replace(line, host=ours.center_id, sub=stranger.center_id) for line in terms.directions[:1]
    )
    changed = replace(terms, parties=(ours, stranger), directions=directions)
    reason, _ = await _refusal_of(office, _proposal(office, TERMS.encode(changed)))
    assert reason == "NOT_ALLOWED"


async def test_a_peer_refuses_bytes_that_hide_something(office: Office) -> None:
    unknown_field = b"\xfa\x7f\x05extra"
    document = TERMS.encode(office.pair.terms()) + unknown_field
    reason, detail = await _refusal_of(office, _proposal(office, document))
    assert reason == "MALFORMED"
    assert "canonical" in detail


async def test_a_peer_refuses_a_signature_over_other_bytes(office: Office) -> None:
    document = TERMS.encode(office.pair.terms())
    forged = replace(_proposal(office, document + b" "), document=document)
    reason, detail = await _refusal_of(office, forged)
    assert reason == "MALFORMED"
    assert "signature" in detail


async def test_a_refused_proposal_is_told_to_the_operator(office: Office) -> None:
    document = TERMS.encode(office.pair.terms(vote_ms=0))
    await _refusal_of(office, _proposal(office, document))
    (row,) = await office.pair.host.do(office.host.all)
    assert row.state == "REFUSED"
    assert "vote_ms" in row.note
    assert await office.todos(office.pair.host) == [REFUSED_BY_PEER]


async def test_a_forged_signature_puts_nothing_into_force_on_either_side(office: Office) -> None:
    agreement = await office.propose()

    def forge(desk: Desk) -> None:
        row = office.sub.get(desk, agreement)
        forged = DocumentSignature(office.pair.sub.suite.suite_id, bytes(16), bytes(64))
        desk.say(row.conversation, Sign(row.id, (forged,)))

    await office.pair.sub.do(forge)
    await office.pair.settle()
    assert await office.states(agreement) == ["PROPOSED", "REFUSED"]
    for center in office.pair.centers:
        assert await center.do(lambda desk: desk.ledger.agreement(agreement)) is None


async def test_both_sides_count_the_highest_version_in_force(office: Office) -> None:
    first = await office.agreed()
    second = await office.amended(first)
    third = await office.amended(second, effective_from_ms=office.pair.watch.now_ms + DAY_MS)
    assert await office.in_force() == [second, second]
    office.pair.watch.pass_ms(DAY_MS + HOUR_MS)
    assert await office.in_force() == [third, third]


async def test_an_expired_agreement_is_not_in_force(office: Office) -> None:
    agreement = await office.propose()
    await office.sign(agreement)
    await office.pair.settle()
    assert await office.pair.host.do(office.host.partners) == [office.pair.sub.id]
    office.pair.watch.pass_ms(366 * DAY_MS)
    assert await office.pair.host.do(office.host.partners) == []


async def test_an_agreement_whose_term_is_over_is_not_signed(office: Office) -> None:
    agreement = await office.propose(effective_until_ms=office.pair.watch.now_ms + HOUR_MS)
    office.pair.watch.pass_ms(HOUR_MS)
    with pytest.raises(Conflicting, match="term"):
        await office.sign(agreement)
