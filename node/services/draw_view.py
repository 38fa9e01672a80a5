"""One draw as its words so far tell it: what both sides, and later everybody, can derive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from federation.lottery import outside, ranking, walk
from federation.lottery.audit import Spoken
from federation.lottery.outside import Read
from federation.lottery.pool import check_listings
from federation.lottery.walk import Walk
from federation.protocol.draw import (
    AcceptDraw,
    Commit,
    Next,
    Open,
    Proceed,
    Report,
    RequestDraw,
    Rescue,
    Result,
    Reveal,
    Shortfall,
    Verdict,
)
from federation.protocol.oversight import Unseal
from federation.protocol.peering import AnnouncePool
from federation.trust.suite import Digests


@dataclass(frozen=True, slots=True)
class DrawView:
    """What the words of one draw say.

    Args:
        digests: The hashing of the suite that the draw is under.
        spoken: All words in order.
        request: The owner's request, where the owner asked.
        opening: The sealer's ``Open``, once it was said.
        open_hash: O.
        listings: Entries by specialty, checked against the announcement; empty before.
        commitments: By center.
        outside_values: What outside contributors opened, in their order; None for a silent one.
        owner_value: What the owner revealed.
        unsealed: The silent sealer's value, once the regulator has opened its escrow.
        walk: How far the walk has come; None before both commits.
    """

    digests: Digests
    spoken: tuple[Spoken, ...]
    request: RequestDraw | None = None
    opening: Open | None = None
    open_hash: bytes = b""
    listings: Mapping[str, Sequence[bytes]] | None = None
    commitments: Mapping[str, bytes] | None = None
    outside_values: tuple[bytes | None, ...] = ()
    owner_value: bytes | None = None
    unsealed: bytes | None = None
    walk: Walk | None = None
    commits: bytes = b""
    """C, once every contributor has committed."""


def view(
    digests: Digests, spoken: Sequence[Spoken], announced: AnnouncePool, read: Read
) -> DrawView:
    """Read a draw's words. They were checked when they were said and heard.

    Args:
        digests: Of the draw's suite.
        spoken: Its words, in order.
        announced: The pool.
        read: Reads what outside contributors have signed; need not verify it again.
    """
    return further(DrawView(digests, ()), spoken, announced, read)


def further(
    seen: DrawView, spoken: Sequence[Spoken], announced: AnnouncePool, read: Read
) -> DrawView:
    """Read on from where somebody has read to; the arguments are those of ``view``."""
    seen = replace(seen, spoken=(*seen.spoken, *spoken))
    for said in spoken:
        seen = _after(seen, said, announced, read)
    return seen


def _after(seen: DrawView, said: Spoken, announced: AnnouncePool, read: Read) -> DrawView:
    digests, opening, word = seen.digests, seen.opening, said.word
    match word:
        case RequestDraw():
            return replace(seen, request=word)
        case Open():
            bound = ranking.open_hash(digests, said.payload)
            return replace(seen, opening=word, open_hash=bound)
        case AcceptDraw() if opening is not None:
            listings = check_listings(digests, announced.strata, opening.slots, word.listings)
            return replace(seen, listings=listings)
        case Commit() if opening is not None:
            return _committed(seen, opening, said.sender, word, read)
        case Reveal():
            pledges = _pledges(seen)
            values = outside.given(digests, seen.open_hash, read, pledges, word.outside)
            return replace(seen, owner_value=word.value, outside_values=values)
        case Rescue() if seen.walk is not None:
            told = read(word.unsealed, "")
            assert isinstance(told, Unseal), "verified when it was heard"
            return replace(seen, unsealed=told.value, walk=seen.walk.heard(word, said.payload))
        case Next() | Proceed() | Verdict() | Report() | Shortfall() | Result() if (
            seen.walk is not None
        ):
            return replace(seen, walk=seen.walk.beside(said.taken).heard(word, said.payload))
        case _:
            return seen


def _committed(seen: DrawView, opening: Open, sender: str, word: Commit, read: Read) -> DrawView:
    commitments = {**(seen.commitments or {}), sender: word.commitment}
    if sender == opening.contributors[0]:
        commitments |= outside.pledged(read, opening.outside, word.outside)
    after = replace(seen, commitments=commitments)
    wanted = opening.contributors
    if seen.listings is None or any(center not in commitments for center in wanted):
        return after
    commits = ranking.commits_hash(
        seen.digests, seen.open_hash, [commitments[center] for center in wanted]
    )
    walking = walk.start(seen.digests, opening, seen.listings, commits)
    return replace(after, commits=commits, walk=walking)


def _pledges(seen: DrawView) -> Mapping[str, bytes]:
    outsiders = () if seen.opening is None else seen.opening.outside
    return {center: (seen.commitments or {})[center] for center in outsiders}
