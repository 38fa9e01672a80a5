"""Two honest centers at one table: plays a whole draw through the lottery's own functions.

An attack is an honest transcript with words changed and the chain made good again
(``rechained``), or a draw played with another order (``order_of``): a cheat who breaks
the chain as well is caught by that alone and would prove nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from types import MappingProxyType
from typing import Final

from federation.errors import Malformed
from federation.lottery import ranking, walk
from federation.lottery.audit import Spoken, exclusion_commitment, list_commitment
from federation.lottery.pool import Pool, PoolMember, build_pool, check_listings
from federation.protocol.contribution import Contribute, Pledge
from federation.protocol.conversation import Word
from federation.protocol.draw import (
    MAX_STEPS,
    AcceptDraw,
    Close,
    Commit,
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
from federation.trust.suite import GM_1, INTL_1, Digests, suite
from tests.support.pair import SPOKEN

SUITES: Final = (INTL_1, GM_1)
DIGESTS: Final = suite(SPOKEN[0])
"""Of the suite that the tests are run under (``pytest --suite gm-1``)."""

OWNER: Final = "lp1changle"
SEALER: Final = "lp1jian"
SLOTS: Final = (Slot("A01", 3), Slot("B05", 2))
SALT: Final = b"\x5a" * 32
EPOCH_KEY: Final = b"\x77" * 32


def experts(count: int, seed: int = 7) -> list[PoolMember]:
    chance = Random(seed)
    return [
        PoolMember(
            uid=f"E{number:07d}",
            name=f"专家{number}",
            uscc=f"91{chance.randrange(count // 4 + 1):016d}" if chance.random() > 0.1 else "",
            specialties=tuple(chance.sample(["A01", "B05", "C07"], chance.choice([1, 1, 2, 3]))),
            status="active" if chance.random() > 0.1 else "leave",
        )
        for number in range(count)
    ]


def pool_of(members: Sequence[PoolMember], digests: Digests = DIGESTS) -> Pool:
    return build_pool(digests, EPOCH_KEY, "changle", "2026-11-20", members)


POOLS: Final = {digests.suite_id: pool_of(experts(60), digests) for digests in SUITES}
POOL: Final = POOLS[DIGESTS.suite_id]


def announcement_of(pool: Pool) -> AnnouncePool:
    return AnnouncePool(
        pool=pool.name,
        epoch=pool.epoch,
        strata=pool.strata,
        root=pool.root,
        audit_digest=b"\0" * 32,
        valid_from_ms=0,
        valid_until_ms=86_400_000,
    )


def payload_of(word: Word) -> bytes:
    return repr(word).encode()


def opening_of(
    pool: Pool, slots: tuple[Slot, ...] = SLOTS, excluded: Sequence[str] | None = None
) -> Open:
    commitment = b"" if excluded is None else exclusion_commitment(pool.digests, SALT, excluded)
    return Open(
        booking_id=b"\0" * 16,
        sequence=1,
        pool=pool.name,
        epoch=pool.epoch,
        root=pool.root,
        slots=slots,
        contributors=(OWNER, SEALER),
        bid_deadline_ms=1,
        evaluation_start_ms=2,
        exclusion_commitment=commitment,
    )


def accepts(_entry: bytes) -> Response:
    return Response.ACCEPT


def declines(_entry: bytes) -> Response:
    return Response.DECLINE


def whimsical(seed: int) -> Callable[[bytes], Response]:
    """Answers that depend on the entry only."""
    kinds = [Response.ACCEPT, Response.ACCEPT, Response.DECLINE, Response.NO_ANSWER]
    return lambda entry: Random(entry + seed.to_bytes(8, "big")).choice(kinds)


def same_order(_slot: int, order: list[bytes]) -> list[bytes]:
    return order


@dataclass
class Played:
    """A draw that was played to its end."""

    pool: Pool
    transcript: list[Spoken] = field(default_factory=list)
    state: walk.Walk | None = None

    @property
    def end(self) -> walk.Walk:
        assert self.state is not None
        return self.state

    @property
    def opened(self) -> bytes:
        payload = next(s.payload for s in self.transcript if isinstance(s.word, Open))
        return ranking.open_hash(self.pool.digests, payload)

    def say(self, sender: str, word: Word) -> bytes:
        payload = payload_of(word)
        self.transcript.append(Spoken(sender, payload, word))
        if self.state is not None and not isinstance(word, Close):
            self.state = self.state.heard(word, payload)
        return payload


def play(
    pool: Pool = POOL,
    slots: tuple[Slot, ...] = SLOTS,
    *,
    values: tuple[bytes, bytes] = (b"\1" * 32, b"\2" * 32),
    excluded: Sequence[str] | None = None,
    answers: Callable[[bytes], Response] = accepts,
    leaves: int = 0,
    order_of: Callable[[int, list[bytes]], list[bytes]] = same_order,
    requested: bool = False,
    outside: Mapping[str, bytes | None] = MappingProxyType({}),
) -> Played:
    digests = pool.digests
    played = Played(pool)
    opening = opening_of(pool, slots, excluded)
    opening = replace(opening, contributors=(OWNER, *outside, SEALER))
    if requested:
        played.say(OWNER, request_for(opening))
    bound = ranking.open_hash(digests, played.say(SEALER, opening))
    listings = tuple(pool.listing(name) for name in {slot.specialty: None for slot in slots})
    played.say(OWNER, AcceptDraw(listings))
    centers = (OWNER, SEALER)
    commitments = [
        ranking.commitment(digests, bound, center, value)
        for center, value in zip(centers, values, strict=True)
    ]
    pledges = [
        ranking.commitment(digests, bound, center, value or bytes(32))
        for center, value in outside.items()
    ]
    shown = tuple(
        show(center, Pledge(pledge)) for center, pledge in zip(outside, pledges, strict=True)
    )
    played.say(OWNER, Commit(commitments[0], shown))
    played.say(SEALER, Commit(commitments[1]))
    given = tuple(
        b"" if value is None else show(center, Contribute(value))
        for center, value in outside.items()
    )
    played.say(OWNER, Reveal(values[0], given))
    commits = ranking.commits_hash(digests, bound, (commitments[0], *pledges, commitments[1]))
    seed = ranking.seed(digests, commits, (values[0], *outside.values(), values[1]))
    listed = check_listings(digests, pool.strata, slots, listings)
    orders = [
        order_of(slot, order)
        for slot, order in enumerate(ranking.orders(digests, seed, slots, listed, MAX_STEPS))
    ]
    played.state = walk.start(digests, opening, listed, commits, excluded)
    while True:
        match walk.next_step(played.end, orders):
            case walk.Ask(slot, rank, entry):
                played.say(SEALER, Next(played.end.steps, slot, rank, entry, played.end.head))
                _answer(played, entry, excluded or (), answers)
            case walk.Exhausted(slot, missing):
                played.say(OWNER, Shortfall(slot, missing))
            case walk.Settled():
                played.say(OWNER, result_of(played, bound))
                if not leaves or not played.end.chosen:
                    break
                leaves -= 1
                gone = played.end.chosen[leaves % len(played.end.chosen)][1]
                played.say(OWNER, Report(gone, Response.LEAVE, b"\7" * 32, played.end.head))
    played.say(SEALER, Close(values[1], played.end.head))
    return played


def show(center: str, word: Pledge | Contribute) -> bytes:
    """An outside contributor's word as the owner shows it; ``read_shown`` reads it."""
    content = word.commitment if isinstance(word, Pledge) else word.value
    return b"|".join((type(word).__name__.encode(), center.encode(), content))


