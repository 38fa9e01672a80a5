"""Lotteries of sub-venues between real nodes: every road, and every cheat by the host."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import pytest

from federation.errors import Refused
from federation.ids import CenterId, ConversationId
from federation.lottery import selection as rules
from federation.protocol.booking import ExpertNeed, Hold
from federation.protocol.booking import SelectionMode as Mode
from federation.protocol.conversation import Conversation, Phase, Word
from federation.protocol.selection import (
    ANSWER_MS,
    HOST_MS,
    MAX_SKIPPED,
    Abandon,
    Disclose,
    Enter,
    Entrant,
    Gather,
    Invite,
    Pass,
    Place,
    Rank,
)
from federation.wire.words import encode_word
from node.domain.project import SelectionMode
from node.services.candidate import admit_invite
from node.services.errors import Conflicting, Invalid
from node.services.house import Desk
from node.services.selection_files import heard_word
from node.services.selections import CONTESTED, ENDED
from node.store import todos
from node.store.bookings import BookingRow
from node.store.selections import Progress
from tests.support.federation import Federation, federation
from tests.support.lots import Lots, answer, ask, candidacies, lots, lottery, prepared
from tests.support.pair import (
    HOUR_MS,
    MINUTE_MS,
    Center,
    Furniture,
    TwoCenters,
    mute,
    two_centers,
)
from tests.support.plain import hold, plain_bundle
from tests.support.planning import STAFF, WINDOW, in_force, seat_rows


def by_id(them: Federation, center: str) -> Center:
    (found,) = [each for each in them.subs if each.id == center]
    return found


async def legs(them: Federation, offices: Lots, project_id: bytes) -> dict[CenterId, BookingRow]:
    bookings = offices.office(them.host).bookings
    found = await them.host.do(lambda desk: bookings.of_project(desk, project_id))
    return {leg.peer: leg for leg in found if leg.phase not in {"RELEASED", "DECLINED", "EXPIRED"}}


async def phases(them: Federation, selection_id: bytes) -> dict[str, set[Phase]]:
    """By sub, where its conversations stand; both ends agree."""
    found = {}
    for sub in them.subs:
        ends = [
            [row.phase for row in await candidacies(at, selection_id, peer)]
            for at, peer in ((them.host, sub), (sub, them.host))
        ]
        assert ends[0] == ends[1], f"{sub.name}: {ends}"
        found[sub.name] = set(ends[0])
    return found


async def open_todos(center: Center, role: str) -> list[str]:
    found = await center.do(lambda desk: todos.open_for(desk.ledger.connection, role))
    return [todo.kind for todo in found]


@pytest.mark.parametrize("mode", [SelectionMode.RANDOM, SelectionMode.BLIND])
async def test_the_first_by_rank_is_booked_and_every_candidate_could_check_it(
    mode: SelectionMode,
) -> None:
    offices = Lots()
    async with federation(offices, subs=3) as them:
        project_id = await prepared(them, offices)
        selection_id = await ask(them, offices, project_id, lots(mode=mode))
        await them.settle()

        held = await lottery(them, selection_id)
        assert (held.progress, held.attempt) == (Progress.DRAWN, 1)
        assert set(held.ranked) == {sub.id for sub in them.subs}
        assert set(await phases(them, selection_id)) == {sub.name for sub in them.subs}
        for sub in them.subs:
            (row,) = await candidacies(sub, selection_id, them.host)
            talk = row.conversation

            def look(desk: Desk, talk: bytes = talk) -> Rank:
                return heard_word(desk, talk, Rank)

            assert (await sub.do(look)).order == held.ranked
        (leg,) = (await legs(them, offices, project_id)).values()
        assert (leg.peer, leg.phase) == (held.ranked[0], "HELD")
        assert (leg.hold.selection.name, leg.hold.selection_id) == (mode.name, selection_id)

        await answer(them, offices, by_id(them, held.ranked[0]), yes=True)
        (leg,) = (await legs(them, offices, project_id)).values()
        assert leg.phase == "CONFIRMED"


async def test_every_place_goes_by_rank() -> None:
    offices = Lots()
    async with federation(offices, subs=4) as them:
        project_id = await prepared(them, offices)
        selection_id = await ask(them, offices, project_id, lots(2))
        await them.settle()
        held = await lottery(them, selection_id)
        found = await legs(them, offices, project_id)
        assert {leg.hold.participants for leg in found.values()} == {held.ranked[:2]}
        for place, center in enumerate(held.ranked[:2]):
            assert found[center].hold.experts[0].count == (3, 2)[place]


async def test_who_has_no_seats_passes_and_is_not_drawn() -> None:
    offices = Lots()
    async with federation(offices, subs=3) as them:
        project_id = await prepared(them, offices)
        full = them.subs[0]
        venues = offices.office(full).venues
        await full.do(
            lambda desk: venues.reserve(
                desk, b"x" * 16, tuple(f"{number:010}" for number in range(1, 6)), WINDOW
            )
        )
        selection_id = await ask(them, offices, project_id, lots())
        await them.settle()
        held = await lottery(them, selection_id)
        assert set(held.ranked) == {sub.id for sub in them.subs[1:]}
        (row,) = await candidacies(them.host, selection_id, full)
        assert row.phase == "PASSED"
        said = await them.host.do(lambda desk: heard_word(desk, row.conversation, Pass))
        assert said.reason == "no such seats are free in that window"


async def test_who_declines_is_followed_by_the_next_until_people_must_decide() -> None:
    offices = Lots()
    async with federation(offices, subs=4) as them:
        project_id = await prepared(them, offices)
        selection_id = await ask(them, offices, project_id, lots())
        await them.settle()
        ranked = (await lottery(them, selection_id)).ranked
        assert MAX_SKIPPED == 3
        for place, center in enumerate(ranked):
            found = await legs(them, offices, project_id)
            assert list(found) == [center]
            await answer(them, offices, by_id(them, center), yes=False)
            assert (await lottery(them, selection_id)).declined == ranked[: place + 1]
        held = await lottery(them, selection_id)
        assert held.progress is Progress.ENDED
        assert held.note.endswith("nobody is left by rank")
        assert await legs(them, offices, project_id) == {}
        assert ENDED in await open_todos(them.host, "agency")
        # The agency may ask anew.
        again = await ask(them, offices, project_id, lots())
        assert again != selection_id


async def test_of_two_drawn_only_the_one_who_declined_is_replaced() -> None:
    offices = Lots()
    async with federation(offices, subs=4) as them:
        project_id = await prepared(them, offices)
        selection_id = await ask(them, offices, project_id, lots(2))
        await them.settle()
        first, second, third, _ = (await lottery(them, selection_id)).ranked
        await answer(them, offices, by_id(them, second), yes=True)
        await answer(them, offices, by_id(them, first), yes=False)
        found = await legs(them, offices, project_id)
        assert {leg.hold.participants for leg in found.values()} == {(second, third)}
        for center in (second, third):
            await answer(them, offices, by_id(them, center), yes=True)
        found = await legs(them, offices, project_id)
        assert {leg.phase for leg in found.values()} == {"CONFIRMED"}


async def test_only_the_next_by_rank_stands_in_for_one_that_was_drawn() -> None:
    offices = Lots()
    async with federation(offices, subs=4) as them:
        project_id = await prepared(them, offices)
        selection_id = await ask(them, offices, project_id, lots(2))
        await them.settle()
        ranked = (await lottery(them, selection_id)).ranked
        service = offices.lotteries["host"]
        await them.host.do(lambda desk: service.check_stand_in(desk, selection_id, ranked[2]))
        await them.host.do(lambda desk: service.check_stand_in(desk, b"", ranked[3]))
        for center in (ranked[0], ranked[3]):

            def name(desk: Desk, center: CenterId = center) -> None:
                service.check_stand_in(desk, selection_id, center)

            with pytest.raises(Invalid, match="only the next by rank"):
                await them.host.do(name)


async def test_who_stood_in_or_would_not_is_passed_over_as_well() -> None:
    offices = Lots()
    async with federation(offices, subs=4) as them:
        project_id = await prepared(them, offices)
        selection_id = await ask(them, offices, project_id, lots())
        await them.settle()
        drawn, unwilling, willing, last = (await lottery(them, selection_id)).ranked
        await answer(them, offices, by_id(them, drawn), yes=True)
        replacing = offices.office(them.host).bookings.after.replacing

        async def replaced_by(leg: CenterId, center: CenterId) -> None:
            old = (await legs(them, offices, project_id))[leg].conversation
            await them.host.do(lambda desk: replacing.substitute(desk, old, center, STAFF))
            await them.settle()

        await replaced_by(drawn, unwilling)
        await answer(them, offices, by_id(them, unwilling), yes=False)
        with pytest.raises(Invalid, match="only the next by rank"):
            await replaced_by(drawn, last)
        await replaced_by(drawn, willing)
        await answer(them, offices, by_id(them, willing), yes=True)
        # Nor does anybody name who takes the place of that one.
        with pytest.raises(Invalid, match="only the next by rank"):
            await replaced_by(willing, unwilling)
        await replaced_by(willing, last)


async def test_nobody_names_who_stands_in_for_one_that_was_drawn_blindly() -> None:
    offices = Lots()
    async with federation(offices, subs=3) as them:
        project_id = await prepared(them, offices)
        wanted = lots(mode=SelectionMode.BLIND)
        selection_id = await ask(them, offices, project_id, wanted)
        await them.settle()
        ranked = (await lottery(them, selection_id)).ranked
        with pytest.raises(Invalid, match="drawn blindly"):
            await them.host.do(
                lambda desk: offices.lotteries["host"].check_stand_in(desk, selection_id, ranked[1])
            )


async def test_who_never_votes_is_passed_over_like_one_who_declines() -> None:
    offices = Lots()
    async with federation(offices, subs=3) as them:
        project_id = await prepared(them, offices)
        selection_id = await ask(them, offices, project_id, lots())
        await them.settle()
        first, second, _ = (await lottery(them, selection_id)).ranked
        await them.later(32 * MINUTE_MS)
        assert (await lottery(them, selection_id)).declined == (first,)
        assert list(await legs(them, offices, project_id)) == [second]


async def test_a_candidate_that_is_away_is_absent_after_its_time() -> None:
    offices = Lots()
    async with federation(offices, subs=3) as them:
        project_id = await prepared(them, offices)
        away = them.subs[1]
        them.kill(away)
        selection_id = await ask(them, offices, project_id, lots())
        await them.settle()
        assert (await lottery(them, selection_id)).progress is Progress.INVITING
        with pytest.raises(Conflicting, match="under way"):
            await ask(them, offices, project_id, lots())
        await them.later(ANSWER_MS)
        held = await lottery(them, selection_id)
        assert held.progress is Progress.DRAWN
        assert away.id not in held.ranked
        them.revive(away)
        await them.later(MINUTE_MS)
        assert (await phases(them, selection_id))[away.name] == {"VOID"}


async def test_a_value_that_does_not_come_voids_the_attempt_and_costs_its_owner_the_next() -> None:
    offices = Lots()
    async with federation(offices, subs=3) as them:
        project_id = await prepared(them, offices)
        selection_id = await ask(them, offices, project_id, lots())
        keeps = them.subs[0]
        for sub in them.subs:
            await them.host.outbox.deliver(sub.id)
            if sub is keeps:
                await sub.outbox.deliver(them.host.id)
                them.kill(sub)  # it has entered, and will not hear that the list is closed
        await them.settle()
        assert (await lottery(them, selection_id)).progress is Progress.GATHERING
        await them.later(ANSWER_MS)
        held = await lottery(them, selection_id)
        assert (held.progress, held.attempt) == (Progress.DRAWN, 2)
        assert set(held.ranked) == {sub.id for sub in them.subs[1:]}
        first, second = await candidacies(them.subs[1], selection_id, them.host)
        assert (first.phase, second.phase) == ("VOID", "RANKED")
        said = await them.subs[1].do(lambda desk: heard_word(desk, first.conversation, Abandon))
        assert said.at_fault == (keeps.id,)
        them.revive(keeps)
        await them.later(MINUTE_MS)
        assert (await phases(them, selection_id))[keeps.name] == {"VOID"}


async def test_who_refused_the_invitation_is_not_invited_to_the_next_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A dossier proves each attempt of the sub's as void; one that was refused proves nothing."""
    offices = Lots()
    async with federation(offices, subs=4) as them:
        project_id = await prepared(them, offices)
        keeps, refuses = them.subs[:2]

        def admit(desk: Desk, conversation: Conversation, word: Invite) -> None:
            if desk.identity.center == refuses.id and word.attempt == 1:
                raise Refused("not just now")
            admit_invite(desk, conversation, word)

        monkeypatch.setattr("node.services.selections.admit_invite", admit)
        selection_id = await ask(them, offices, project_id, lots())
        for sub in them.subs:
            await them.host.outbox.deliver(sub.id)
            if sub is keeps:
                await sub.outbox.deliver(them.host.id)
                them.kill(sub)
        await them.settle()
        await them.later(ANSWER_MS)
        held = await lottery(them, selection_id)
        assert (held.progress, held.attempt) == (Progress.DRAWN, 2)
        assert set(held.ranked) == {sub.id for sub in them.subs[2:]}
        (only,) = await candidacies(them.host, selection_id, refuses)
        assert only.phase == "REFUSED"


