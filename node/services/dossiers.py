"""Makes the dossier of an evaluation: one file that proves the whole to anybody, offline.

What is in it and when it holds is ``federation.evidence``; our side of it is collected by
``dossier_parts``. Each center may make its own. A dossier is kept only after it was verified
as everybody else would: a file that does not hold would be worse than none.
"""

import asyncio
import json
import os
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, TypeVar

from federation.engine.acquaintance import Link
from federation.engine.negotiator import Negotiator
from federation.engine.outbox import AnswerRefused, Peek
from federation.errors import FederationError
from federation.evidence import joint
from federation.evidence.case import Refuted
from federation.evidence.dossier import Announced, Dossier, Line, Logged, Transcript, write
from federation.evidence.timeline import Event, timeline
from federation.ids import CenterId
from federation.ports import Unreachable
from federation.protocol.session import HandOver
from federation.trust.envelope import MAX_BATCH, Envelope
from federation.trust.keyring import Keyring
from federation.trust.keys import BadDescriptor, Purpose
from federation.trust.suite import INTL_1
from federation.wire.envelopes import RECEIPT_TYPE, decode_envelope, decode_statement
from federation.wire.evidence import DECODE
from federation.wire.questions import Inclusion, InclusionAnswer, InclusionQuestion
from federation.wire.words import decode_word, read_signed_descriptor
from node.services.dossier_parts import Parts, all_ready, collect, ready
from node.services.errors import Conflicting
from node.services.house import Desk
from node.store import dossiers
from node.store.dossiers import Kept, Made, Signed
from node.store.ledger import SqlLedger

GREETINGS: Final = 4  # two bring both cosignatures home; two more for replies that were lost
PROOFS_PER_QUESTION: Final = 250  # an answer holds at most 256 proofs
FOLDER_MODE: Final = 0o700

T = TypeVar("T")


class Correspondent(Protocol):
    """What is needed of the outbox."""

    async def greet(self, peer: CenterId) -> Peek:
        """Say Hello. Raises Unreachable."""

    async def ask(self, peer: CenterId, question: object) -> object:
        """Ask one question. Raises Unreachable, AnswerRefused."""


