"""A draw whose sealer fell silent: what is heard of it, and what its auditor makes of it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from federation.errors import Malformed, OutOfTurn
from federation.lottery import ranking
from federation.lottery.audit import DrawAudit, DrawRefuted, Spoken, audit
from federation.protocol.conversation import Word
from federation.protocol.draw import (
    Close,
    Commit,
    Conclude,
    Next,
    Open,
    Proceed,
    Report,
    Rescue,
    Verdict,
)
from federation.protocol.oversight import Permit, Unseal
from federation.trust.suite import Digests
from tests.lottery.honest_draw import (
    OWNER,
    POOLS,
    SEALER,
    SUITES,
    announcement_of,
    payload_of,
    play,
    whimsical,
)

REGULATOR = "lp1jiangxi"
VALUE = b"\2" * 32
OFFICERS = (b"\1" * 32, b"\2" * 32)
both = pytest.mark.parametrize("digests", SUITES, ids=lambda one: one.suite_id)


def honest(digests: Digests) -> list[Spoken]:
    return play(POOLS[digests.suite_id], answers=whimsical(2), leaves=1).transcript


def alone(
    digests: Digests, transcript: Sequence[Spoken], after: int, *, named: bool = False
) -> list[Spoken]:
    """The same draw, in which the sealer fell silent.

    Args:
        digests: Of its suite.
        transcript: As it went with the sealer.
        after: How many entries the sealer has named, and the owner ruled on.
        named: Whether the sealer has named one more, on which nobody has ruled.
    """
    words: list[tuple[str, Word]] = []
    count = 0
    for spoken in transcript:
        word = spoken.word
        if isinstance(word, Next):
            if count == after:
                words += [(SEALER, word)] if named else []
                words.append((OWNER, Rescue(VALUE)))
            count += 1
            if count > after:
                words.append((OWNER, _proceed(word)))
                continue
        elif isinstance(word, Close):
            words.append((OWNER, Conclude(word.head)))
            continue
        words.append((spoken.sender, word))
    return chained(digests, words, transcript)


def _proceed(word: Next) -> Proceed:
    return Proceed(word.step, word.slot, word.rank, word.entry, word.previous_step)


def chained(
    digests: Digests, words: Sequence[tuple[str, Word]], transcript: Sequence[Spoken]
) -> list[Spoken]:
    """With every step chained; a Next that is followed by Rescue is a step of nothing."""
    bound = ranking.open_hash(digests, next(s.payload for s in transcript
                                            if isinstance(s.word, Open)))  # fmt: skip
    commitments = [word.commitment for _, word in words if isinstance(word, Commit)]
    head = ranking.commits_hash(digests, bound, commitments)
    made = []
    for at, (sender, said) in enumerate(words):
        word = said
        if isinstance(word, Next | Proceed | Verdict | Report):
            word = replace(word, previous_step=head)
            void = isinstance(word, Next) and isinstance(words[at + 1][1], Rescue)
            head = head if void else ranking.step_hash(digests, payload_of(word))
        elif isinstance(word, Conclude):
            word = replace(word, head=head)
        made.append(Spoken(sender, payload_of(word), word))
    return made


def read(raw: bytes, center: str) -> Word:
    if center != REGULATOR:
        raise Malformed("not the regulator's", clause="V1")
    return Unseal(bytes(16), raw, OFFICERS)


def checked(digests: Digests, transcript: Sequence[Spoken], **more: object) -> DrawAudit:
    usual = {"read": read, "regulator": REGULATOR}
    announcement = announcement_of(POOLS[digests.suite_id])
    return audit(digests, transcript, announcement, **(usual | more))  # type: ignore[arg-type]


@both
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("after", [0, 1, 3])
def test_the_owner_comes_to_the_list_that_the_sealer_would_have_come_to(
    digests: Digests, after: int, named: bool
) -> None:
    played = honest(digests)
    announcement = announcement_of(POOLS[digests.suite_id])

    fair = checked(digests, alone(digests, played, after, named=named))

    assert fair.members == audit(digests, played, announcement).members
    assert fair.sealer == SEALER


def refuted(digests: Digests, transcript: Sequence[Spoken], rule: str, **more: object) -> None:
    with pytest.raises(DrawRefuted) as caught:
        checked(digests, transcript, **more)
    assert caught.value.rule == rule


@both
def test_an_escrow_that_nobody_or_somebody_else_opened_proves_nothing(digests: Digests) -> None:
    draw = alone(digests, honest(digests), 1)

    refuted(digests, draw, "V7", regulator="")
    refuted(digests, draw, "V1", regulator="lp1neighbour")
    refuted(digests, draw, "V7", read=lambda _raw, _center: Permit(bytes(16), OFFICERS, bytes(32)))
    refuted(digests, draw, "V7", read=lambda _raw, _center: Unseal(bytes(16), b"\3" * 32, OFFICERS))


@both
def test_an_owner_that_names_another_than_the_next_is_found(digests: Digests) -> None:
    draw = alone(digests, honest(digests), 1)
    places = [at for at, spoken in enumerate(draw) if isinstance(spoken.word, Proceed)]
    at = places[0]
    later = draw[places[-1]].word
    word = draw[at].word
    assert isinstance(word, Proceed)
    assert isinstance(later, Proceed)
    swapped = replace(word, entry=later.entry)
    words = [(one.sender, one.word) for one in draw]
    words[at] = (OWNER, swapped)
    words = [*words[: at + 1], words[-1]]
    refuted(digests, chained(digests, words, draw), "V9")


@both
def test_nobody_goes_on_alone_without_a_rescue(digests: Digests) -> None:
    draw = alone(digests, honest(digests), 1)
    words = [(one.sender, one.word) for one in draw if not isinstance(one.word, Rescue)]
    refuted(digests, chained(digests, words, draw), "V7")


@both
def test_a_next_that_comes_after_the_rescue_changes_nothing(digests: Digests) -> None:
    draw = alone(digests, honest(digests), 1)
    at = next(at for at, one in enumerate(draw) if isinstance(one.word, Rescue))
    late = Next(9, 0, 9, bytes(32), bytes(32))
    more = [*draw[: at + 1], Spoken(SEALER, payload_of(late), late), *draw[at + 1 :]]

    assert checked(digests, more).members == checked(digests, draw).members


def test_nobody_is_rescued_while_an_expert_is_called() -> None:
    digests = SUITES[0]
    played = play(POOLS[digests.suite_id])
    at = next(at for at, one in enumerate(played.transcript) if isinstance(one.word, Report))
    words = [(one.sender, one.word) for one in played.transcript]
    words = [*words[:at], (OWNER, Rescue(VALUE)), (OWNER, Conclude(bytes(32)))]
    with pytest.raises(DrawRefuted, match="while an expert is called") as caught:
        checked(digests, chained(digests, words, played.transcript))
    assert isinstance(caught.value.__cause__, OutOfTurn)
