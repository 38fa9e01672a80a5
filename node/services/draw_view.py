"""One draw as its words so far tell it: what both sides, and later everybody, can derive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from federation.lottery import ranking, walk
from federation.lottery.audit import Spoken
from federation.lottery.pool import check_listings
from federation.lottery.walk import Walk
from federation.protocol.draw import (
    AcceptDraw,
    Commit,
    Next,
    Open,
    Report,
    RequestDraw,
    Result,
    Reveal,
    Shortfall,
    Verdict,
)
from federation.protocol.peering import AnnouncePool
from federation.trust.suite import Digests

_STEPS = (Next, Verdict, Report, Shortfall, Result)


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
        commitments: By center, in the order of ``Open.contributors``.
        owner_value: What the owner revealed.
        walk: How far the walk has come; None before both commits.
    """

    digests: Digests
    spoken: tuple[Spoken, ...]
    request: RequestDraw | None = None
    opening: Open | None = None
    open_hash: bytes = b""
    listings: Mapping[str, Sequence[bytes]] | None = None
    commitments: Mapping[str, bytes] | None = None
    owner_value: bytes | None = None
    walk: Walk | None = None
    commits: bytes = b""
    """C, once every contributor has committed."""


def view(digests: Digests, spoken: Sequence[Spoken], announced: AnnouncePool) -> DrawView:
    """Read a draw's words. They were checked when they were said and heard."""
    request: RequestDraw | None = None
    opening: Open | None = None
    open_hash = b""
    listings: Mapping[str, Sequence[bytes]] | None = None
    commitments: dict[str, bytes] = {}
    owner_value: bytes | None = None
    walking: Walk | None = None
    commits = b""
    for said in spoken:
        word = said.word
        if isinstance(word, RequestDraw):
            request = word
        elif isinstance(word, Open):
            opening, open_hash = word, ranking.open_hash(digests, said.payload)
        elif isinstance(word, AcceptDraw) and opening is not None:
            listings = check_listings(digests, announced.strata, opening.slots, word.listings)
        elif isinstance(word, Commit):
            commitments[said.sender] = word.commitment
            if opening is not None and listings is not None:
                wanted = opening.contributors
                if all(center in commitments for center in wanted):
                    commits = ranking.commits_hash(
                        digests, open_hash, [commitments[center] for center in wanted]
                    )
                    walking = walk.start(digests, opening, listings, commits)
        elif isinstance(word, Reveal):
            owner_value = word.value
        elif isinstance(word, _STEPS) and walking is not None:
            walking = walking.heard(word, said.payload)
    return DrawView(
        digests,
        tuple(spoken),
        request,
        opening,
        open_hash,
        listings,
        commitments,
        owner_value,
        walking,
        commits,
    )