async def test_a_lottery_that_too_few_enter_ends_and_says_so() -> None:
    offices = Lots()
    async with federation(offices, subs=2) as them:
        project_id = await prepared(them, offices)
        them.kill(them.subs[0])
        selection_id = await ask(them, offices, project_id, lots(2))
        await them.settle()
        await them.later(ANSWER_MS)
        held = await lottery(them, selection_id)
        assert held.progress is Progress.ENDED
        assert "1 candidates entered, 2 are needed" in held.note
        assert await open_todos(them.host, "agency") == [ENDED]
        (row,) = await candidacies(them.subs[1], selection_id, them.host)
        assert row.phase == "VOID"
        await ask(them, offices, project_id, lots())  # which is what the to-do asks for
        assert await open_todos(them.host, "agency") == []


async def test_a_host_that_goes_silent_is_named_by_every_candidate() -> None:
    offices = Lots()
    async with federation(offices, subs=2) as them:
        project_id = await prepared(them, offices)
        selection_id = await ask(them, offices, project_id, lots())
        for sub in them.subs:
            await them.host.outbox.deliver(sub.id)
            them.kill(sub)
        them.watch.pass_ms(HOST_MS)
        for sub in them.subs:
            await sub.alarms.ring()
            (row,) = await candidacies(sub, selection_id, them.host)
            assert row.phase == "VOID"