class Dossiers:
    """Makes and finds dossiers.

    Args:
        negotiator: Our way to the database; also says who we are.
        keyring: The pinned peers.
        outbox: Our way to the peer.
        folder: Where the files go; made when it is missing.
    """

    def __init__(
        self,
        *,
        negotiator: Negotiator[SqlLedger],
        keyring: Keyring,
        outbox: Correspondent,
        folder: Path,
    ) -> None:
        self._negotiator = negotiator
        self._identity = negotiator.identity
        self._keyring = keyring
        self._outbox = outbox
        self._folder = folder

    def made(self, desk: Desk, session_id: bytes) -> Path | None:
        """Where the dossier of a session is, if it was made."""
        found = dossiers.get(desk.ledger.connection, session_id)
        return None if found is None else self._folder / found.file_name

    async def make(self, session_id: bytes) -> Path:
        """Make the dossier of an archived session; answers the file.

        At a host with several sub-venues it is one joint dossier of all their sessions; a sub's
        is of its own. Made again, it takes the place of the one before.

        Raises:
            NotFound: There is no such session.
            Conflicting: Something is still missing: the session is not archived, a word has no
                receipt or was refused, the peer cannot be reached, or its log has no proof. The
                sentences name what is missing and what to do.
        """
        sessions = await self._negotiator.transact(lambda desk: all_ready(desk, session_id))
        made = [await self._part(each) for each in sessions]
        if len(made) == 1:
            file = made[0][0]
        else:
            file = await self._joint(made)
        path = self._folder / f"{sessions[0].hex()}.dossier"
        await asyncio.to_thread(_keep, path, file)
        digest = INTL_1.hash(file)

        def note(desk: Desk) -> None:
            for each in sessions:
                dossiers.put(desk.ledger.connection, Made(each, path.name, digest, desk.now_ms))

        await self._negotiator.transact(note)
        return path

    async def _part(self, session_id: bytes) -> tuple[bytes, Parts]:
        """The dossier of one session, verified, and our side of it."""
        peer, suite_id, needed = await self._negotiator.transact(
            lambda desk: ready(desk, session_id)
        )
        theirs = await self._witnessed(peer, suite_id, needed)
        parts = await self._negotiator.transact(lambda desk: collect(desk, session_id))
        note, proofs = await self._proofs(peer, parts)
        return await asyncio.to_thread(self._file, parts, proofs, note, theirs), parts

    async def _joint(self, made: Sequence[tuple[bytes, Parts]]) -> bytes:
        """One file of all sub-venues' parts, verified."""
        heads = [(parts.suite, parts.our_size) for _, parts in made]
        links = await self._negotiator.transact(
            lambda desk: [
                joint.Extends(
                    older,
                    newer,
                    desk.ledger.consistency(heads[older][0], heads[older][1], heads[newer][1]),
                )
                for older, newer in joint.chain(heads)
            ]
        )
        now_ms = self._negotiator.clock.now_ms()
        key = self._identity.face(heads[0][0]).signing(Purpose.MESSAGE, now_ms)
        return await asyncio.to_thread(
            self._checked, lambda: joint.write([file for file, _ in made], links, key.sign)
        )

    async def _witnessed(self, peer: CenterId, suite_id: str, needed: int) -> bytes:
        """Have both logs cosigned; answers the peer's signed descriptor."""
        theirs = b""
        for greeting in range(GREETINGS):
            peek = await _reached(self._outbox.greet(peer))
            theirs = peek.greeting.descriptors[-1]
            ours = await self._negotiator.transact(
                lambda desk: desk.ledger.cosigned(peer, suite_id)
            )
            # Only the next greeting tells the peer that we cosigned what it showed in the first.
            if greeting and ours is not None and ours[0] >= needed:
                break
        else:
            raise Conflicting(
                f"对方尚未联署本中心日志的前{needed}条, 请稍后重试",
                f"the peer has not cosigned the first {needed} entries of our log; try again later",
            )
        pinned = self._keyring.peers.get(peer)
        try:
            same = read_signed_descriptor(theirs) == pinned
        except (FederationError, BadDescriptor):
            same = False
        if not same:
            raise Conflicting(
                "对方的密钥说明与登记的不符, 请核对后重新登记",
                "the peer shows another descriptor than the pinned one; compare, then pin it anew",
            )
        return theirs

    async def _proofs(self, peer: CenterId, parts: Parts) -> tuple[str, dict[bytes, Inclusion]]:
        """The peer's checkpoint and its proofs for all words."""
        note = ""
        found: dict[bytes, Inclusion] = {}
        hashes = [*parts.revoking, *parts.hashes]
        for at in range(0, len(hashes), PROOFS_PER_QUESTION):
            page = tuple(hashes[at : at + PROOFS_PER_QUESTION])
            question = InclusionQuestion(page, parts.their_size, parts.suite)
            answer = await _reached(self._outbox.ask(peer, question))
            if isinstance(answer, InclusionAnswer):
                note = answer.checkpoint
                found.update({item.envelope_hash: item for item in answer.items})
        missing = [word for word in parts.hashes if word not in found]
        if missing:
            raise Conflicting(
                f"对方日志未证明{len(missing)}条消息(首条{missing[0].hex()[:16]}), 请联系对方",
                f"the peer's log does not prove {len(missing)} words (first: "
                f"{missing[0].hex()[:16]}); get in touch with it",
            )
        return note, found

    def _file(
        self, parts: Parts, proofs: Mapping[bytes, Inclusion], note: str, theirs: bytes
    ) -> bytes:
        """The file, verified."""
        now_ms = self._negotiator.clock.now_ms()
        key = self._identity.face(parts.suite).signing(Purpose.MESSAGE, now_ms)
        return self._checked(
            lambda: write(self._dossier(parts, proofs, note, theirs, now_ms), key.sign)
        )

    def _checked(self, written: Callable[[], bytes]) -> bytes:
        """A file that holds as anybody would find."""
        file = written()
        try:
            joint.check(file, DECODE)
        except Refuted as error:
            raise Conflicting(
                f"卷宗未通过自检, 未保存: 第{error.step.value}步, {error.where}: {error.zh}",
                f"the dossier does not hold and was not kept: {error}",
            ) from error
        return file

    def _dossier(
        self,
        parts: Parts,
        proofs: Mapping[bytes, Inclusion],
        note: str,
        theirs: bytes,
        now_ms: int,
    ) -> Dossier:
        me, peer = self._identity.center, parts.session.peer
        receipts = self._receipts(parts, now_ms)
        lines = {
            word.hash: Line(
                decode_envelope(word.envelope or b""),
                receipts[word.hash],
                {me: _ours(parts, word), peer: _theirs(proofs[word.hash])},
            )
            for talk in parts.talks
            for word in talk.words
        }
        everything = sorted(
            (word for talk in parts.talks for word in talk.words), key=lambda word: word.log_index
        )
        events = [_event(lines[word.hash].envelope) for word in everything]
        names: dict[str, str] = {
            me: self._identity.descriptor.name,
            peer: read_signed_descriptor(theirs).name,
        }
        return Dossier(
            maker=me,
            session=parts.session.id,
            descriptors={
                me: tuple(_announced(link, proofs.get(link.digest)) for link in parts.our_chain),
                peer: parts.their_chain or (Announced(theirs),),
            },
            document=parts.agreement.document,
            signatures=_signatures(parts.agreement, me, peer),
            checkpoints={me: parts.our_checkpoint, peer: note},
            conversations=tuple(
                Transcript(talk.id, talk.kind.value, tuple(lines[word.hash] for word in talk.words))
                for talk in parts.talks
            ),
            openings=parts.openings,
            others=parts.others,
            call_backs=parts.call_backs,
            archive=next(
                (event.word.items for event in events if isinstance(event.word, HandOver)), ()
            ),
            timeline=timeline(events, names),
        )

    def _receipts(self, parts: Parts, now_ms: int) -> dict[bytes, Envelope]:
        """The receipts by word: the peer's as they came, ours signed again from their payloads."""
        words = [word for talk in parts.talks for word in talk.words]
        found = {word.hash: decode_envelope(word.receipt or b"") for word in words if word.ours}
        heard = [word for word in words if not word.ours]
        for at in range(0, len(heard), MAX_BATCH):
            batch = heard[at : at + MAX_BATCH]
            signed = self._identity.face(parts.suite).sign(
                [(RECEIPT_TYPE, word.receipt or b"") for word in batch], now_ms
            )
            found.update(zip((word.hash for word in batch), signed, strict=True))
        return found


