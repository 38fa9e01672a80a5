"""An honest draw passes; every attack on it is refuted by the rule it breaks."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.lottery import ranking
from federation.lottery.audit import (
    DrawAudit,
    DrawRefuted,
    Spoken,
    audit,
    exclusion_commitment,
    list_commitment,
    result_info,
)
from federation.lottery.pool import PoolMember, strata_root
from federation.protocol.conversation import Word
from federation.protocol.draw import (
    AcceptDraw,
    Close,
    Commit,
    Fault,
    Listing,
    Next,
    Open,
    Report,
    RequestDraw,
    Response,
    Result,
    Reveal,
    Ruling,
    Shortfall,
    Slot,
    Verdict,
)
from federation.protocol.peering import AnnouncePool
from federation.trust.suite import Digests, enc, u32
from tests.lottery.honest_draw import (
    DIGESTS,
    EPOCH_KEY,
    OWNER,
    POOL,
    POOLS,
    SALT,
    SEALER,
    SLOTS,
    SUITES,
    Played,
    accepts,
    announcement_of,
    declines,
    experts,
    payload_of,
    place_of,
    play,
    pool_of,
    rechained,
    said_instead,
    whimsical,
)

ANNOUNCEMENT = announcement_of(POOL)
EXCLUDED = sorted({member.uscc for member in experts(60) if member.uscc})[:4]
HONEST = play(answers=whimsical(2), excluded=EXCLUDED)


def refuted(
    transcript: Sequence[Spoken],
    rule: str,
    sentence: str,
    announcement: AnnouncePool = ANNOUNCEMENT,
    excluded: Sequence[str] | None = None,
) -> None:
    with pytest.raises(DrawRefuted, match=sentence) as caught:
        audit(DIGESTS, transcript, announcement, excluded, exclusion_salt=SALT)
    assert caught.value.rule == rule
    assert str(caught.value) == f"{rule}: {caught.value.sentence}"


def changed(kind: type[Word], nth: int = 0, **changes: object) -> list[Spoken]:
    """The honest draw with one word changed and the chain made good."""
    at = place_of(HONEST.transcript, kind, nth)
    word = replace(HONEST.transcript[at].word, **changes)
    return rechained(DIGESTS, said_instead(HONEST.transcript, at, word))


def without(kind: type[Word], nth: int = 0) -> list[Spoken]:
    at = place_of(HONEST.transcript, kind, nth)
    return rechained(DIGESTS, HONEST.transcript[:at] + HONEST.transcript[at + 1 :])


def said_by_the_other(kind: type[Word], nth: int = 0) -> list[Spoken]:
    at = place_of(HONEST.transcript, kind, nth)
    spoken = HONEST.transcript[at]
    other = replace(spoken, sender=OWNER if spoken.sender == SEALER else SEALER)
    return [*HONEST.transcript[:at], other, *HONEST.transcript[at + 1 :]]


@pytest.mark.parametrize("digests", SUITES, ids=lambda digests: digests.suite_id)
@given(
    values=st.tuples(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32)),
    mood=st.integers(0, 1_000),
    leaves=st.integers(0, 4),
    counts=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    recusing=st.none() | st.sets(st.sampled_from(EXCLUDED)),
    requested=st.booleans(),
)
def test_an_honest_draw_passes(
    digests: Digests,
    values: tuple[bytes, bytes],
    mood: int,
    leaves: int,
    counts: list[int],
    recusing: set[str] | None,
    requested: bool,
) -> None:
    pool = POOLS[digests.suite_id]
    excluded = None if recusing is None else sorted(recusing)
    names = ["A01", "B05", "A01"]
    slots = tuple(Slot(name, count) for name, count in zip(names, counts, strict=False))
    played = play(
        pool, slots, values=values, answers=whimsical(mood), leaves=leaves, excluded=excluded,
        requested=requested,
    )  # fmt: skip
    words = [spoken.word for spoken in played.transcript]
    results = [word for word in words if isinstance(word, Result)]
    found = audit(
        digests, played.transcript, announcement_of(pool), excluded, exclusion_salt=SALT,
        list_salts=dict.fromkeys(range(1, len(results) + 1), SALT),
    )  # fmt: skip
    answers = [word.response for word in words if isinstance(word, Report)]
    assert found == DrawAudit(
        owner=OWNER,
        sealer=SEALER,
        invited=len(answers) - answers.count(Response.LEAVE),
        accepted=answers.count(Response.ACCEPT),
        supplements=len(answers) - answers.count(Response.ACCEPT),
        members=played.end.chosen,
        results=tuple(results),
    )
    people = [pool.member(entry) for _, entry in found.members]
    by_uid = {member.uid: member for member in experts(60)}
    employers = [by_uid[uid].uscc for uid in people if by_uid[uid].uscc]
    assert len(set(people)) == len(people)
    assert len(set(employers)) == len(employers)
    assert all(by_uid[uid].status == "active" for uid in people)
    assert not set(employers) & set(excluded or ())
    short = sum(word.missing for word in words if isinstance(word, Shortfall))
    assert short or len(people) == sum(slot.count for slot in slots)


def test_who_leaves_is_replaced_from_the_same_order() -> None:
    before, after = play(), play(leaves=1)
    gone = before.end.chosen[0]
    found = audit(DIGESTS, after.transcript, ANNOUNCEMENT)
    assert len(found.members) == len(before.end.chosen) == 5
    assert gone not in found.members
    assert set(before.end.chosen) - {gone} < set(found.members)
    assert (found.supplements, [result.revision for result in found.results]) == (1, [1, 2])
    supplement = next(entry for slot, entry in found.members if (slot, entry) not in
                      before.end.chosen)  # fmt: skip
    asked = [s.word for s in after.transcript if isinstance(s.word, Next) and s.word.slot == 0]
    assert asked[-1].entry == supplement
    assert [word.rank for word in asked] == list(range(len(asked)))


def test_an_exhausted_stratum_is_found_short() -> None:
    pool = pool_of([PoolMember(f"E{n}", "", "", ("A01",)) for n in range(3)])
    played = play(pool, (Slot("A01", 5),))
    found = audit(DIGESTS, played.transcript, announcement_of(pool))
    assert len(found.members) == 3
    nobody = play(pool, (Slot("A01", 1),), answers=declines)
    found = audit(DIGESTS, nobody.transcript, announcement_of(pool))
    assert (found.members, found.invited, found.accepted, found.supplements) == ((), 3, 0, 3)


def test_no_name_number_or_credit_code_of_anybody_leaks_into_the_words() -> None:
    said = b"".join(spoken.payload for spoken in play(answers=whimsical(1)).transcript)
    for member in experts(60):
        assert member.uid.encode() not in said
        assert f"'{member.name}'".encode() not in said
        assert not member.uscc or member.uscc.encode() not in said
    assert repr(EPOCH_KEY)[2:-1].encode() not in said


def test_commitments_bind_list_place_and_draw() -> None:
    chosen = [(0, b"e" * 32), (1, b"f" * 32)]
    bound = b"o" * 32
    made = list_commitment(DIGESTS, bound, SALT, chosen)
    expected = DIGESTS.tagged(
        "list", bound, SALT, enc(u32(0), b"e" * 32), enc(u32(1), b"f" * 32)
    )  # fmt: skip
    assert made == expected
    assert result_info(DIGESTS, bound, b"h" * 32) == DIGESTS.tagged("result", bound, b"h" * 32)
    assert exclusion_commitment(DIGESTS, SALT, ["b", "a", "b"]) == DIGESTS.tagged(
        "excl", SALT, b"a", b"b"
    )


def first_two_swapped(_slot: int, order: list[bytes]) -> list[bytes]:
    return [order[1], order[0], *order[2:]]


def first_left_out(_slot: int, order: list[bytes]) -> list[bytes]:
    return order[1:]


@pytest.mark.parametrize("order_of", [first_two_swapped, first_left_out])
def test_a_sealer_that_reorders_or_hides_an_entry_is_refuted(
    order_of: Callable[[int, list[bytes]], list[bytes]],
) -> None:
    cheated = play(order_of=order_of)  # the owner cannot see it
    refuted(cheated.transcript, "V9", "slot 0, rank 0 is another entry")


def test_a_favourite_put_in_place_of_a_late_rank_is_refuted() -> None:
    def favour(slot: int, order: list[bytes]) -> list[bytes]:
        favourite = order.pop()
        return [*order[:2], favourite, *order[2:]] if slot == 1 else [*order, favourite]

    cheated = play(order_of=favour, answers=declines_first_two())
    refuted(cheated.transcript, "V9", "slot 1, rank 2 is another entry")


def declines_first_two() -> Callable[[bytes], Response]:
    seen: list[bytes] = []

    def answer(entry: bytes) -> Response:
        seen.append(entry)
        return Response.DECLINE if len(seen) % 3 else Response.ACCEPT

    return answer


def test_another_order_than_the_one_of_a_leave_is_refuted() -> None:
    honest = play(leaves=1)
    asked = [s.word.entry for s in honest.transcript if isinstance(s.word, Next)]

    def swap_the_supplement(slot: int, order: list[bytes]) -> list[bytes]:
        at = order.index(asked[-1]) if slot == 0 else 0
        return order if slot else [*order[:at], order[at + 1], order[at], *order[at + 2 :]]

    cheated = play(leaves=1, order_of=swap_the_supplement)
    refuted(cheated.transcript, "V9", "is another entry")


def test_a_pool_changed_after_the_seed_is_refuted() -> None:
    at = place_of(HONEST.transcript, AcceptDraw)
    accept = HONEST.transcript[at].word
    assert isinstance(accept, AcceptDraw)
    first, second = accept.listings
    for entries in (
        first.entries[32:] + b"\xff" * 32,
        first.entries[:32] + first.entries[:-32],
        first.entries[32:],
    ):
        listings = (Listing(first.specialty, entries), second)
        refuted(changed(AcceptDraw, listings=listings), "V5", "A01")
    refuted(changed(AcceptDraw, listings=(first,)), "V5", "asked for were")


def test_another_pool_than_the_announced_one_is_refuted() -> None:
    for change in ({"pool": "other"}, {"epoch": "other"}, {"root": b"\0" * 32}):
        refuted(changed(Open, **change), "V3", "another pool than the one announced")
    other = announcement_of(pool_of(experts(61)))
    refuted(HONEST.transcript, "V3", "another pool than the one announced", other)
    stuffed = replace(ANNOUNCEMENT.strata[0], size=999)
    for strata in ((stuffed, *ANNOUNCEMENT.strata[1:]), ANNOUNCEMENT.strata[::-1]):
        forged = replace(ANNOUNCEMENT, strata=strata)
        refuted(HONEST.transcript, "V4", "do not make up the announced root", forged)


def test_a_stratum_announced_twice_is_refuted_under_its_own_root() -> None:
    strata = (ANNOUNCEMENT.strata[0], *ANNOUNCEMENT.strata)
    root = strata_root(DIGESTS, strata)
    forged = replace(ANNOUNCEMENT, strata=strata, root=root)
    refuted(changed(Open, root=root), "V4", "do not make up the announced root", forged)


def test_a_draw_has_one_open_and_it_is_what_the_owner_requested() -> None:
    at = place_of(HONEST.transcript, Open)
    second = [*HONEST.transcript[: at + 1], *HONEST.transcript[at:]]
    refuted(second, "V5", "Open where AcceptDraw was due")
    refuted(HONEST.transcript[at + 1 :], "V2", "AcceptDraw where Open was due")
    refuted([], "V2", "ends where Open was due")
    requested = play(requested=True)
    asked = requested.transcript[0].word
    assert isinstance(asked, RequestDraw)
    audit(DIGESTS, requested.transcript, ANNOUNCEMENT)
    other = replace(asked, slots=(Slot("A01", 1),))
    refuted(said_instead(requested.transcript, 0, other), "V2", "another draw than")
    stranger = replace(requested.transcript[0], sender="lp1stranger")
    refuted([stranger, *requested.transcript[1:]], "V2", "lp1stranger requested a draw")
    refuted(changed(Open, slots=(Slot("A01", 0), Slot("B05", 2))), "V7", "not what .* committed")


def test_impossible_slots_are_refuted() -> None:
    slots = (Slot("A01", 65),)
    listings = (POOL.listing("A01"),)
    opened = changed(Open, slots=slots)
    transcript = said_instead(opened, place_of(opened, AcceptDraw), AcceptDraw(listings))
    refuted(committed_anew(transcript), "V2", "1 to 64 experts")


def committed_anew(transcript: list[Spoken]) -> list[Spoken]:
    """Both centers commit to the values they will reveal, after Open was changed."""
    bound = ranking.open_hash(DIGESTS, transcript[place_of(transcript, Open)].payload)
    for nth, (center, value) in enumerate(((OWNER, b"\1" * 32), (SEALER, b"\2" * 32))):
        word = Commit(ranking.commitment(DIGESTS, bound, center, value))
        transcript = said_instead(transcript, place_of(transcript, Commit, nth), word)
    return rechained(DIGESTS, transcript)


def test_both_centers_commit_in_turn_before_anything_is_revealed() -> None:
    transcript = HONEST.transcript
    first, reveal = place_of(transcript, Commit), place_of(transcript, Reveal)
    refuted(changed(Open, contributors=(SEALER, OWNER)), "V6", "contributors are")
    refuted(changed(Open, contributors=(OWNER, SEALER, "lp1w")), "V6", "contributors are")
    refuted(without(Commit, 1), "V6", "Reveal where Commit was due")
    twisted = list(transcript)
    twisted[first], twisted[first + 1] = twisted[first + 1], twisted[first]
    refuted(twisted, "V6", "committed where it was the turn of")
    early = list(transcript)
    early[reveal], early[reveal - 1] = early[reveal - 1], early[reveal]
    refuted(early, "V6", "Reveal where Commit was due")


def test_what_is_revealed_is_what_was_committed_to() -> None:
    for kind, center in ((Reveal, OWNER), (Close, SEALER)):
        refuted(changed(kind, value=b"\7" * 32), "V7", f"what {center} revealed is not")
        refuted(changed(kind, value=b"\7"), "V7", "revealed 1 bytes in place of")
        refuted(said_by_the_other(kind), "V7", "revealed 32 bytes in place of")
        refuted(without(kind), "V7", "was due|never revealed")


def test_a_draw_that_stopped_halfway_has_no_result() -> None:
    upto = place_of(HONEST.transcript, Next)
    refuted(HONEST.transcript[:upto], "V7", "the sealer never revealed its value")
    fault = Fault("WALKING", "silence")
    silent = [*HONEST.transcript[:-1], Spoken(OWNER, payload_of(fault), fault)]
    refuted(silent, "V7", "the draw is void")
    late = [*HONEST.transcript[:-1], Spoken(OWNER, b"", fault), HONEST.transcript[-1]]
    refuted(late, "V12", "Fault of lp1changle has no place")
    late[-2] = Spoken(SEALER, b"", fault)
    refuted(late, "V12", "Fault is no step of a walk")


def test_nothing_is_said_between_commit_and_reveal_by_leaving_words_out() -> None:
    upto = place_of(HONEST.transcript, Reveal)
    refuted(HONEST.transcript[: upto + 1], "V7", "the sealer never revealed")
    bare = [*HONEST.transcript[: upto + 1], HONEST.transcript[-1]]
    refuted(rechained(DIGESTS, bare), "V12", "closed before its list was sealed")
    refuted(without(Result), "V12", "closed before its list was sealed")


@pytest.mark.parametrize("kind", [Next, Verdict, Report, Result])
def test_a_word_of_the_walk_by_the_wrong_center_is_refuted(kind: type[Word]) -> None:
    refuted(said_by_the_other(kind), "V12", "has no place in the walk")


def test_a_dropped_step_is_refuted_though_the_chain_was_made_good() -> None:
    refuted(without(Next, 1), "V12", "was not asked")
    refuted(without(Verdict), "V12", "left without an outcome|was not invited")
    refuted(without(Report), "V12", "left without an outcome")


@pytest.mark.parametrize("kind", [Next, Verdict, Report])
def test_a_dropped_step_breaks_the_chain(kind: type[Word]) -> None:
    at = place_of(HONEST.transcript, kind, 2)
    word = replace(HONEST.transcript[at].word, previous_step=b"\0" * 32)  # type: ignore[call-arg]
    refuted(said_instead(HONEST.transcript, at, word), "V10", "but the last one was")


def test_a_close_that_does_not_cover_the_last_step_is_refuted() -> None:
    word = HONEST.transcript[-1].word
    assert isinstance(word, Close)
    astray = said_instead(HONEST.transcript, -1, replace(word, head=b"\0" * 32))
    refuted(astray, "V10", "does not cover the last step")


def invited_first(played: Played) -> tuple[int, Verdict]:
    for at, spoken in enumerate(played.transcript):
        if isinstance(spoken.word, Verdict) and spoken.word.ruling is Ruling.INVITE:
            return at, spoken.word
    raise AssertionError("nobody was invited")


@pytest.mark.parametrize(
    ("ruling", "attribute"),
    [
        (Ruling.SKIP_STATUS, "status"),
        (Ruling.SKIP_LINK, "link"),
        (Ruling.SKIP_EMPLOYER, "emp"),
    ],
)
def test_an_owner_that_skips_without_reason_is_refuted(ruling: Ruling, attribute: str) -> None:
    at, verdict = invited_first(HONEST)
    openings = POOL.open(verdict.entry, [attribute])[1]
    skip = replace(verdict, ruling=ruling, openings=openings)
    refuted(rechained(DIGESTS, said_instead(HONEST.transcript, at, skip)), "V11", "is not what the")


def test_a_false_recusal_is_found_with_the_list() -> None:
    at, verdict = invited_first(HONEST)
    openings = POOL.open(verdict.entry, ["uscc"])[1]
    skip = replace(verdict, ruling=Ruling.SKIP_EXCLUDED, openings=openings)
    transcript = rechained(DIGESTS, said_instead(HONEST.transcript, at, skip))
    refuted(transcript, "V11", "SKIP_EXCLUDED is not what", excluded=EXCLUDED)


def test_an_invitation_against_a_constraint_is_refuted() -> None:
    for spoken in HONEST.transcript:
        word = spoken.word
        if isinstance(word, Verdict) and word.ruling in {Ruling.SKIP_STATUS, Ruling.SKIP_EMPLOYER}:
            openings = POOL.open(word.entry, ["link", "emp", "status"])[1]
            invite = replace(word, ruling=Ruling.INVITE, openings=openings)
            at = HONEST.transcript.index(spoken)
            transcript = rechained(DIGESTS, said_instead(HONEST.transcript, at, invite))
            refuted(transcript, "V11", "INVITE is not what")
            return
    raise AssertionError("the honest draw skips nobody; choose other answers")


def test_an_opening_of_another_expert_is_refuted() -> None:
    at, verdict = invited_first(HONEST)
    other = POOL.entries("C07")[0]
    hidden, openings = POOL.open(other, ["link", "emp", "status"])
    forged = replace(verdict, digests=hidden, openings=openings)
    refuted(
        rechained(DIGESTS, said_instead(HONEST.transcript, at, forged)), "V11", "do not make up"
    )


def test_the_exclusion_list_is_the_one_committed_to() -> None:
    audit(DIGESTS, HONEST.transcript, ANNOUNCEMENT, EXCLUDED, exclusion_salt=SALT)
    for other in (EXCLUDED[1:], [*EXCLUDED, "91Q"], []):
        refuted(HONEST.transcript, "V13", "exclusion list is not", excluded=other)
    uncommitted = play()
    audit(DIGESTS, uncommitted.transcript, ANNOUNCEMENT, [])
    refuted(uncommitted.transcript, "V13", "exclusion list is not", excluded=EXCLUDED)


def test_an_extra_draw_is_refuted() -> None:
    at = place_of(HONEST.transcript, Result)
    steps = sum(isinstance(spoken.word, Next) for spoken in HONEST.transcript)
    extra = Next(steps, 1, 9, POOL.entries("B05")[0], b"")
    for place in (at, at + 1):
        transcript = list(HONEST.transcript)
        transcript.insert(place, Spoken(SEALER, b"", extra))
        refuted(rechained(DIGESTS, transcript), "V12", "draws an expert that no open slot")


def test_a_shortfall_with_entries_left_is_refuted() -> None:
    at = place_of(HONEST.transcript, Next)
    transcript = list(HONEST.transcript)
    shortfall = Shortfall(0, 3)
    transcript.insert(at, Spoken(OWNER, payload_of(shortfall), shortfall))
    refuted(transcript, "V12", "Shortfall of 3 in slot 0")


def test_a_second_close_is_refuted() -> None:
    transcript = [*HONEST.transcript, HONEST.transcript[-1]]
    refuted(transcript, "V12", "Close is no step of a walk")


def test_a_result_commits_to_the_list_that_was_drawn() -> None:
    refuted(changed(Result, members=4), "V14", "expected revision 1 with 5")
    refuted(changed(Result, revision=2), "V14", "expected revision 1 with 5")
    forged = changed(Result, list_commitment=b"\0" * 32)
    audit(DIGESTS, forged, ANNOUNCEMENT)  # without the salt nobody can tell
    with pytest.raises(DrawRefuted, match="commits to another list") as caught:
        audit(DIGESTS, forged, ANNOUNCEMENT, list_salts={1: SALT})
    assert caught.value.rule == "V14"
    audit(DIGESTS, forged, ANNOUNCEMENT, list_salts={2: SALT})


def test_a_draw_of_one_suite_is_nothing_in_the_other() -> None:
    (other,) = set(SUITES) - {DIGESTS}
    with pytest.raises(DrawRefuted) as caught:
        audit(other, HONEST.transcript, ANNOUNCEMENT)
    assert caught.value.rule == "V4"


@given(data=st.data())
def test_no_word_can_be_dropped_doubled_or_moved(data: st.DataObject) -> None:
    size = len(HONEST.transcript)
    at = data.draw(st.integers(0, size - 1))
    transcript = list(HONEST.transcript)
    spoken = transcript.pop(at)
    match data.draw(st.sampled_from(["drop", "double", "move"])):
        case "double":
            transcript[at:at] = [spoken, spoken]
        case "move":
            to = data.draw(st.integers(0, size - 1).filter(lambda to: to != at))
            transcript.insert(to, spoken)
        case _:
            pass
    if data.draw(st.booleans()) and any(isinstance(s.word, Open) for s in transcript):
        transcript = rechained(DIGESTS, transcript)
    with pytest.raises(DrawRefuted):
        audit(DIGESTS, transcript, ANNOUNCEMENT, EXCLUDED, exclusion_salt=SALT)


def test_no_expert_is_favoured_by_the_walk() -> None:
    members = [PoolMember(f"E{n}", "", "", ("A01",)) for n in range(10)]
    pool = pool_of(members)
    counts = dict.fromkeys((member.uid for member in members), 0)
    draws, seats = 1_500, 3
    for number in range(draws):
        played = play(
            pool, (Slot("A01", seats),), values=(number.to_bytes(32, "big"), b"\2" * 32),
            answers=accepts,
        )  # fmt: skip
        for _, entry in played.end.chosen:
            counts[pool.member(entry)] += 1
    expected = draws * seats / len(members)
    squares = sum((count - expected) ** 2 / expected for count in counts.values())
    assert squares < 27.9  # chi-square of 9 degrees of freedom, p = 0.001; the values are fixed


def test_the_slots_of_the_honest_draw_are_what_these_tests_assume() -> None:
    words = [spoken.word for spoken in HONEST.transcript]
    assert len(HONEST.end.chosen) == sum(slot.count for slot in SLOTS)
    assert HONEST.end.supplements >= 1
    assert not any(isinstance(word, Shortfall) for word in words)