async def test_whom_no_agreement_covers_is_not_invited_and_two_are_needed() -> None:
    offices = Lots()
    async with federation(offices, subs=2) as them:
        project_id = await prepared(them, offices, max_seats_per_session=4)
        with pytest.raises(Invalid, match="0 centers could be drawn; a lottery needs 2") as caught:
            await ask(them, offices, project_id, lots())
        assert len(caught.value.detail) == 2
        assert await them.host.sql("SELECT * FROM selection") == []


async def test_only_centers_of_one_suite_are_drawn_among() -> None:
    offices = Lots()
    suites = [("intl-1", "gm-1"), ("intl-1",), ("intl-1",), ("gm-1",)]
    async with federation(offices, subs=3, suites=suites) as them:
        project_id = await prepared(them, offices, agreed=False)
        for pair in them.pairs:
            await pair.agree(suite=pair.sub.suite.suite_id)
        selection_id = await ask(them, offices, project_id, lots())
        await them.settle()
        held = await lottery(them, selection_id)
        assert held.suite == "intl-1"
        assert set(held.ranked) == {sub.id for sub in them.subs[:2]}


# Hosts that lie


PLACE: Final = Place(3, (), overnight=False, experts=(ExpertNeed("A08", 3),))
OTHER: Final = CenterId("lp1" + "a" * 32)
LOTTERY: Final = b"s" * 16
HOST_VALUE: Final = b"h" * 32
OTHER_VALUE: Final = b"o" * 32


