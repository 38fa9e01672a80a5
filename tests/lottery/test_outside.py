"""Values from outside change the order, and nobody can leave one out, swap it or make one up."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from federation.errors import FederationError, Refused
from federation.lottery import outside
from federation.lottery.audit import DrawAudit, DrawRefuted, Spoken, audit
from federation.protocol.contribution import Contribute, Pledge
from federation.protocol.draw import Commit, Open, Reveal
from federation.trust.suite import Digests
from tests.lottery.honest_draw import (
    OWNER,
    POOLS,
    SEALER,
    SUITES,
    Played,
    announcement_of,
    place_of,
    play,
    read_shown,
    rechained,
    said_instead,
    show,
)

REGULATOR, NEIGHBOUR = "lp1regulator", "lp1neighbour"
VALUES: Mapping[str, bytes | None] = {REGULATOR: b"\x11" * 32, NEIGHBOUR: b"\x22" * 32}

every_suite = pytest.mark.parametrize("digests", SUITES, ids=lambda digests: digests.suite_id)


def played_with(digests: Digests, values: Mapping[str, bytes | None]) -> Played:
    return play(POOLS[digests.suite_id], outside=values)


def audited(digests: Digests, transcript: Sequence[Spoken]) -> DrawAudit:
    announced = announcement_of(POOLS[digests.suite_id])
    return audit(digests, transcript, announced, read=read_shown)


def changed(played: Played, kind: type[Commit | Reveal], **changes: object) -> list[Spoken]:
    at = place_of(played.transcript, kind, 0)
    word = replace(played.transcript[at].word, **changes)
    return rechained(played.pool.digests, said_instead(played.transcript, at, word))


@every_suite
def test_a_draw_with_outside_values_passes_and_counts_them(digests: Digests) -> None:
    assert audited(digests, played_with(digests, VALUES).transcript).outside_values == 2


@every_suite
def test_who_stayed_silent_counts_as_none(digests: Digests) -> None:
    played = played_with(digests, {**VALUES, NEIGHBOUR: None})
    assert audited(digests, played.transcript).outside_values == 1


@every_suite
def test_every_outside_value_changes_the_order(digests: Digests) -> None:
    def order(values: Mapping[str, bytes | None]) -> list[bytes]:
        return [entry for _, entry in played_with(digests, values).end.chosen]

    usual = order(VALUES)
    assert order({**VALUES, REGULATOR: b"\x12" * 32}) != usual
    assert order({**VALUES, NEIGHBOUR: b"\x12" * 32}) != usual
    assert order({**VALUES, NEIGHBOUR: None}) != usual
    assert order({}) != usual


def test_without_a_reader_no_outside_value_is_believed() -> None:
    (digests, *_) = SUITES
    played = played_with(digests, VALUES)
    with pytest.raises(DrawRefuted, match="nobody can read here") as refused:
        audit(digests, played.transcript, announcement_of(POOLS[digests.suite_id]))
    assert refused.value.rule == "V1"


ATTACKS = {
    "a value is left out": (Reveal, (show(REGULATOR, Contribute(b"\x11" * 32)),), "V7"),
    "a value is said to be silent": (
        Reveal,
        (show(REGULATOR, Contribute(b"\x11" * 32)), b""),
        "V9",
    ),
    "another value": (
        Reveal,
        (show(REGULATOR, Contribute(b"\x12" * 32)), show(NEIGHBOUR, Contribute(b"\x22" * 32))),
        "V7",
    ),
    "the wrong order": (
        Reveal,
        (show(NEIGHBOUR, Contribute(b"\x22" * 32)), show(REGULATOR, Contribute(b"\x11" * 32))),
        "",
    ),
    "a short value": (
        Reveal,
        (show(REGULATOR, Contribute(b"\x11" * 31)), show(NEIGHBOUR, Contribute(b"\x22" * 32))),
        "V7",
    ),
    "a pledge in place of a value": (
        Reveal,
        (show(REGULATOR, Pledge(b"\x11" * 32)), show(NEIGHBOUR, Contribute(b"\x22" * 32))),
        "V7",
    ),
    "a pledge is missing": (Commit, (show(REGULATOR, Pledge(b"\x11" * 32)),), "V6"),
    "no pledge at all": (Commit, (), "V6"),
    "a value in place of a pledge": (
        Commit,
        (show(REGULATOR, Contribute(b"\x11" * 32)), show(NEIGHBOUR, Pledge(b"\x22" * 32))),
        "V6",
    ),
    "another pledge": (
        Commit,
        (show(REGULATOR, Pledge(b"\x11" * 32)), show(NEIGHBOUR, Pledge(b"\x22" * 32))),
        "V7",
    ),
}


@every_suite
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_owner_that_changes_what_contributors_gave_is_refuted(
    digests: Digests, attack: str
) -> None:
    kind, shown, rule = ATTACKS[attack]
    with pytest.raises(DrawRefuted) as refused:
        audited(digests, changed(played_with(digests, VALUES), kind, outside=shown))
    assert refused.value.rule == rule


@every_suite
@pytest.mark.parametrize(
    "named",
    [
        (OWNER, SEALER),
        (OWNER, REGULATOR, REGULATOR, SEALER),
        (REGULATOR, OWNER, NEIGHBOUR, SEALER),
        (OWNER, REGULATOR, SEALER, NEIGHBOUR),
        (OWNER, OWNER, NEIGHBOUR, SEALER),
    ],
    ids=str,
)
def test_contributors_are_from_the_owner_to_the_sealer(
    digests: Digests, named: tuple[str, ...]
) -> None:
    played = played_with(digests, VALUES)
    at = place_of(played.transcript, Open, 0)
    opening = played.transcript[at].word
    assert isinstance(opening, Open)
    opening = replace(opening, contributors=named)
    with pytest.raises(DrawRefuted) as refused:
        audited(digests, rechained(digests, said_instead(played.transcript, at, opening)))
    assert refused.value.rule == "V6"


def test_fewer_than_agreed_is_refused_by_number() -> None:
    outside.require_enough((b"\1" * 32, None), 1)
    with pytest.raises(Refused, match="1 outside values came, the agreement demands 2") as refused:
        outside.require_enough((b"\1" * 32, None), 2)
    assert refused.value.clause == "min_outside_contributors"


def test_what_cannot_be_read_is_not_taken_for_silence() -> None:
    (digests, *_) = SUITES
    with pytest.raises(FederationError):
        outside.given(
            digests,
            bytes(32),
            read_shown,
            {REGULATOR: bytes(32)},
            (show(NEIGHBOUR, Contribute(bytes(32))),),
        )