def read_shown(raw: bytes, center: str) -> Pledge | Contribute:
    name, by, content = raw.split(b"|", 2)
    if by != center.encode():
        raise Malformed(f"said by {by!r}, not by {center}")
    return Pledge(content) if name == b"Pledge" else Contribute(content)


def _answer(
    played: Played, entry: bytes, excluded: Sequence[str], answers: Callable[[bytes], Response]
) -> None:
    played.say(OWNER, verdict_on(played.pool, played.end, entry, excluded))
    if played.end.pending is not None:
        played.say(OWNER, Report(entry, answers(entry), b"\7" * 32, played.end.head))


def verdict_on(
    pool: Pool,
    state: walk.Walk,
    entry: bytes,
    excluded: Sequence[str] = (),
    ruling: Ruling | None = None,
) -> Verdict:
    """The honest verdict, or ``ruling`` with what would have to be opened for it."""
    ruled = ruling or walk.rule(state, pool.attributes(entry), excluded)
    hidden, openings = pool.open(entry, walk.OPENED_FOR[ruled])
    return Verdict(entry, ruled, hidden, openings, state.head)


def result_of(played: Played, bound: bytes) -> Result:
    state = played.end
    return Result(
        list_commitment(played.pool.digests, bound, SALT, state.chosen),
        b"\0" * 32,
        state.revision + 1,
        len(state.chosen),
    )


def request_for(opening: Open) -> RequestDraw:
    return RequestDraw(
        opening.booking_id,
        opening.pool,
        opening.epoch,
        opening.slots,
        opening.bid_deadline_ms,
        opening.evaluation_start_ms,
        opening.exclusion_commitment,
    )


def rechained(digests: Digests, transcript: Sequence[Spoken]) -> list[Spoken]:
    """The same words with every ``previous_step`` and the closing head made good."""
    made: list[Spoken] = []
    head = b""
    opening = next(s for s in transcript if isinstance(s.word, Open))
    bound = ranking.open_hash(digests, opening.payload)
    commitments = []
    for commit in (s.word for s in transcript if isinstance(s.word, Commit)):
        shown = [raw.split(b"|", 2)[2] for raw in commit.outside]
        commitments += [commit.commitment, *shown]
    head = ranking.commits_hash(digests, bound, commitments)
    for spoken in transcript:
        word = spoken.word
        if isinstance(word, Next | Verdict | Report):
            word = replace(word, previous_step=head)
            head = ranking.step_hash(digests, payload_of(word))
        elif isinstance(word, Close):
            word = replace(word, head=head)
        made.append(Spoken(spoken.sender, payload_of(word), word))
    return made


def place_of(transcript: Sequence[Spoken], kind: type[Word], nth: int = 0) -> int:
    return [at for at, spoken in enumerate(transcript) if isinstance(spoken.word, kind)][nth]


def said_instead(transcript: Sequence[Spoken], at: int, word: Word) -> list[Spoken]:
    changed = list(transcript)
    changed[at] = Spoken(transcript[at].sender, payload_of(word), word)
    return changed
