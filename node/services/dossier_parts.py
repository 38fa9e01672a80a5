"""What goes into a dossier, collected in one transaction from this node's own tables.

Here: which conversations belong to an evaluation, whether all their words are receipted,
what may be opened of the draws. Not here: the peer's log, and the file (``dossiers``).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Final

from federation.engine.acquaintance import Link, read_link
from federation.engine.shown import unverified
from federation.evidence.dossier import Announced, Logged, Opened
from federation.ids import CenterId, ConversationId
from federation.protocol import draw as words
from federation.protocol.conversation import REFUSED, Kind, Word
from federation.protocol.oversight import FaultRecord, StateCallBack
from federation.protocol.session import ARCHIVED
from federation.wire.envelopes import decode_envelope
from node.services import draw_exclusions
from node.services.erasing import day_of
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk
from node.services.outside_values import envelope_of
from node.store import (
    bookings,
    call_backs,
    descriptors,
    dossiers,
    draws,
    erasures,
    selections,
    sessions,
)
from node.store.dossiers import Kept, Signed
from node.store.draws import DrawRow
from node.store.pools import Between
from node.store.sessions import SessionRow

NAMED: Final = 3  # so many missing words are named; the others are counted


@dataclass(frozen=True, slots=True)
class Talk:
    """One conversation with its words in the order of our log."""

    id: bytes
    kind: Kind
    words: tuple[Kept, ...]


@dataclass(frozen=True, slots=True)
class Proven:
    """Where one word stands in our log: the index, the time in the entry, the path."""

    index: int
    at_ms: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """Our side of a dossier.

    Args:
        session: The evaluation.
        agreement: With both signatures.
        talks: All conversations, by their first word in our log.
        proven: Our log's proofs by envelope hash.
        our_checkpoint: What they are under, cosigned by the peer.
        our_size: Its size.
        their_size: Size of the peer's checkpoint that we cosigned last.
        openings: What we open of the draws.
        our_chain: Our descriptors.
        their_chain: The peer's that we have taken, those that revoke a key with their place in
            our log.
        others: Descriptors of outside contributors and the regulator, by center id.
        call_backs: What the regulator has stated of calls to experts so far, as envelopes.
    """

    session: SessionRow
    suite: str
    agreement: Signed
    talks: tuple[Talk, ...]
    proven: Mapping[bytes, Proven]
    our_checkpoint: str
    our_size: int
    their_size: int
    openings: Mapping[bytes, Opened]
    our_chain: tuple[Link, ...]
    their_chain: tuple[Announced, ...]
    others: Mapping[str, tuple[bytes, ...]]
    call_backs: tuple[bytes, ...]

    @property
    def hashes(self) -> list[bytes]:
        """All envelope hashes."""
        return [word.hash for talk in self.talks for word in talk.words]

    @property
    def revoking(self) -> list[bytes]:
        """Digests of those of our descriptors that revoke a key: the peer's log places them."""
        return [link.digest for link in self.our_chain if link.descriptor.revoked]


def all_ready(desk: Desk, session_id: bytes) -> list[bytes]:
    """The sessions that make up an evaluation, by id: at the host one with each sub-venue.

    Raises:
        NotFound: There is no such session.
        Conflicting: One of them is not archived.
    """
    row = _session(desk, session_id)
    joint = sessions.joint(desk.ledger.connection, row)
    return [bytes(_session(desk, each.id).id) for each in joint]


def ready(desk: Desk, session_id: bytes) -> tuple[CenterId, str, int]:
    """The peer, the suite, and how much of our log it must have cosigned.

    Raises:
        NotFound: There is no such session.
        Conflicting: It is not archived, or a word has no receipt or was refused.
    """
    row = _session(desk, session_id)
    found = _talks(desk, row)
    _check_erased(desk, found)
    _check_receipts(found)
    suite_id = desk.suite_of(row.id).suite_id
    return row.peer, suite_id, max(word.log_index for talk in found for word in talk.words) + 1


