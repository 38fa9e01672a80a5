"""A walk takes every honest word and refuses, with its rule, every word that cheats."""

from dataclasses import replace
from typing import Self

import pytest

from federation.errors import FederationError, Malformed, OutOfTurn
from federation.lottery import walk
from federation.lottery.pool import (
    EMPLOYER,
    LINK,
    STATUS,
    USCC,
    Attributes,
    Pool,
    PoolMember,
    check_listings,
)
from federation.protocol.conversation import Word
from federation.protocol.draw import (
    GONE,
    MAX_PER_SLOT,
    MAX_SLOTS,
    MAX_STEPS,
    Close,
    Next,
    Opening,
    Report,
    Response,
    Result,
    Ruling,
    Shortfall,
    Slot,
    Verdict,
)
from tests.lottery.honest_draw import DIGESTS, opening_of, payload_of, pool_of, verdict_on

COMMITS = b"c" * 32
JIA = PoolMember("E1", "甲", "91X", ("A01", "B05"))
YI = PoolMember("E2", "乙", "91X", ("A01",))
BING = PoolMember("E3", "丙", "91Y", ("A01",))
DING = PoolMember("E4", "丁", "91Z", ("A01",), status="leave")
POOL = pool_of([JIA, YI, BING, DING])
TWO_AND_ONE = (Slot("A01", 2), Slot("B05", 1))


class Draw:
    """A walk, and short ways to say the next word to it."""

    def __init__(self, pool: Pool, state: walk.Walk) -> None:
        self.pool = pool
        self.walk = state

    def at(self) -> walk.Place | walk.Exhausted | walk.Settled:
        return self.walk.due

    def listed(self) -> tuple[tuple[int, bytes], ...]:
        return self.walk.chosen

    def entry(self, member: PoolMember, specialty: str = "A01") -> bytes:
        entries = self.pool.entries(specialty)
        return next(entry for entry in entries if self.pool.member(entry) == member.uid)

    def say(self, word: Word) -> Self:
        self.walk = self.walk.heard(word, payload_of(word))
        return self

    def next_word(self, member: PoolMember, specialty: str = "A01") -> Next:
        due = self.walk.due
        assert isinstance(due, walk.Place)
        entry = self.entry(member, specialty)
        return Next(self.walk.steps, due.slot, due.rank, entry, self.walk.head)

    def ask(self, member: PoolMember, specialty: str = "A01") -> Self:
        return self.say(self.next_word(member, specialty))

    def verdict(self, ruling: Ruling | None = None, excluded: tuple[str, ...] = ()) -> Verdict:
        assert self.walk.pending is not None
        return verdict_on(self.pool, self.walk, self.walk.pending.entry, excluded, ruling)

    def rule(self, ruling: Ruling | None = None, excluded: tuple[str, ...] = ()) -> Self:
        return self.say(self.verdict(ruling, excluded))

    def report_word(self, response: Response, entry: bytes = b"") -> Report:
        waiting = self.walk.pending
        named = waiting.entry if waiting is not None and not entry else entry
        return Report(named, response, b"\7" * 32, self.walk.head)

    def report(self, response: Response = Response.ACCEPT, entry: bytes = b"") -> Self:
        return self.say(self.report_word(response, entry))

    def invite(
        self,
        member: PoolMember,
        response: Response = Response.ACCEPT,
        specialty: str = "A01",
    ) -> Self:
        return self.ask(member, specialty).rule(Ruling.INVITE).report(response)

    def result(self, **changes: int) -> Result:
        members = len(self.walk.chosen)
        word = Result(b"l" * 32, b"s" * 32, self.walk.revision + 1, members)
        return replace(word, **changes)  # type: ignore[arg-type]  # ints only


def begun(slots: tuple[Slot, ...] = TWO_AND_ONE, excluded: tuple[str, ...] | None = None) -> Draw:
    listings = [POOL.listing(name) for name in {slot.specialty: None for slot in slots}]
    listed = check_listings(DIGESTS, POOL.strata, slots, listings)
    return Draw(POOL, walk.start(DIGESTS, opening_of(POOL, slots), listed, COMMITS, excluded))


