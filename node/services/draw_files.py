"""What our tables and the words so far say of a draw: read here, changed nowhere."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, TypeVar

from federation.engine.shown import shown, unverified
from federation.errors import Malformed, NoAgreement
from federation.ids import AgreementId, ConversationId
from federation.lottery import ranking, supplement
from federation.lottery.audit import Spoken
from federation.lottery.outside import Read
from federation.lottery.pool import Pool
from federation.lottery.supplement import NOBODY, Standing, Taken
from federation.protocol import draw as words
from federation.protocol.agreement import AgreementTerms
from federation.protocol.conversation import REFUSED, Word
from federation.protocol.draw import OWNER, AcceptDraw, Fault, Verdict
from federation.protocol.peering import AnnouncePool
from federation.wire.envelopes import Statement, decode_statement
from federation.wire.words import PAYLOAD_TYPES, decode_word
from node.services.draw_view import DrawView, further
from node.services.errors import NotFound
from node.services.house import Desk
from node.store import draws, pools, transcripts
from node.store.cipher import ColumnCipher
from node.store.draws import DrawRow
from node.store.pools import Between

_KEPT: Final = 8
"""Draws that walk at the same time: each step reads on from the words before, and asks for one
entry of an order that stays the same. What was forgotten is made again."""

K = TypeVar("K")
V = TypeVar("V")


class DrawFiles:
    """Looks up draws, their words, their pools and our secrets."""

    def __init__(self, cipher: ColumnCipher) -> None:
        self._cipher = cipher
        self._shelf = pools.Shelf(cipher)
        self._orders: OrderedDict[bytes, tuple[list[bytes], ...]] = OrderedDict()
        self._read: OrderedDict[bytes, tuple[tuple[bytes, ...], DrawView]] = OrderedDict()

    def row(self, desk: Desk, draw: bytes) -> DrawRow:
        """One draw. Raises NotFound."""
        row = draws.get(desk.ledger.connection, draw)
        if row is None:
            raise NotFound("没有这次抽取", "there is no such draw")
        return row

    def view(self, desk: Desk, row: DrawRow, *, known_to: Statement | None = None) -> DrawView:
        """What its words so far say; ``known_to``: without those its sender had not heard yet."""
        lines = transcripts.of_conversation(desk.ledger.connection, row.id)
        heard = next(
            (line.log_index for line in lines if known_to and line.hash == known_to.answers_hash),
            None,
        )
        if heard is not None:
            lines = [line for line in lines if not line.ours or line.log_index <= heard]
        hashes = tuple(line.hash for line in lines)
        begun, seen = self._read.get(row.id, ((), None))
        if seen is None or begun != hashes[: len(begun)]:  # else: another word was rolled back
            begun, seen = (), DrawView(desk.suite_of(ConversationId(row.id)), ())
        others = self._others(desk, row)
        spoken = []
        for line in lines[len(begun) :]:
            sender = desk.identity.center if line.ours else row.peer
            word = decode_word(line.payload_type, decode_statement(line.payload).body)
            ruled = isinstance(word, Verdict)
            taken = _taken(others, line.log_index) if ruled else NOBODY
            spoken.append(Spoken(sender, line.payload, word, taken))
        if spoken:
            seen = further(seen, spoken, self.announced(desk, row), word_in)
        if heard is None:
            _keep(self._read, row.id, (hashes, seen))
        if seen.walk is None:
            return seen
        return replace(seen, walk=seen.walk.beside(_taken(others)))

    def beside(self, desk: Desk, row: DrawRow) -> list[DrawRow]:
        """All draws of the same booking from the same pool that did not come to nothing.

        With it and those that are only requested, oldest first. More than one: a list was short,
        and others add to it (``federation.lottery.supplement``).
        """
        return self.from_pool(desk, row.booking, self.owner(desk, row))

    def from_pool(self, desk: Desk, booking: bytes, owner: str) -> list[DrawRow]:
        """The same, by booking and owner."""
        return [
            row
            for row in draws.of_booking(desk.ledger.connection, booking)
            if self.owner(desk, row) == owner and row.phase not in {words.VOID, REFUSED}
        ]

    def standing(self, desk: Desk, rows: Sequence[DrawRow]) -> list[Standing]:
        """What these draws have come to, without those that were never opened."""
        found = [supplement.tell(word for _, word in self._words(desk, row)) for row in rows]
        return [each for each in found if each is not None]

    def _words(self, desk: Desk, row: DrawRow) -> list[tuple[int, Word]]:
        return [
            (line.log_index, decode_word(line.payload_type, decode_statement(line.payload).body))
            for line in transcripts.of_conversation(desk.ledger.connection, row.id)
            if line.payload_type != PAYLOAD_TYPES[AcceptDraw]  # long, and says nothing of anybody
        ]

    def _others(self, desk: Desk, row: DrawRow) -> list[list[tuple[int, Word]]]:
        """The words of other draws from the same pool: a void one took people until it was.

        So did one that a refusal has ended: what was ruled beside it before stays as it was.
        """
        owner = self.owner(desk, row)
        found = []
        for other in draws.of_booking(desk.ledger.connection, row.booking):
            if other.id == row.id or self.owner(desk, other) != owner:
                continue
            said = self._words(desk, other)
            if other.phase == REFUSED:
                end = transcripts.refused_at(desk.ledger.connection, other.id) or 0
                ended = (end, Fault(words.VOID, "refused"))
                said = [*(each for each in said if each[0] < end), ended]
            found.append(said)
        return found

    def is_sealed(self, desk: Desk, row: DrawRow) -> bool:
        """Whether its list stands as it is, and may still be drawn on from."""
        if row.phase != words.RESCUED:
            return row.phase == words.SEALED
        walk = self.view(desk, row).walk
        return walk is not None and walk.sealed

    def was_opened(self, desk: Desk, row: DrawRow) -> bool:
        """Whether it counts as a draw: what was requested in vain was never one.

        Nor is what one side refused, unless both had committed by then: whoever sees the order
        and refuses the word that shows it would draw until it likes what it sees.
        """
        if row.phase in {words.NEW, words.REQUESTED}:
            return False
        if row.phase == REFUSED:
            return self.view(desk, row).walk is not None
        return row.phase != words.VOID or self.view(desk, row).opening is not None

    def owner(self, desk: Desk, row: DrawRow) -> str:
        """Whose pool is drawn from."""
        return desk.identity.center if row.role == OWNER else row.peer

    def announced(self, desk: Desk, row: DrawRow) -> AnnouncePool:
        """The announcement of the pool that is drawn from."""
        owner = self.owner(desk, row)
        other = row.peer if row.role == OWNER else desk.identity.center
        between = Between(owner, other, desk.suite_of(ConversationId(row.id)).suite_id)
        found = pools.announcement(desk.ledger.connection, between, row.pool, row.epoch)
        assert found is not None, "a draw is opened only on an announced pool"
        return found

    def own_pool(self, desk: Desk, row: DrawRow) -> Pool:
        """Our own pool, with its secrets, as it was committed."""
        chosen = desk.suite_of(ConversationId(row.id))
        return self._shelf.pool(desk.ledger.connection, chosen, row.pool, row.epoch)

    def value(self, row: DrawRow) -> bytes:
        """Our random value; 32 bytes."""
        assert row.sealed_value is not None, "made when the draw began"
        return bytes.fromhex(self._cipher.open("draw.sealed_value", row.id.hex(), row.sealed_value))

    def orders(self, row: DrawRow, seen: DrawView) -> tuple[list[bytes], ...]:
        """The order of every slot; only the sealer can know it before Close or Rescue."""
        assert seen.opening is not None, "an order needs a draw"
        assert seen.listings is not None, "and its entries"
        last = self.value(row) if seen.unsealed is None else seen.unsealed
        values = [seen.owner_value, *seen.outside_values, last]
        seed = ranking.seed(seen.digests, seen.commits, values)
        if seed not in self._orders:
            made = ranking.orders(
                seen.digests, seed, seen.opening.slots, seen.listings, words.MAX_STEPS
            )
            _keep(self._orders, seed, made)
        return self._orders[seed]

    def terms(self, desk: Desk, agreement: bytes | None) -> AgreementTerms:
        """The agreement's terms. Raises NoAgreement."""
        terms = desk.ledger.agreement(AgreementId(agreement or b""))
        if terms is None:
            raise NoAgreement("no such agreement is active here")
        return terms


def _taken(others: Sequence[Sequence[tuple[int, Word]]], before: int | None = None) -> Taken:
    """Whom other draws have taken by a place in our own log; None: by now."""
    known = [
        supplement.tell(word for index, word in other if before is None or index < before)
        for other in others
    ]
    return supplement.taken(each for each in known if each is not None)


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > _KEPT:
        kept.popitem(last=False)


def word_in(raw: bytes, _center: str) -> Word:
    """What an envelope says that was shown in a word, and verified when that was heard."""
    _, word = unverified(raw)
    return word


def verified_in(desk: Desk, told: str) -> Read:
    """Reads what a peer has signed and said to ``told``, as a word shows it. Raises Malformed."""

    def read(raw: bytes, center: str) -> Word:
        found = shown(desk.identity, desk.keyring, raw, Word, center, desk.now_ms)
        if found.statement.recipient != told:
            raise Malformed(f"what {center} has signed was not said to {told}", clause="V1")
        return found.word

    return read