def collect(desk: Desk, session_id: bytes) -> Parts:
    """All of our side.

    Raises:
        NotFound: There is no such session.
        Conflicting: Something is missing.
    """
    ledger = desk.ledger
    row = _session(desk, session_id)
    found = _talks(desk, row)
    _check_erased(desk, found)
    _check_receipts(found)
    agreement = dossiers.agreement(ledger.connection, row.agreement)
    if agreement is None:
        raise Conflicting("协议缺少签名", "the agreement lacks a signature")
    terms = ledger.agreement(row.agreement)
    assert terms is not None, "the session was under it"
    ours = ledger.cosigned(row.peer, terms.suite)
    theirs = ledger.witnessed(row.peer, terms.suite)
    if ours is None or theirs is None or not theirs[2]:  # or only of an epoch before
        raise Conflicting(
            "双方日志尚未相互联署, 请稍后重试", "the logs are not cosigned yet; try again later"
        )
    size, note = ours
    proven = {}
    for talk in found:
        for word in talk.words:
            if word.log_index >= size:
                raise Conflicting(
                    "制作期间又有新消息, 请重试", "a word came in meanwhile; make it again"
                )
            at_ms = int(json.loads(word.entry)["at"])
            path = ledger.inclusion(terms.suite, word.log_index, size)
            proven[word.hash] = Proven(word.log_index, at_ms, path)
    return Parts(
        session=row,
        suite=terms.suite,
        agreement=agreement,
        talks=tuple(found),
        proven=proven,
        our_checkpoint=note,
        our_size=size,
        their_size=theirs[0],
        openings=_openings(desk, row),
        our_chain=tuple(read_link(signed) for signed in desk.identity.chain),
        their_chain=tuple(_taken(desk, each, terms.suite, size) for each in _chain(desk, row.peer)),
        others={
            center: tuple(chain)
            for center in {*terms.outside_contributors, *filter(None, [terms.regulator])}
            if (chain := _chain(desk, CenterId(center)))
        },
        call_backs=_call_backs(desk, row),
    )


def _call_backs(desk: Desk, row: SessionRow) -> tuple[bytes, ...]:
    kinds: dict[str, type[Word]] = {each.__name__: each for each in (FaultRecord, StateCallBack)}
    found = (
        envelope_of(desk, each.conversation, kinds[each.word])
        for draw in _draws(desk, row)
        for each in call_backs.checked(desk.ledger.connection, draw.id)
    )
    return tuple(signed for signed in found if not _is_revoked(desk, signed))


def _is_revoked(desk: Desk, signed: bytes) -> bool:
    """Whether a regulator has revoked the key: nobody could tell its word from a thief's."""
    by = desk.keyring.peers.get(CenterId(unverified(signed)[0].sender))
    return by is not None and by.revocation(decode_envelope(signed).key_id) is not None


def _chain(desk: Desk, peer: CenterId) -> list[bytes]:
    """All descriptors of a peer that we have taken, oldest first."""
    found = [each.signed for each in descriptors.chain(desk.ledger.connection, peer)]
    pinned = desk.keyring.signed(peer)
    return found or ([] if pinned is None else [pinned])


def _taken(desk: Desk, signed: bytes, suite_id: str, size: int) -> Announced:
    link = read_link(signed)
    if not link.descriptor.revoked:
        return Announced(signed)
    for index, entry in desk.ledger.log_entries(suite_id, link.digest):
        if index < size:
            at_ms = int(json.loads(entry)["at"])
            return Announced(
                signed, Logged(index, at_ms, desk.ledger.inclusion(suite_id, index, size))
            )
    return Announced(signed)


def _session(desk: Desk, session_id: bytes) -> SessionRow:
    row = sessions.get(desk.ledger.connection, session_id)
    if row is None:
        raise NotFound("没有这场评标", f"there is no session {session_id.hex()}")
    if row.phase != ARCHIVED:
        raise Conflicting(
            "评标尚未归档: 请先完成档案移交与接收",
            f"the session is {row.phase}, not archived: hand the archive over and receive it",
        )
    return row