def refused(draw: Draw, word: Word, clause: str, sentence: str) -> FederationError:
    before = draw.walk
    with pytest.raises((OutOfTurn, Malformed), match=sentence) as caught:
        draw.say(word)
    assert caught.value.clause == clause
    assert draw.walk == before
    return caught.value


def full() -> Draw:
    """甲 and 丙 sit on slot 0; slot 1 has only 甲, who is taken: short."""
    draw = begun().invite(JIA).invite(BING).ask(JIA, "B05").rule()
    draw.say(Shortfall(1, 1))
    return draw.say(draw.result())


def test_slots_are_filled_one_after_the_other() -> None:
    draw = begun()
    assert draw.at() == walk.Place(0, 0)
    draw.invite(JIA)
    assert draw.at() == walk.Place(0, 1)
    draw.ask(YI).rule()
    assert draw.at() == walk.Place(0, 2)
    draw.invite(BING)
    assert draw.at() == walk.Place(1, 0)
    draw.ask(JIA, "B05").rule()
    assert draw.at() == walk.Exhausted(1, 1)
    draw.say(Shortfall(1, 1))
    assert draw.at() == walk.Settled(1)
    assert draw.listed() == ((0, draw.entry(JIA)), (0, draw.entry(BING)))
    assert (draw.walk.invited, draw.walk.accepted, draw.walk.supplements) == (2, 2, 0)


def test_the_sealer_is_told_what_to_say_next() -> None:
    draw = begun()
    orders = [[draw.entry(m) for m in (DING, YI, BING, JIA)], [draw.entry(JIA, "B05")]]
    assert walk.next_step(draw.walk, orders) == walk.Ask(0, 0, draw.entry(DING))
    draw.ask(DING).rule().invite(YI)
    assert walk.next_step(draw.walk, orders) == walk.Ask(0, 2, draw.entry(BING))
    draw.invite(BING).ask(JIA, "B05").rule()
    assert walk.next_step(draw.walk, orders) == walk.Exhausted(1, 1)
    assert walk.next_step(draw.say(Shortfall(1, 1)).walk, orders) == walk.Settled(1)


@pytest.mark.parametrize("response", [Response.DECLINE, Response.NO_ANSWER])
def test_who_does_not_come_is_replaced_and_binds_nobody(response: Response) -> None:
    draw = begun().invite(JIA, response)
    assert (draw.walk.chosen, draw.walk.supplements) == ((), 1)
    assert draw.at() == walk.Place(0, 1)
    assert walk.rule(draw.walk, draw.pool.attributes(draw.entry(YI)), ()) is Ruling.INVITE


def test_the_owner_rules_by_status_then_exclusion_then_person_then_employer() -> None:
    state = begun().invite(JIA).walk
    jia = POOL.attributes(begun().entry(JIA))
    stranger = Attributes(b"l" * 32, b"e" * 32, "91Q", "active")
    assert walk.rule(state, stranger, {"91X"}) is Ruling.INVITE
    same_employer = replace(stranger, employer=jia.employer)
    assert walk.rule(state, same_employer, ()) is Ruling.SKIP_EMPLOYER
    same_person = replace(same_employer, link=jia.link)
    assert walk.rule(state, same_person, ()) is Ruling.SKIP_LINK
    assert walk.rule(state, same_person, {"91Q"}) is Ruling.SKIP_EXCLUDED
    assert walk.rule(state, replace(same_person, status="leave"), {"91Q"}) is Ruling.SKIP_STATUS


@pytest.mark.parametrize(
    ("member", "ruling", "opened"),
    [
        (DING, Ruling.SKIP_STATUS, {STATUS}),
        (BING, Ruling.SKIP_EXCLUDED, {USCC}),
        (YI, Ruling.SKIP_EMPLOYER, {EMPLOYER}),
    ],
)
def test_a_skip_opens_its_reason_and_nothing_else(
    member: PoolMember, ruling: Ruling, opened: set[str]
) -> None:
    draw = begun(excluded=("91Y",)).invite(JIA).ask(member)
    verdict = draw.verdict(excluded=("91Y",))
    assert verdict.ruling is ruling
    assert {opening.attribute for opening in verdict.openings} == opened
    draw.say(verdict)
    assert draw.walk.pending is None


