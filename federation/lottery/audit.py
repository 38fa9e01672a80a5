"""Recompute a finished draw from its words and tell whether it was fair.

The auditor trusts neither center. It is given what both signed and the pool as it was
announced, and checks rules V3–V14 of ``draw-and-evidence.md`` §1.7 in the order of the
words. Not here: signatures and suites (V1), gapless sequence numbers across draws (V2),
that the announcement was logged and cosigned in time (V3), proofs of the log (V15): those
need more than one draw's words, and ``federation.evidence`` has it.

What words cannot show: an invitation does not open the employer's credit code, so that an
excluded expert who was invited is found only when the identities are opened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NoReturn, TypeVar

from federation.errors import FederationError, Malformed
from federation.lottery import outside, ranking, walk
from federation.lottery.outside import Read
from federation.lottery.pool import check_listings, strata_root
from federation.lottery.supplement import NOBODY, Taken
from federation.protocol.conversation import Word
from federation.protocol.draw import (
    MAX_STEPS,
    OWNER,
    AcceptDraw,
    Close,
    Commit,
    Conclude,
    Fault,
    Next,
    Open,
    Proceed,
    RequestDraw,
    Rescue,
    Result,
    Reveal,
)
from federation.protocol.oversight import Unseal
from federation.protocol.peering import AnnouncePool
from federation.trust.suite import Digests, enc, u32

_NO_SALTS: Final[Mapping[int, bytes]] = MappingProxyType({})

_AnyWord = TypeVar("_AnyWord", bound=Word)


class DrawRefuted(Exception):
    """The draw did not happen as the rules say.

    Args:
        rule: Which rule was broken, V2 to V14 of ``draw-and-evidence.md`` §1.7.
        sentence: What is wrong, for people.
    """

    def __init__(self, rule: str, sentence: str) -> None:
        super().__init__(f"{rule}: {sentence}")
        self.rule = rule
        self.sentence = sentence


def _no_outsider(raw: bytes, center: str) -> Word:
    del raw
    raise Malformed(f"nobody can read here what {center} has signed", clause="V1")


@dataclass(frozen=True, slots=True)
class Spoken:
    """One word with its sender's center id and the exact signed bytes it was read from.

    ``taken`` is what other draws from the same pool had come to when it was said: it counts for
    a ``Verdict``.
    """

    sender: str
    payload: bytes
    word: Word
    taken: Taken = NOBODY


@dataclass(frozen=True, slots=True)
class DrawAudit:
    """What a fair draw came to.

    Args:
        owner: Center whose experts were drawn.
        sealer: Center that sealed the order.
        invited: How many experts were called.
        accepted: How many of them ever accepted.
        supplements: How many invitations came to nothing: declined, not answered, or left.
        members: The list at the end: ``(slot, entry)``.
        results: Every sealed list, the last one is in force.
        outside_values: How many outside contributors have opened their values.
    """

    owner: str
    sealer: str
    invited: int
    accepted: int
    supplements: int
    members: tuple[tuple[int, bytes], ...]
    results: tuple[Result, ...]
    outside_values: int = 0


def list_commitment(
    digests: Digests, open_hash: bytes, salt: bytes, chosen: Sequence[tuple[int, bytes]]
) -> bytes:
    """What ``Result`` commits to: the list, salted so that nobody can try lists out."""
    return digests.tagged(
        "list", open_hash, salt, *(enc(u32(slot), entry) for slot, entry in chosen)
    )


def result_info(digests: Digests, open_hash: bytes, head: bytes) -> bytes:
    """What the sealed list is bound to: this draw, after this step."""
    return digests.tagged("result", open_hash, head)


def exclusion_commitment(digests: Digests, salt: bytes, excluded: Sequence[str]) -> bytes:
    """What ``Open`` commits to: the credit codes of employers that must recuse."""
    return digests.tagged("excl", salt, *(uscc.encode() for uscc in sorted(set(excluded))))


def asked(word: RequestDraw | Open) -> tuple[object, ...]:
    """What a request and its ``Open`` must have in common: which draw it is."""
    return (
        word.booking_id, word.pool, word.epoch, word.slots, word.bid_deadline_ms,
        word.evaluation_start_ms, word.exclusion_commitment, word.supersedes, word.permit,
    )  # fmt: skip


def audit(
    digests: Digests,
    transcript: Sequence[Spoken],
    announcement: AnnouncePool,
    excluded: Sequence[str] | None = None,
    *,
    exclusion_salt: bytes = b"",
    list_salts: Mapping[int, bytes] = _NO_SALTS,
    read: Read = _no_outsider,
    regulator: str = "",
) -> DrawAudit:
    """Check a finished draw.

    Args:
        digests: The agreement's suite.
        transcript: All words of the draw's conversation, in order.
        announcement: The pool, as its owner announced it before the draw.
        excluded: The list of employers that must recuse, where it may be known: then every
            recusal is checked, and the list itself against what ``Open`` committed to.
        exclusion_salt: What that commitment was salted with.
        list_salts: Salts of list commitments by revision, where they may be known.
        read: Reads what outside contributors have signed, and verifies that they have.
        regulator: Who may have opened a silent sealer's escrow.

    Raises:
        DrawRefuted: At the first thing that is wrong.
    """
    try:
        auditor = _Auditor(digests, transcript, announcement, read, regulator)
        return auditor.run(excluded, exclusion_salt, list_salts)
    except FederationError as error:
        raise DrawRefuted(error.clause, error.detail) from error


class _Auditor:
    def __init__(
        self,
        digests: Digests,
        transcript: Sequence[Spoken],
        announcement: AnnouncePool,
        read: Read,
        regulator: str,
    ) -> None:
        self._read = read
        self._regulator = regulator
        self._digests = digests
        self._rest = list(reversed(transcript))
        self._announcement = announcement

    def run(
        self, excluded: Sequence[str] | None, salt: bytes, list_salts: Mapping[int, bytes]
    ) -> DrawAudit:
        digests = self._digests
        asker, request = None, None
        if self._rest and isinstance(self._rest[-1].word, RequestDraw):
            asker, _, request = self._take(RequestDraw, "V2")
        sealer, payload, opening = self._take(Open, "V2")
        self._check_opening(opening, request)
        if excluded is not None:
            self._check_exclusions(opening, excluded, salt)
        owner, _, accept = self._take(AcceptDraw, "V5")
        if asker is not None and asker != owner:
            _refute("V2", f"{asker} requested a draw from the pool of {owner}")
        named = opening.contributors
        if named != (owner, *opening.outside, sealer) or len(set(named)) < len(named):
            _refute("V6", f"contributors are {named}, not owner {owner}, others, sealer {sealer}")
        listings = check_listings(
            digests, self._announcement.strata, opening.slots, accept.listings
        )
        bound = ranking.open_hash(digests, payload)
        mine = self._commitment(owner)
        pledges = outside.pledged(self._read, opening.outside, mine.outside)
        theirs = self._commitment(sealer)
        commits = ranking.commits_hash(
            digests, bound, (mine.commitment, *pledges.values(), theirs.commitment)
        )
        reveal = self._revealed(bound, owner, mine.commitment)
        values = outside.given(digests, bound, self._read, pledges, reveal.outside)
        last, head = self._closing(bound, sealer, theirs.commitment)
        seed = ranking.seed(digests, commits, (reveal.value, *values, last))
        orders = ranking.orders(digests, seed, opening.slots, listings, MAX_STEPS)
        end, results = self._walk(
            walk.start(digests, opening, listings, commits, excluded),
            orders, (owner, sealer), (bound, list_salts),
        )  # fmt: skip
        if not end.sealed:
            _refute("V12", "the draw was closed before its list was sealed")
        if head != end.head:
            _refute("V10", "the word that ends the draw does not cover the last step")
        return DrawAudit(
            owner,
            sealer,
            end.invited,
            end.accepted,
            end.supplements,
            end.chosen,
            results,
            sum(value is not None for value in values),
        )

    def _take(self, kind: type[_AnyWord], rule: str) -> tuple[str, bytes, _AnyWord]:
        if not self._rest:
            _refute(rule, f"the transcript ends where {kind.__name__} was due")
        spoken = self._rest.pop()
        if not isinstance(spoken.word, kind):
            _refute(rule, f"{spoken.word.case} where {kind.__name__} was due")
        return spoken.sender, spoken.payload, spoken.word

    def _check_opening(self, opening: Open, request: RequestDraw | None) -> None:
        if request is not None and asked(request) != asked(opening):
            _refute("V2", "Open opens another draw than the owner requested")
        pool = self._announcement
        if (opening.pool, opening.epoch, opening.root) != (pool.pool, pool.epoch, pool.root):
            _refute("V3", "Open names another pool than the one announced")
        names = [stratum.specialty for stratum in pool.strata]
        if names != sorted(set(names)) or strata_root(self._digests, pool.strata) != pool.root:
            _refute("V4", "the announced strata do not make up the announced root")

    def _check_exclusions(self, opening: Open, excluded: Sequence[str], salt: bytes) -> None:
        # Without a commitment there is no list, and nobody may be recused by one.
        expected = exclusion_commitment(self._digests, salt, excluded) if excluded or salt else b""
        if opening.exclusion_commitment != expected:
            _refute("V13", "the exclusion list is not the one that Open commits to")

    def _commitment(self, contributor: str) -> Commit:
        sender, _, word = self._take(Commit, "V6")
        if sender != contributor:
            _refute("V6", f"{sender} committed where it was the turn of {contributor}")
        return word

    def _revealed(self, bound: bytes, owner: str, committed: bytes) -> Reveal:
        sender, _, word = self._take(Reveal, "V7")
        self._check_value(bound, owner, committed, sender, word.value)
        return word

    def _closing(self, bound: bytes, sealer: str, committed: bytes) -> tuple[bytes, bytes]:
        """The sealer's value and the head, from its Close or, were it silent, its escrow."""
        last = self._rest[0] if self._rest else None
        if last is None or not isinstance(last.word, Close | Conclude):
            fault = last is not None and isinstance(last.word, Fault)
            _refute("V7", "the draw is void" if fault else "the sealer never revealed its value")
        del self._rest[0]
        if isinstance(last.word, Close):
            self._check_value(bound, sealer, committed, last.sender, last.word.value)
            return last.word.value, last.word.head
        rescues = [one.word for one in self._rest if isinstance(one.word, Rescue)]
        if len(rescues) != 1 or not self._regulator:
            _refute("V7", "the draw was ended without the sealer, whose escrow nobody opened")
        told = self._read(rescues[0].unsealed, self._regulator)
        if not isinstance(told, Unseal):
            _refute("V7", "what is shown as the regulator's word is none")
        self._check_value(bound, sealer, committed, sealer, told.value)
        return told.value, last.word.head

    def _check_value(
        self, bound: bytes, center: str, committed: bytes, sender: str, value: bytes
    ) -> None:
        if sender != center or len(value) != ranking.VALUE_BYTES:
            _refute("V7", f"{sender} revealed {len(value)} bytes in place of {center}")
        if ranking.commitment(self._digests, bound, center, value) != committed:
            _refute("V7", f"what {center} revealed is not what it had committed to")

    def _walk(
        self,
        state: walk.Walk,
        orders: Sequence[Sequence[bytes]],
        centers: tuple[str, str],
        lists: tuple[bytes, Mapping[int, bytes]],
    ) -> tuple[walk.Walk, tuple[Result, ...]]:
        owner, sealer = centers
        bound, salts = lists
        results = []
        while self._rest:
            spoken = self._rest.pop()
            word = spoken.word
            expected = owner if word.speaker == OWNER else sealer
            if spoken.sender != expected:
                _refute("V12", f"{word.case} of {spoken.sender} has no place in the walk")
            before, state = state, state.beside(spoken.taken).heard(word, spoken.payload)
            crossed = isinstance(word, Next) and before.rescued
            if isinstance(word, Next | Proceed) and not crossed:
                drawn = walk.next_step(before, orders)
                if drawn != walk.Ask(word.slot, word.rank, word.entry):
                    _refute(
                        "V9",
                        f"slot {word.slot}, rank {word.rank} is another entry than "
                        f"{word.entry.hex()}",
                    )
            if isinstance(word, Result):
                salt = salts.get(word.revision)
                if salt is not None and word.list_commitment != list_commitment(
                    self._digests, bound, salt, state.chosen
                ):
                    _refute("V14", f"revision {word.revision} commits to another list")
                results.append(word)
        return state, tuple(results)


def _refute(rule: str, sentence: str) -> NoReturn:
    raise DrawRefuted(rule, sentence)