class Liar:
    """A host without a lottery of its own, which says what it likes to one candidate."""

    def __init__(self, pair: TwoCenters) -> None:
        self.pair = pair
        self.digests = pair.host.suite

    def invite(self, **changes: Any) -> Invite:
        bind = rules.host_bound(self.digests, LOTTERY, 1)
        honest = Invite(
            selection_id=LOTTERY,
            attempt=1,
            candidates=tuple(sorted((self.pair.sub.id, OTHER))),
            selection=Mode.RANDOM,
            start_ms=WINDOW.start_ms,
            end_ms=WINDOW.end_ms,
            project_kind="A",
            places=(PLACE,),
            commitment=rules.commitment(self.digests, bind, self.pair.host.id, HOST_VALUE),
        )
        return replace(honest, **changes)

    async def say(self, word: Word, conversation: bytes = b"") -> bytes:
        """Say it and deliver everything; answers the conversation."""

        def speak(desk: Desk) -> bytes:
            if conversation:
                return desk.say(ConversationId(conversation), word).conversation.id
            agreement, _ = in_force(desk, self.pair.sub.id)
            if isinstance(word, Hold):
                plain_bundle(desk, word.bundle_id)
            return desk.open(self.pair.sub.id, agreement, word).conversation.id

        talk = await self.pair.host.do(speak)
        await self.pair.settle()
        return talk

    async def refusal(self, word: Word, conversation: bytes = b"") -> str:
        """What the candidate answers to it."""
        await self.say(word, conversation)
        receipt = self.pair.sub.listener.receipts[-1][1]
        return f"{receipt.reason} {receipt.detail}"

    async def entered(self, invite: Invite) -> tuple[bytes, Gather]:
        """The candidate has entered: the conversation, and an honest list."""
        talk = await self.say(invite)
        enter = await self.pair.host.do(lambda desk: heard_word(desk, talk, Enter))
        bound = rules.invite_hash(self.digests, encode_word(invite))
        theirs = rules.commitment(self.digests, bound, OTHER, OTHER_VALUE)
        both = {self.pair.sub.id: enter.commitment, OTHER: theirs}
        entrants = (Entrant(center, both[CenterId(center)]) for center in invite.candidates)
        return talk, Gather(tuple(entrants))

    async def disclosed(self, invite: Invite) -> tuple[bytes, Rank]:
        """The candidate has disclosed: the conversation, and an honest rank."""
        talk, gather = await self.entered(invite)
        await self.say(gather, talk)
        disclose = await self.pair.host.do(lambda desk: heard_word(desk, talk, Disclose))
        both = {self.pair.sub.id: disclose.value, OTHER: OTHER_VALUE}
        values = tuple(both[CenterId(center)] for center in invite.candidates)
        bound = rules.invite_hash(self.digests, encode_word(invite))
        order = rules.order(self.digests, bound, invite, gather, (HOST_VALUE, *values))
        return talk, Rank(HOST_VALUE, values, order)