def test_a_person_sits_on_one_seat_only() -> None:
    draw = begun().invite(JIA).invite(BING).ask(JIA, "B05")
    refused(draw, draw.verdict(Ruling.INVITE), "V11", "INVITE is not what")
    assert draw.verdict().ruling is Ruling.SKIP_LINK
    assert {opening.attribute for opening in draw.verdict().openings} == {LINK}
    draw.rule()


def test_a_person_committed_under_two_employers_still_sits_only_once() -> None:
    draw = begun().invite(JIA)
    values = {
        "id": b"",
        "link": POOL.link(draw.entry(JIA)),
        "emp": b"another employer",
        "uscc": b"91Q",
        "status": b"active",
    }
    openings = {name: Opening(name, b"s" * 32, value) for name, value in values.items()}
    name, epoch = POOL.name.encode(), POOL.epoch.encode()
    hidden = tuple(
        DIGESTS.tagged("attr", name, epoch, o.attribute.encode(), o.salt, o.value)
        for o in openings.values()
    )
    forged = DIGESTS.tagged("entry", name, epoch, b"A01", *hidden)
    stuffed = {**draw.walk.strata, "A01": draw.walk.strata["A01"] | {forged}}
    draw.walk = replace(draw.walk, strata=stuffed)
    draw.say(replace(draw.next_word(BING), entry=forged))
    shown = tuple(openings[attribute] for attribute in walk.OPENED_FOR[Ruling.INVITE])
    invite = Verdict(forged, Ruling.INVITE, hidden, shown, draw.walk.head)
    refused(draw, invite, "V11", "INVITE is not what")


@pytest.mark.parametrize(
    ("member", "ruling"),
    [
        (DING, Ruling.INVITE),
        (YI, Ruling.INVITE),
        (BING, Ruling.SKIP_STATUS),
        (BING, Ruling.SKIP_LINK),
        (BING, Ruling.SKIP_EMPLOYER),
        (BING, Ruling.SKIP_EXCLUDED),
    ],
)
def test_a_ruling_against_the_committed_attributes_is_refused(
    member: PoolMember, ruling: Ruling
) -> None:
    draw = begun(excluded=("91Q",)).invite(JIA).ask(member)
    refused(draw, draw.verdict(ruling), "V11", f"{ruling.name} is not what the committed")


def test_a_recusal_is_believed_where_the_list_is_secret() -> None:
    draw = begun().ask(BING).rule(Ruling.SKIP_EXCLUDED)
    assert draw.at() == walk.Place(0, 1)


def test_a_verdict_opens_neither_more_nor_less_than_its_reason() -> None:
    draw = begun().ask(BING)
    honest = draw.verdict()
    more = POOL.open(draw.entry(BING), ["link", "emp", "status", "id"])[1]
    refused(draw, replace(honest, openings=more), "V11", "opens link, emp, status, not")
    refused(draw, replace(honest, openings=more[:2]), "V11", "opens link, emp, status, not")


def test_a_verdict_opens_the_entry_that_was_asked() -> None:
    draw = begun().ask(BING)
    honest = draw.verdict()
    hidden, openings = POOL.open(draw.entry(YI), [LINK, EMPLOYER, STATUS])
    forged = replace(honest, digests=hidden, openings=openings)
    refused(draw, forged, "V11", "do not make up entry")
    refused(draw, replace(honest, entry=draw.entry(YI)), "V12", "was not asked")


def test_a_verdict_comes_once_after_its_entry_was_asked() -> None:
    draw = begun()
    verdict = verdict_on(POOL, draw.walk, draw.entry(BING))
    refused(draw, verdict, "V12", "was not asked")
    draw.ask(BING).rule()
    refused(draw, draw.verdict(), "V12", "was not asked")


