"""What a peer is told: free seats under an agreement, proofs of its own envelopes only."""

import json
from dataclasses import replace

import pytest

from federation.engine.outbox import AnswerRefused
from federation.engine.sightings import log_keys, witness_keys
from federation.evidence.checkpoint import cosigned_at, verify_note
from federation.trust import merkle
from federation.trust.suite import suite
from federation.wire.questions import (
    AvailabilityAnswer,
    AvailabilityQuestion,
    Greeting,
    InclusionAnswer,
    InclusionQuestion,
    SeatOffer,
)
from node.domain.codes import Specialty
from node.domain.expert import ExpertStatus
from node.services.answers import MAX_PROOFS, SMALL_NUMBER, VALID_FOR_MS, about
from tests.support.pair import DAY_MS, SPOKEN, TwoCenters, two_centers
from tests.support.planning import WINDOW, Offices, held, register, seated, vote

SUITE = suite(SPOKEN[0])
NAME = SUITE.suite_id

QUESTION = AvailabilityQuestion(WINDOW.start_ms, WINDOW.end_ms, 1, (), overnight=False)


async def test_a_partner_learns_how_many_seats_are_free() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await held(pair, offices)
        answer = await pair.host.outbox.ask(pair.sub.id, QUESTION)
        offered = (SeatOffer("workstation", ("camera",), overnight=False, free=3),)
        assert answer == AvailabilityAnswer(3, pair.watch.now_ms, VALID_FOR_MS, 0, offered)


async def test_where_too_few_are_free_the_next_day_that_would_do_is_named() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await held(pair, offices)
        answer = await pair.host.outbox.ask(pair.sub.id, replace(QUESTION, seats=4))
        assert isinstance(answer, AvailabilityAnswer)
        assert (answer.free_seats, answer.next_start_ms) == (3, WINDOW.start_ms + DAY_MS)
        booths = await pair.host.outbox.ask(pair.sub.id, replace(QUESTION, seat_kind="booth"))
        assert booths == AvailabilityAnswer(0, pair.watch.now_ms, VALID_FOR_MS)


async def test_experts_are_counted_so_coarsely_that_nobody_is_told_from_it() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await held(pair, offices)
        everybody = register(60)
        await pair.sub.do(lambda desk: offices.sub.experts.import_experts(desk, everybody))
        active = [each for each in everybody if each.status is ExpertStatus.ACTIVE]
        asked = ("A08", "B05", "E99")
        answer = await pair.host.outbox.ask(pair.sub.id, replace(QUESTION, specialties=asked))
        assert isinstance(answer, AvailabilityAnswer)
        for found in answer.experts:
            exact = sum(
                any(held.startswith(found.specialty) for held in each.specialties)
                for each in active
            )
            assert found.about % SMALL_NUMBER == 0
            assert found.about <= exact < found.about + SMALL_NUMBER
        assert [found.specialty for found in answer.experts] == list(asked)
        assert any(found.about for found in answer.experts)
        assert answer.experts[-1].about == 0


@pytest.mark.parametrize("experts", range(1, 2 * SMALL_NUMBER))
def test_fewer_than_a_handful_are_none(experts: int) -> None:
    held = [(Specialty("A08"), Specialty("A0801"))] * experts
    assert about(held, Specialty("A08")) == (0 if experts < SMALL_NUMBER else SMALL_NUMBER)


async def test_whoever_has_no_agreement_learns_nothing() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await seated(offices)
        with pytest.raises(AnswerRefused, match="no agreement"):
            await pair.host.outbox.ask(pair.sub.id, QUESTION)


@pytest.mark.parametrize(
    ("question", "match"),
    [
        (AvailabilityQuestion(2, 1, 1, (), overnight=False), "must end after"),
        (AvailabilityQuestion(1, 2, 1, ("No Word",), overnight=False), "capability"),
        (replace(QUESTION, seat_kind="sofa"), "sofa"),
        (replace(QUESTION, specialties=("!",)), "specialty"),
    ],
)
async def test_a_question_that_contradicts_itself_is_malformed(
    question: AvailabilityQuestion, match: str
) -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await pair.agree()
        with pytest.raises(AnswerRefused, match=match):
            await pair.host.outbox.ask(pair.sub.id, question)