@asynccontextmanager
async def lying(**terms: Any) -> AsyncIterator[Liar]:
    offices = Lots()

    def furnish(center: Center) -> Furniture:
        furniture = offices(center)
        return furniture if center.name == "sub" else mute(center)

    async with two_centers(furnish) as pair:
        await pair.agree(**terms)
        venues = offices.sub.venues
        await pair.sub.do(lambda desk: venues.import_seats(desk, seat_rows(8)))
        yield Liar(pair)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"candidates": (OTHER, "lp1" + "b" * 32)}, "MALFORMED candidates: we are not"),
        ({"selection": Mode.CHOSEN}, "MALFORMED selection"),
        ({"places": (PLACE,) * 3}, "MALFORMED places"),
        ({"start_ms": 1}, "TOO_LATE"),
        ({"end_ms": WINDOW.start_ms}, "MALFORMED"),
    ],
)
async def test_an_invitation_that_is_none_is_refused(changes: dict[str, Any], match: str) -> None:
    async with lying() as liar:
        assert match in await liar.refusal(liar.invite(**changes))
        assert await liar.pair.sub.sql("SELECT * FROM candidacy") == []


async def test_candidates_in_another_order_are_refused() -> None:
    async with lying() as liar:
        honest = liar.invite()
        bent = replace(honest, candidates=honest.candidates[::-1])
        assert "not ascending" in await liar.refusal(bent)


async def test_a_mode_that_was_not_agreed_is_refused() -> None:
    async with lying(selection_modes=(Mode.CHOSEN, Mode.RANDOM)) as liar:
        refused = await liar.refusal(liar.invite(selection=Mode.BLIND))
        assert refused == "OUT_OF_SCOPE sub-venues may not be found by BLIND"


async def test_an_attempt_is_opened_once_and_what_is_drawn_is_not_drawn_again() -> None:
    async with lying() as liar:
        talk, rank = await liar.disclosed(liar.invite())
        assert "attempt" in await liar.refusal(liar.invite())
        await liar.say(rank, talk)
        assert await liar.pair.sub.phase(talk) == "RANKED"
        assert "drawn" in await liar.refusal(liar.invite(attempt=2))


