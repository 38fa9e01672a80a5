"""Makes the receipt of one expert: own entries in our pool, and what we reported of invitations.

What is in it and when it holds is ``federation.evidence.receipt``; a receipt is given out only
after it was checked as the expert will check it. It is made of what partners have cosigned: what
they have not is not proven yet, and whoever asks is told to come again.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from federation.evidence.dossier import Logged
from federation.evidence.receipt import ReceiptRefuted, verify
from federation.evidence.receipt_file import (
    InvitedPart,
    OwnEntry,
    PoolPart,
    Proven,
    ReceiptFile,
    Reported,
    write,
)
from federation.ids import CenterId
from federation.lottery.pool import ATTRIBUTES, Pool
from federation.protocol.draw import GONE, Report
from federation.protocol.peering import AnnouncePool
from federation.trust import merkle
from federation.trust.keys import Purpose
from federation.trust.suite import Digests, suite
from federation.wire.envelopes import decode_envelope, decode_statement
from federation.wire.evidence import DECODE
from federation.wire.words import PAYLOAD_TYPES, decode_word
from node.domain.workday import DAY_MS
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.veil import check_uncovered
from node.store import dossiers, experts, invited, pools
from node.store.cipher import ColumnCipher
from node.store.dossiers import Kept
from node.store.invited import InvitationRow

DAYS: Final = 31
"""How far back a receipt tells of invitations unless asked for more."""
MAX_DAYS: Final = 366


class ExpertReceipts:
    """Makes receipts.

    Args:
        cipher: For the pool's keys and the gateway's records.
    """

    def __init__(self, cipher: ColumnCipher) -> None:
        self._cipher = cipher
        self._shelf = pools.Shelf(cipher)

    def make(self, desk: Desk, uid: str, days: int = DAYS) -> bytes:
        """The receipt of an expert: the present epoch, and invitations of so many days.

        Raises:
            NotFound: No such expert.
            Invalid: Too many days.
            Conflicting: There is no announced epoch, a partner has not cosigned yet, or it would
                name a sub-venue that was drawn blindly.
        """
        connection = desk.ledger.connection
        if experts.get(connection, self._cipher, uid) is None:
            raise NotFound("专家库中没有该编号", "the register has no expert of that number")
        if not 1 <= days <= MAX_DAYS:
            raise Invalid(f"天数应为1至{MAX_DAYS}", f"1 to {MAX_DAYS} days, not {days}")
        rows = invited.of_expert(connection, self._cipher, uid, desk.now_ms - days * DAY_MS)
        check_uncovered(desk, [row.draw for row in rows])
        paper = _Paper(desk, uid, self._shelf)
        for suite_id, (pool, epoch) in _present(desk).items():
            paper.add_pool(suite_id, pool, epoch)
        for row in rows:
            paper.add_invitation(row)
        file = paper.written()
        try:
            verify(file, DECODE)
        except ReceiptRefuted as error:
            raise Conflicting(
                f"回执未通过自检,未出具:{error.where}:{error.zh}",
                f"the receipt does not hold and was not given out: {error}",
            ) from error
        return file


class _Paper:
    """One receipt while it is put together."""

    def __init__(self, desk: Desk, uid: str, shelf: pools.Shelf) -> None:
        self._desk = desk
        self._uid = uid
        self._shelf = shelf
        self._pools: dict[tuple[str, str, str], PoolPart] = {}
        self._invited: list[InvitedPart] = []
        self._checkpoints: dict[str, dict[str, str]] = {}

    def add_pool(self, suite_id: str, pool: str, epoch: str) -> None:
        """Our own entries in an epoch, with its announcement to each partner that cosigned it."""
        place = suite_id, pool, epoch
        if place in self._pools:
            return
        desk, chosen = self._desk, suite(suite_id)
        connection = desk.ledger.connection
        told = pools.announced_to(connection, desk.identity.center, suite_id, pool, epoch)
        announced = []
        for peer, conversation in told:
            for word in dossiers.words(connection, conversation):
                if word.ours and word.payload_type == PAYLOAD_TYPES[AnnouncePool]:
                    proven = self._proven(suite_id, peer, word)
                    announced += [] if proven is None else [proven]
        if not announced:
            raise Conflicting(
                f"{epoch}期专家库尚无伙伴中心联署,请稍后再取回执",
                f"no partner has cosigned epoch {epoch} yet; ask for the receipt again later",
            )
        built = self._shelf.pool(connection, chosen, pool, epoch)
        self._pools[place] = PoolPart(
            suite_id, pool, epoch, tuple(announced), _own(chosen, built, self._uid)
        )

    def add_invitation(self, row: InvitationRow) -> None:
        """An invitation, with all that was reported of it."""
        self.add_pool(row.suite, row.pool, row.epoch)
        reported = []
        for word in dossiers.words(self._desk.ledger.connection, row.draw):
            if not word.ours or word.payload_type != PAYLOAD_TYPES[Report] or not word.envelope:
                continue  # another word, one that the peer has not heard yet, or one erased
            said = _report(word)
            if said.entry != row.entry:
                continue
            proven = self._proven(row.suite, row.peer, word)
            if proven is None:
                raise Conflicting(
                    "对方中心尚未联署最近的抽取记录,请稍后再取回执",
                    "the other center has not cosigned what was reported last; ask again later",
                )
            record = b"" if said.response in GONE else row.record
            reported.append(Reported(proven, record))
        self._invited.append(
            InvitedPart(
                row.suite,
                row.pool,
                row.epoch,
                row.draw,
                row.entry,
                row.invited_at_ms,
                tuple(reported),
            )
        )

    def written(self) -> bytes:
        """The file, sealed."""
        identity, now_ms = self._desk.identity, self._desk.now_ms
        descriptors = {str(identity.center): identity.signed_descriptor}
        for peer in {peer for notes in self._checkpoints.values() for peer in notes}:
            signed = self._desk.keyring.signed(CenterId(peer))
            if signed is None:
                raise Conflicting(
                    f"尚无{peer}的签名名片,请先与其联络",
                    f"the signed descriptor of {peer} is not here; greet it first",
                )
            descriptors[peer] = signed
        receipt = ReceiptFile(
            maker=identity.center,
            uid=self._uid,
            made_at_ms=now_ms,
            descriptors=descriptors,
            checkpoints=self._checkpoints,
            pools=tuple(self._pools.values()),
            invited=tuple(self._invited),
        )
        home = identity.face(identity.suites[0])
        return write(receipt, home.signing(Purpose.MESSAGE, now_ms).sign)

    def _proven(self, suite_id: str, peer: str, word: Kept) -> Proven | None:
        """A word of ours under what the peer has cosigned; None if that does not reach it.

        Signed anew: whoever reads it knows our newest keys only, and it is the same word.
        """
        ledger = self._desk.ledger
        cosigned = ledger.cosigned(CenterId(peer), suite_id)
        if cosigned is None or word.log_index >= cosigned[0] or not word.envelope:
            return None
        size, note = cosigned
        self._checkpoints.setdefault(suite_id, {})[peer] = note
        kept = decode_envelope(word.envelope)
        (envelope,) = self._desk.identity.face(suite_id).sign(
            [(kept.payload_type, kept.payload)], self._desk.now_ms
        )
        at_ms = decode_statement(kept.payload).sent_at_ms
        path = ledger.inclusion(suite_id, word.log_index, size)
        return Proven(peer, envelope, Logged(word.log_index, at_ms, tuple(path)))


def _report(word: Kept) -> Report:
    envelope = decode_envelope(word.envelope or b"")
    said = decode_word(envelope.payload_type, decode_statement(envelope.payload).body)
    assert isinstance(said, Report), "the payload type says so"
    return said


def _present(desk: Desk) -> Mapping[str, tuple[str, str]]:
    """The newest epoch of each suite that a partner has cosigned. Raises Conflicting."""
    connection = desk.ledger.connection
    found: dict[str, tuple[str, str]] = {}
    for words in pools.own(connection, desk.now_ms):
        for suite_id, word in words.items():
            told = pools.announced_to(
                connection, desk.identity.center, suite_id, word.pool, word.epoch
            )
            if any(
                pools.cosigned_at_ms(connection, conversation) is not None
                for _, conversation in told
            ):
                found[suite_id] = word.pool, word.epoch
    if not found:
        raise Conflicting(
            "目前没有经伙伴中心联署的有效专家库,请稍后再取回执",
            "no valid epoch of our pool is cosigned by a partner; ask for the receipt again later",
        )
    return found


def _own(chosen: Digests, pool: Pool, uid: str) -> tuple[OwnEntry, ...]:
    found = []
    for specialty, index, entry in pool.own_entries(uid):
        _, openings = pool.open(entry, ATTRIBUTES)
        found.append(
            OwnEntry(
                specialty,
                {each.attribute: each for each in openings},
                index,
                _path(chosen, pool.entries(specialty), index),
            )
        )
    return tuple(found)


def _path(chosen: Digests, entries: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The audit path of one entry of a stratum; linear in the stratum."""
    levels = [[merkle.leaf_hash(chosen, entry) for entry in entries]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append(
            [
                merkle.node_hash(chosen, below[at], below[at + 1])
                for at in range(0, len(below) - 1, 2)
            ]
        )
    return tuple(
        merkle.inclusion_proof(chosen, index, len(entries), lambda level, at: levels[level][at])
    )