async def test_a_greeting_is_no_question() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        greeting = Greeting(1, "host", "test", 1, 0, 0, ())
        with pytest.raises(AnswerRefused, match="Greeting"):
            await pair.host.outbox.ask(pair.sub.id, greeting)


async def exchanged(pair: TwoCenters, offices: Offices) -> tuple[list[bytes], int]:
    """Words have crossed and the host has cosigned the sub's log: hashes and size."""
    await held(pair, offices)
    await pair.host.greet(pair.sub.id)
    await pair.sub.greet(pair.host.id)
    sizes = await pair.host.sql("SELECT size FROM witnessed")
    hashes = await pair.host.sql("SELECT hash FROM said")
    return [row[0] for row in hashes], sizes[0][0]


async def test_the_proofs_of_our_envelopes_hold_under_the_cosigned_checkpoint() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        hashes, size = await exchanged(pair, offices)
        answer = await pair.host.outbox.ask(
            pair.sub.id, InclusionQuestion(tuple(hashes), size, NAME)
        )
        assert isinstance(answer, InclusionAnswer)
        checkpoint, _ = verify_note(answer.checkpoint, log_keys(pair.sub.identity.descriptor, NAME))
        assert checkpoint.size == size
        assert cosigned_at(answer.checkpoint, witness_keys(pair.host.identity.descriptor, NAME))
        assert [item.envelope_hash for item in answer.items] == hashes
        for item in answer.items:
            assert json.loads(item.entry)["word"] == item.envelope_hash.hex()
            assert merkle.verify_inclusion(
                SUITE,
                merkle.leaf_hash(SUITE, item.entry),
                item.index,
                checkpoint.size,
                item.path,
                checkpoint.root,
            )


async def test_a_size_that_the_asker_never_cosigned_is_refused() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        hashes, size = await exchanged(pair, offices)
        with pytest.raises(AnswerRefused, match="not cosigned"):
            await pair.host.outbox.ask(
                pair.sub.id, InclusionQuestion(tuple(hashes), size + 1, NAME)
            )


async def test_words_with_a_third_center_are_not_shown() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        other = b"\x07" * 32
        await pair.sub.do(
            lambda desk: desk.ledger.append_log(
                NAME,
                json.dumps({"peer": "lp1" + "a" * 32, "word": other.hex()}).encode(),
                other,
            )
        )
        _, size = await exchanged(pair, offices)
        assert size > 1
        with pytest.raises(AnswerRefused, match="none of these envelopes is yours"):
            await pair.host.outbox.ask(pair.sub.id, InclusionQuestion((other,), size, NAME))


async def test_more_proofs_than_an_answer_holds_are_refused() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        hashes, size = await exchanged(pair, offices)
        many = tuple(hashes[:1]) * (MAX_PROOFS + 1)
        with pytest.raises(AnswerRefused, match="ask for fewer"):
            await pair.host.outbox.ask(pair.sub.id, InclusionQuestion(many, size, NAME))
        answer = await pair.host.outbox.ask(pair.sub.id, InclusionQuestion(many[1:], size, NAME))
        assert isinstance(answer, InclusionAnswer)
        assert len(answer.items) == MAX_PROOFS


async def test_what_came_after_the_checkpoint_is_not_proven_under_it() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, size = await exchanged(pair, offices)
        ((booking_id,),) = await pair.sub.sql("SELECT conversation FROM booking")
        await vote(offices, booking_id, yes=True)
        ((later,),) = await pair.sub.sql("SELECT hash FROM said")
        with pytest.raises(AnswerRefused, match=f"among the first {size} entries"):
            await pair.host.outbox.ask(pair.sub.id, InclusionQuestion((later,), size, NAME))