@pytest.mark.parametrize(
    ("bend", "match"),
    [
        (lambda gather: replace(gather, entrants=gather.entrants[::-1]), "not ascending"),
        (lambda gather: replace(gather, entrants=gather.entrants[:1]), "not the candidates"),
        (
            lambda gather: Gather(
                tuple(replace(each, commitment=bytes(32)) for each in gather.entrants)
            ),
            "with the commitment of its Enter",
        ),
    ],
)
async def test_nothing_is_disclosed_for_a_list_that_is_bent(
    bend: Callable[[Gather], Gather], match: str
) -> None:
    async with lying() as liar:
        talk, gather = await liar.entered(liar.invite())
        answer = await liar.refusal(bend(gather), talk)
        assert answer.startswith("NOT_ALLOWED")
        assert match in answer
        said = await liar.pair.sub.sql(
            "SELECT 1 FROM said WHERE payload_type LIKE '%selection.Disclose%'"
        )
        assert said == []


@pytest.mark.parametrize(
    ("bend", "match"),
    [
        (lambda rank: replace(rank, order=rank.order[::-1]), "another one follows"),
        (lambda rank: replace(rank, value=bytes(32)), "does not open the commitment"),
        (lambda rank: replace(rank, values=rank.values[::-1]), "does not open its commitment"),
    ],
)
async def test_an_outcome_that_does_not_follow_is_refused_and_books_nothing(
    bend: Callable[[Rank], Rank], match: str
) -> None:
    async with lying() as liar:
        talk, rank = await liar.disclosed(liar.invite())
        assert match in await liar.refusal(bend(rank), talk)
        assert "no lottery of yours" in await liar.refusal(drawn(liar, (liar.pair.sub.id,)))


def drawn(liar: Liar, participants: tuple[str, ...], **changes: Any) -> Hold:
    usual: dict[str, Any] = {
        "bundle_id": liar.pair.host.random.bytes(16),
        "participants": participants,
        "selection": Mode.RANDOM,
        "selection_id": LOTTERY,
    }
    return hold(liar.pair, **{**usual, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"seats": 4},
        {"end_ms": WINDOW.end_ms + HOUR_MS},
        {"project_kind": "B"},
        {"selection": Mode.BLIND},
        {"experts": (ExpertNeed("A08", 2),)},
        {"selection_id": b"t" * 16},
    ],
)
async def test_a_hold_that_asks_for_more_than_was_drawn_is_refused(changes: dict[str, Any]) -> None:
    async with lying() as liar:
        talk, rank = await liar.disclosed(liar.invite())
        await liar.say(rank, talk)
        refused = await liar.refusal(drawn(liar, (liar.pair.sub.id,), **changes))
        assert refused.startswith("OUT_OF_SCOPE")
        assert await liar.pair.sub.sql("SELECT * FROM booking") == []


async def test_a_hold_for_others_than_the_drawn_is_refused_and_an_honest_one_is_not() -> None:
    async with lying() as liar:
        talk, rank = await liar.disclosed(liar.invite())
        await liar.say(rank, talk)
        both = drawn(liar, tuple(sorted((liar.pair.sub.id, OTHER))))
        assert "2 for 1 places" in await liar.refusal(both)
        chosen = drawn(liar, (liar.pair.sub.id,), selection=Mode.CHOSEN)
        assert "was not drawn" in await liar.refusal(chosen)
        booked = await liar.say(drawn(liar, (liar.pair.sub.id,)))
        assert await liar.pair.sub.phase(booked) == "HELD"


async def test_a_drawn_hold_without_any_lottery_is_refused() -> None:
    async with lying() as liar:
        refused = await liar.refusal(drawn(liar, (liar.pair.sub.id,), selection_id=b""))
        assert refused.startswith("OUT_OF_SCOPE selection_id")


async def test_a_candidate_that_contests_the_outcome_is_a_to_do_without_its_name() -> None:
    offices = Lots()
    async with federation(offices, subs=2) as them:
        project_id = await prepared(them, offices)
        selection_id = await ask(them, offices, project_id, lots(mode=SelectionMode.BLIND))
        contests = them.subs[0]
        lottery_of = offices.lotteries[contests.name]
        honest = lottery_of.admit

        def admit(desk: Desk, conversation: Any, word: Word, statement: Any) -> None:
            if isinstance(word, Rank):
                raise Refused("we do not believe it")
            honest(desk, conversation, word, statement)

        lottery_of.admit = admit  # type: ignore[method-assign]
        await them.settle()
        assert (await lottery(them, selection_id)).progress is Progress.DRAWN
        found = await them.host.do(lambda desk: todos.open_for(desk.ledger.connection, "staff"))
        (todo,) = [each for each in found if each.kind == CONTESTED]
        assert contests.id not in todo.zh + todo.en