@pytest.mark.parametrize(
    "change", [{"step": 1}, {"step": -1}, {"slot": 1}, {"slot": 7}, {"rank": 1}, {"rank": -1}]
)
def test_a_next_that_jumps_is_out_of_turn(change: dict[str, int]) -> None:
    draw = begun()
    word = replace(draw.next_word(BING), **change)  # type: ignore[arg-type]  # ints only
    refused(draw, word, "V9", "the walk is at step 0, slot 0, rank 0")


def test_a_next_names_a_listed_entry_of_its_own_stratum_once() -> None:
    draw = begun()
    ghost = replace(draw.next_word(BING), entry=b"\0" * 32)
    refused(draw, ghost, "V9", "not in the listed stratum")
    other = replace(draw.next_word(BING), entry=draw.entry(JIA, "B05"))
    refused(draw, other, "V9", "not in the listed stratum")
    draw.invite(BING, Response.DECLINE)
    refused(draw, draw.next_word(BING), "V9", "asked before for slot 0")


def test_nothing_goes_on_while_an_entry_has_no_outcome() -> None:
    draw = begun().ask(BING)
    for _ in range(2):
        refused(draw, draw.next_word(YI), "V12", "left without an outcome")
        refused(draw, draw.result(), "V12", "left without an outcome")
        refused(draw, Shortfall(0, 2), "V12", "left without an outcome")
        if not isinstance(draw.walk.pending, walk.Invited):
            draw.rule()


def test_an_answer_is_for_the_invited_expert() -> None:
    draw = begun()
    refused(draw, draw.report_word(Response.ACCEPT, draw.entry(BING)), "V12", "not invited")
    draw.ask(BING)
    refused(draw, draw.report_word(Response.ACCEPT), "V12", "not invited")
    draw.rule()
    refused(draw, draw.report_word(Response.ACCEPT, draw.entry(YI)), "V12", "not invited")
    draw.report()
    refused(draw, draw.report_word(Response.ACCEPT, draw.entry(BING)), "V12", "not invited")


def test_every_step_names_the_last_one() -> None:
    draw = begun()
    astray = b"\0" * 32
    refused(
        draw, replace(draw.next_word(BING), previous_step=astray), "V10", "but the last one was"
    )
    draw.ask(BING)
    refused(draw, replace(draw.verdict(), previous_step=astray), "V10", "but the last one was")
    draw.rule()
    answer = replace(draw.report_word(Response.ACCEPT), previous_step=astray)
    refused(draw, answer, "V10", "but the last one was")
    draw = full()
    leave = draw.report_word(Response.LEAVE, draw.entry(BING))
    refused(draw, replace(leave, previous_step=b""), "V10", "but the last one was")


def test_the_chain_covers_the_bytes_that_were_signed() -> None:
    draw = begun()
    word = draw.next_word(BING)
    one, two = draw.walk.heard(word, b"one"), draw.walk.heard(word, b"two")
    assert draw.walk.head == COMMITS
    assert one.head == DIGESTS.tagged("step", b"one")
    assert one.head != two.head


def test_a_full_list_draws_nobody_else() -> None:
    draw = begun((Slot("A01", 1),)).invite(BING)
    extra = Next(1, 0, 1, draw.entry(YI), draw.walk.head)
    refused(draw, extra, "V12", "no open slot asks for")
    draw.say(draw.result())
    refused(draw, extra, "V12", "no open slot asks for")


def test_a_shortfall_is_declared_exactly_when_a_stratum_is_exhausted() -> None:
    draw = begun((Slot("A01", 4),)).invite(JIA).invite(BING)
    refused(draw, Shortfall(0, 2), "V12", "the walk is at Place")
    draw.ask(YI).rule().ask(DING).rule()
    refused(draw, Shortfall(0, 1), "V12", "the walk is at Exhausted")
    refused(draw, Shortfall(1, 2), "V12", "the walk is at Exhausted")
    refused(draw, draw.result(), "V12", "seals a list that is at Exhausted")
    refused(draw, Next(4, 0, 4, draw.entry(YI), draw.walk.head), "V12", "no open slot")
    draw.say(Shortfall(0, 2))
    assert draw.at() == walk.Settled(2)
    refused(draw, Shortfall(0, 2), "V12", "the walk is at Settled")