async def _reached(call: Awaitable[T]) -> T:
    try:
        return await call
    except Unreachable as error:
        raise Conflicting(
            "现在联系不上对方中心, 请稍后重试", f"the peer cannot be reached now: {error}"
        ) from error
    except AnswerRefused as error:
        raise Conflicting(
            f"对方未提供日志证明: {error}", f"the peer does not prove its log: {error}"
        ) from error


def _announced(link: Link, proof: Inclusion | None) -> Announced:
    return Announced(link.signed, None if proof is None else _theirs(proof))


def _ours(parts: Parts, word: Kept) -> Logged:
    proven = parts.proven[word.hash]
    return Logged(proven.index, proven.at_ms, proven.path)


def _theirs(proof: Inclusion) -> Logged:
    try:
        at_ms = int(json.loads(proof.entry)["at"])
    except (ValueError, KeyError, TypeError) as error:
        raise Conflicting(
            "对方的日志条目不可读, 请联系对方", f"an entry of the peer's log is unreadable: {error}"
        ) from error
    return Logged(proof.index, at_ms, proof.path)


def _event(envelope: Envelope) -> Event:
    statement = decode_statement(envelope.payload)
    word = decode_word(envelope.payload_type, statement.body)
    return Event(statement.sender, statement.sent_at_ms, word)


def _signatures(agreement: Signed, me: str, peer: str) -> dict[str, bytes]:
    proposer, answerer = (me, peer) if agreement.we_proposed else (peer, me)
    return {proposer: agreement.proposer_signature, answerer: agreement.answerer_signature}


def _keep(path: Path, file: bytes) -> None:
    """Write all of it or nothing, readable by us alone."""
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # made with mode 0600
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(file)
            out.flush()
            os.fsync(out.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
