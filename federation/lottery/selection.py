"""Which sub-venues are drawn: the host's and the candidates' values make one order.

The primitives are those of the draw of experts (``ranking``), over other inputs: the
``Invite`` binds the lottery as ``Open`` does, contributors are the host and then all who
entered, ascending, and what is ranked are the entrants' center ids. Whoever holds the words
of one candidate's conversation can check all of it. When the words are said is
``federation.protocol.selection``.

Two ways to the same functions: the host asks for ``order``; a candidate, and the verifier of
a dossier, call the three checks. They raise ``Unfair`` with what is wrong.
"""

from collections.abc import Sequence
from typing import Final

from federation.lottery import ranking
from federation.protocol.selection import MAX_SKIPPED, Disclose, Enter, Gather, Invite, Rank
from federation.trust.suite import Digests

RANKED_AS: Final = "sub-venue"
"""What stands where a draw has the specialty: no order of experts is ever one of centers."""


class Unfair(ValueError):
    """A lottery is not what its words must make of it; the text says where."""


def invite_hash(digests: Digests, body: bytes) -> bytes:
    """O: what binds everything to one Invite, from its serialised body.

    The body and not the signed payload, as for ``Open``: every candidate hears the same body
    in a statement of its own.
    """
    return digests.tagged("invite", body)


def commitment(digests: Digests, bound: bytes, center: str, value: bytes) -> bytes:
    """What a center commits to its value (32 bytes) with; ``bound`` is O.

    The host, whose commitment is part of the Invite, commits with ``host_bound`` instead.
    """
    return ranking.commitment(digests, bound, center, value)


def host_bound(digests: Digests, selection_id: bytes, attempt: int) -> bytes:
    """What the host's commitment is bound to: it cannot be bound to what contains it."""
    return digests.tagged("selection", selection_id, bytes([attempt]))


def order(
    digests: Digests, bound: bytes, invite: Invite, gather: Gather, values: Sequence[bytes]
) -> tuple[str, ...]:
    """All entrants by rank.

    Args:
        digests: The suite of the lottery.
        bound: O.
        invite: With the host's commitment.
        gather: With the entrants'.
        values: The host's value, then the entrants', in the order of ``gather``.
    """
    commitments = [invite.commitment, *(each.commitment for each in gather.entrants)]
    commits = ranking.commits_hash(digests, bound, commitments)
    seed = ranking.seed(digests, commits, values)
    key = ranking.slot_key(digests, seed, 0, RANKED_AS)
    centers = {each.center_id.encode(): each.center_id for each in gather.entrants}
    return tuple(centers[entry] for entry in ranking.ranked(digests, key, list(centers)))


def check_gather(invite: Invite, center: str, enter: Enter, gather: Gather) -> None:
    """What the candidate ``center`` checks before it opens its value.

    Raises:
        Unfair: It is not entered as it entered, or a candidate is nowhere, twice or a stranger.
    """
    entered = [each.center_id for each in gather.entrants]
    if entered != sorted(set(entered)):
        raise Unfair("entrants: not ascending, or one appears twice")
    if sorted((*entered, *gather.absent)) != list(invite.candidates):
        raise Unfair("entrants and absent: together they are not the candidates of the Invite")
    mine = [each.commitment for each in gather.entrants if each.center_id == center]
    if mine != [enter.commitment]:
        raise Unfair(f"entrants: {center} is not there with the commitment of its Enter")


def check_disclosure(
    digests: Digests, bound: bytes, center: str, enter: Enter, disclose: Disclose
) -> None:
    """Raises Unfair: the value does not open the commitment of the Enter."""
    if commitment(digests, bound, center, disclose.value) != enter.commitment:
        raise Unfair(f"value: it does not open the commitment of {center}")


def check_rank(
    digests: Digests, bound: bytes, host: str, invite: Invite, gather: Gather, rank: Rank
) -> None:
    """Check that every commitment is opened, the host's too, and that the order follows.

    Raises:
        Unfair: A value does not open its commitment, or the order is another one.
    """
    host_bind = host_bound(digests, invite.selection_id, invite.attempt)
    if commitment(digests, host_bind, host, rank.value) != invite.commitment:
        raise Unfair(f"value: it does not open the commitment of {host}")
    if len(rank.values) != len(gather.entrants):
        raise Unfair(f"values: {len(rank.values)} for {len(gather.entrants)} entrants")
    for each, value in zip(gather.entrants, rank.values, strict=True):
        if commitment(digests, bound, each.center_id, value) != each.commitment:
            raise Unfair(f"values: the one of {each.center_id} does not open its commitment")
    if order(digests, bound, invite, gather, (rank.value, *rank.values)) != rank.order:
        raise Unfair("order: another one follows from the values")


def check_drawn(ranked: Sequence[str], places: int, participants: Sequence[str]) -> None:
    """Check that a bundle's participants are the drawn ones, by rank, never by choice.

    Whoever declined is passed over; that it declined, only its own conversation shows.

    Raises:
        Unfair: Not one for each place, out of rank, or too many passed over.
    """
    if len(participants) != places:
        raise Unfair(f"participants: {len(participants)} for {places} places")
    ranks = [ranked.index(each) if each in ranked else -1 for each in participants]
    if -1 in ranks or ranks != sorted(set(ranks)):
        raise Unfair("participants: not the drawn ones in the order of their ranks")
    if ranks[-1] + 1 - places > MAX_SKIPPED:
        raise Unfair(f"participants: more than {MAX_SKIPPED} of those drawn are passed over")


def following(ranked: Sequence[str], places: int, declined: Sequence[str]) -> tuple[str, ...]:
    """Who takes the places now: the first by rank of those who did not decline.

    Empty when there are not enough of them, or more than ``MAX_SKIPPED`` were passed over.
    """
    left = [each for each in ranked if each not in declined]
    chosen = tuple(left[:places])
    try:
        check_drawn(ranked, places, chosen)
    except Unfair:
        return ()
    return chosen