def test_a_walk_of_too_many_steps_counts_as_exhausted() -> None:
    draw = begun()
    draw.walk = replace(draw.walk, steps=MAX_STEPS - 1)
    draw.invite(JIA)
    assert draw.at() == walk.Exhausted(0, 1)
    draw.say(Shortfall(0, 1)).say(Shortfall(1, 1)).say(draw.result())
    assert draw.walk.sealed


def test_a_list_is_sealed_once_with_its_number_and_its_members() -> None:
    draw = begun((Slot("A01", 1),))
    refused(draw, draw.result(), "V12", "seals a list that is at Place")
    draw.invite(BING)
    refused(draw, draw.result(revision=2), "V14", "expected revision 1 with 1")
    refused(draw, draw.result(revision=0), "V14", "expected revision 1 with 1")
    refused(draw, draw.result(members=2), "V14", "expected revision 1 with 1")
    draw.say(draw.result())
    assert (draw.walk.sealed, draw.walk.revision) == (True, 1)
    refused(draw, draw.result(), "V12", "seals a list that is at Settled")


@pytest.mark.parametrize("how", sorted(GONE))
def test_who_is_gone_reopens_a_slot_at_the_next_rank_and_frees_an_employer(how: Response) -> None:
    draw = full()
    assert walk.rule(draw.walk, POOL.attributes(draw.entry(YI)), ()) is Ruling.SKIP_EMPLOYER
    draw.report(how, draw.entry(JIA))
    assert not draw.walk.sealed
    assert draw.at() == walk.Place(0, 2)
    assert draw.listed() == ((0, draw.entry(BING)),)
    assert draw.walk.supplements == 1
    draw.invite(YI)
    assert draw.at() == walk.Settled(1)  # slot 1 stays declared short
    assert draw.listed() == ((0, draw.entry(BING)), (0, draw.entry(YI)))
    refused(draw, draw.result(revision=1), "V14", "expected revision 2 with 2")
    draw.say(draw.result())
    assert (draw.walk.invited, draw.walk.accepted, draw.walk.revision) == (3, 3, 2)


def test_a_leave_from_a_short_slot_must_be_declared_short_anew() -> None:
    draw = begun((Slot("B05", 2),)).invite(JIA, specialty="B05").say(Shortfall(0, 1))
    draw.say(draw.result()).report(Response.LEAVE, draw.entry(JIA, "B05"))
    assert draw.at() == walk.Exhausted(0, 2)
    draw.say(Shortfall(0, 2)).say(draw.result())
    assert draw.listed() == ()


def test_only_who_is_on_a_sealed_list_can_leave_it() -> None:
    draw = begun().invite(JIA).ask(BING).rule()
    refused(draw, draw.report_word(Response.LEAVE), "V12", "once the list is sealed")
    draw.report()
    refused(draw, draw.report_word(Response.LEAVE, draw.entry(JIA)), "V12", "once the list")
    draw = full()
    refused(draw, draw.report_word(Response.LEAVE, draw.entry(YI)), "V12", "for an expert on")


def test_other_words_are_no_steps() -> None:
    draw = begun()
    refused(draw, Close(b"v" * 32, draw.walk.head), "V12", "Close is no step of a walk")


@pytest.mark.parametrize(
    "slots",
    [
        (),
        (Slot("A01", 1),) * (MAX_SLOTS + 1),
        (Slot("A01", 0),),
        (Slot("A01", -1),),
        (Slot("A01", MAX_PER_SLOT + 1),),
    ],
)
def test_impossible_slots_are_refused_at_the_start(slots: tuple[Slot, ...]) -> None:
    with pytest.raises(Malformed, match="1 to 16 slots of 1 to 64 experts") as caught:
        begun(slots)
    assert caught.value.clause == "V2"