def _draws(desk: Desk, row: SessionRow) -> list[DrawRow]:
    # A draw whose first word was refused never began.
    found = draws.of_booking(desk.ledger.connection, row.booking)
    unfinished = [draw for draw in found if draw.phase not in {words.CLOSED, words.VOID, REFUSED}]
    if unfinished:
        raise Conflicting(
            f"抽取{unfinished[0].id.hex()}尚未公开封定值({unfinished[0].phase}), 请联系封定方",
            f"draw {unfinished[0].id.hex()} is {unfinished[0].phase}: its sealer must close it",
        )
    return [draw for draw in found if draw.phase != REFUSED]


def _talks(desk: Desk, row: SessionRow) -> list[Talk]:
    connection, me = desk.ledger.connection, desk.identity.center
    agreement = dossiers.agreement(connection, row.agreement)
    held = dossiers.words(connection, row.booking)
    if not held:
        raise Conflicting("缺少场地预约的消息", "the booking's words are missing")
    test = dossiers.joint_test(connection, row.peer, row.agreement, held[0].log_index)
    wanted = {
        Kind.AGREEMENT: {agreement.conversation} if agreement else set(),
        Kind.PEERING: {test} if test else set(),
        Kind.BOOKING: {row.booking},
        Kind.DRAW: set(),
        Kind.SESSION: {bytes(row.id)},
        Kind.SELECTION: _lottery(connection, row),
    }
    for draw in _draws(desk, row):
        owner, other = (me, draw.peer) if draw.role == words.OWNER else (draw.peer, me)
        between = Between(owner, other, desk.suite_of(ConversationId(draw.id)).suite_id)
        pool = dossiers.announcement(connection, between, draw.pool, draw.epoch)
        wanted[Kind.PEERING] |= {pool} if pool else set()
        wanted[Kind.DRAW].add(draw.id)
    found = [
        Talk(talk, kind, tuple(dossiers.words(connection, talk)))
        for kind, ids in wanted.items()
        for talk in ids
    ]
    return sorted((talk for talk in found if talk.words), key=lambda talk: talk.words[0].log_index)


def _lottery(connection: Connection, row: SessionRow) -> set[bytes]:
    """Our conversations with the peer of the lottery that its sub-venue was drawn in."""
    held = bookings.get(connection, row.booking)
    if held is None or not held.hold.selection_id:
        return set()
    found = selections.between(connection, held.hold.selection_id, held.peer)
    return {bytes(each.conversation) for each in found if each.phase != REFUSED}


def _check_erased(desk: Desk, found: Iterable[Talk]) -> None:
    for talk in found:
        erased = erasures.get(desk.ledger.connection, talk.id)
        if erased is not None:
            day = day_of(erased.at_ms)
            raise Conflicting(
                f"该评标的{erased.words}条报文已于{day}依法删除(理由:{erased.reason}),"
                "日志条目与证明仍可核验,但不能再生成证据文件",
                f"{erased.words} words of this evaluation were erased on {day} ({erased.reason}): "
                "the log's entries can still be proven, but there is no dossier without them",
            )


def _check_receipts(found: Iterable[Talk]) -> None:
    for accepted, zh, en in (
        (None, "尚无对方回执, 请等待送达", "have no receipt yet: wait until they are delivered"),
        (False, "被拒绝", "were refused: this evaluation has no dossier, its parts have proofs"),
    ):
        missing = [
            f"{word.payload_type.rsplit('.v1.', 1)[-1].removesuffix('+protobuf')} "
            f"{word.hash.hex()[:16]}"
            for talk in found
            for word in talk.words
            if word.accepted is accepted
        ]
        if missing:
            named = ", ".join(missing[:NAMED])
            raise Conflicting(
                f"{len(missing)}条消息{zh}: {named}", f"{len(missing)} words {en}: {named}"
            )


def _openings(desk: Desk, row: SessionRow) -> dict[bytes, Opened]:
    connection = desk.ledger.connection
    found = {}
    for draw in _draws(desk, row):
        avoided = draw_exclusions.known(desk, draw)
        lists = {item.revision: item.salt for item in draws.lists(connection, draw.id)}
        if avoided is not None:
            found[draw.id] = Opened(avoided.codes, avoided.salt, lists)
        elif lists:
            found[draw.id] = Opened(None, b"", lists)
    return found
