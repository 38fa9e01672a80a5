"""Mutual witnessing: our checkpoint goes out with our calls, a cosignature comes back.

Greetings also carry what we cosigned of others' logs (``passing``).

A peer's checkpoint is cosigned only if it is consistent with the last one that we
cosigned; check and persist are one transaction (C2SP tlog-witness). A peer that shows two
histories is remembered with both notes and never cosigned again from that point.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from federation.engine import epochs, submission
from federation.engine.floor import Floor
from federation.engine.identity import Identity
from federation.engine.passing import Passing
from federation.engine.sightings import Sighting, log_keys, witness_keys
from federation.engine.submission import Answer, Verdict
from federation.evidence.checkpoint import (
    LOG,
    WITNESS,
    BadCheckpoint,
    Checkpoint,
    NoteKey,
    cosign,
    cosigned_at,
    sign_log,
    sign_log_again,
    verify_note,
)
from federation.evidence.tlog_witness import AddCheckpoint
from federation.ids import CenterId
from federation.ports import Ledger
from federation.trust import merkle
from federation.trust.keyring import Keyring
from federation.trust.keys import Descriptor, Purpose
from federation.trust.suite import suite
from federation.wire.envelopes import Witnessing
from federation.wire.questions import ConsistencyAnswer, ConsistencyQuestion

L = TypeVar("L", bound=Ledger)

NOTHING: Final = Witnessing()


def _untold(_floor: Floor[L], _peer: CenterId, _sighting: Sighting) -> None:
    """What is kept of a fork is enough for who asks; nobody here is told."""


class Witness:
    """Shows our checkpoints to peers, and looks at theirs.

    Args:
        identity: Whose logs are shown, and whose key cosigns.
        keyring: Whose logs are looked at.
        observe: Told of every sighting, for metrics.
        tell: Told of FORK and UNPROVEN in the transaction that keeps them, for people.
    """

    def __init__(
        self,
        *,
        identity: Identity,
        keyring: Keyring,
        observe: Callable[[CenterId, Sighting], None] = lambda _peer, _sighting: None,
        tell: Callable[[Floor[Any], CenterId, Sighting], None] = _untold,
    ) -> None:
        self._identity = identity
        self._keyring = keyring
        self._observe = observe
        self._passing = Passing(keyring, tell)
        self._signed_with: dict[str, int] = {}

    def greet(self, floor: Floor[L], peer: CenterId, suite_id: str) -> Witnessing:
        """What a greeting carries: what ``show`` shows, and the heads of others' logs."""
        heads = self._passing.heads(floor, peer, suite_id)
        return replace(self.show(floor, peer, suite_id), heads=heads)

    def show(self, floor: Floor[L], peer: CenterId, suite_id: str) -> Witnessing:
        """Our newest checkpoint of a suite for a peer, and the peer's that we cosigned last.

        Empty when the peer has cosigned all there is: then a call carries nothing extra. So it
        is while the peer knows no log key of ours that is still good: it would take our log for
        a forged one. A greeting brings it the key.
        """
        ledger = floor.ledger
        size, root = ledger.log_head(suite_id)
        known = ledger.cosigned(peer, suite_id)
        descriptor = self._identity.descriptor
        proven_from = 0
        if known is not None:
            proven_from = known[0]
        elif descriptor.log_epoch:
            proven_from = epochs.base(ledger, self._identity.chain, peer, suite_id)
        seen = ledger.witnessed(peer, suite_id)
        cosigned = seen[2] if seen else ""
        if size == 0 or (known is not None and size == proven_from):
            return Witnessing(cosigned=cosigned)
        if descriptor.log_epoch and not self._in_epoch(peer):
            return Witnessing(cosigned=cosigned)  # it knows our log by another name
        good = self._identity.face(suite_id).all_signing(Purpose.LOG, floor.now_ms)
        if not any(self._knows(peer, own.id) for own in good):
            return Witnessing(cosigned=cosigned)
        signed = ledger.checkpoint(suite_id)
        number = descriptor.sequence
        if (
            signed is not None
            and signed[0] == size
            and self._signed_with.get(suite_id) == number  # after a rotation it lacks a signature
        ):
            note = signed[1]
        else:
            self._signed_with[suite_id] = number
            note = self._signed(suite_id, size, root, floor.now_ms)
            ledger.put_checkpoint(suite_id, size, note)
        proof = ledger.consistency(suite_id, proven_from, size)
        return Witnessing(note, proven_from, proof, cosigned)

    def look(
        self, floor: Floor[L], peer: CenterId, suite_id: str, witnessing: Witnessing
    ) -> Sighting:
        """Take what a peer showed; the call that it came with was authenticated."""
        if witnessing.cosigned:
            self._take_cosignature(floor, peer, suite_id, witnessing.cosigned)
        sighting = Sighting.NONE
        if witnessing.checkpoint:
            sighting = self._cosign(floor, peer, suite_id, witnessing)
        self._observe(peer, sighting)
        for whose, seen in self._passing.take(floor, peer, suite_id, witnessing.heads):
            self._observe(whose, seen)
        return sighting

    def asks(self, floor: Floor[L], peer: CenterId, suite_id: str) -> ConsistencyQuestion | None:
        """What a peer has to prove of its log, because others have heads that we have not."""
        return self._passing.question(floor, peer, suite_id)

    def proven(
        self,
        floor: Floor[L],
        peer: CenterId,
        question: ConsistencyQuestion,
        answer: ConsistencyAnswer,
    ) -> None:
        """Take a peer's answer to it."""
        self._observe(peer, self._passing.answered(floor, peer, question, answer))

    def prove(self, floor: Floor[L], question: ConsistencyQuestion) -> ConsistencyAnswer:
        """Answer the same about our own log. Raises FederationError."""
        return self._passing.prove(floor, question)

    def add_checkpoint(self, floor: Floor[L], request: AddCheckpoint) -> Answer:
        """Look at a checkpoint that came by tlog-witness, and cosign it if it goes on."""
        answer = submission.add_checkpoint(floor, self._passing, request)
        if answer.peer:
            cosigned = answer.verdict is Verdict.COSIGNED
            self._observe(CenterId(answer.peer), Sighting.COSIGNED if cosigned else Sighting.OLD)
        return answer

    def take_back(
        self, floor: Floor[L], peer: CenterId, yours: Sequence[str], mine: Sequence[str]
    ) -> None:
        """Take the cosigned heads that a peer gives back after we have lost what we knew of them.

        Args:
            floor: The transaction.
            peer: Who gives them.
            yours: Heads of our logs that it has cosigned.
            mine: Heads of its logs that we have cosigned: our signature says that each went on
                from all that we had seen before.
        """
        for note in yours:
            self._take_cosignature(floor, peer, _suite_in(note), note)
        for note in mine:
            self._remember(floor, peer, _suite_in(note), note)

    def _remember(self, floor: Floor[L], peer: CenterId, suite_id: str, note: str) -> None:
        theirs = self._keyring.peers[peer]
        if suite_id not in theirs.suites or suite_id not in self._identity.suites:
            return
        try:
            shown, _ = verify_note(note, log_keys(theirs, suite_id))
            cosigned_at(note, witness_keys(self._identity.descriptor, suite_id))
        except BadCheckpoint:
            return  # of another epoch, or under a key that was revoked since: it shows its log anew
        seen = floor.ledger.witnessed(peer, suite_id)
        if seen is None or shown.size > seen[0]:
            floor.ledger.put_witnessed(peer, suite_id, shown.size, shown.root, note)

    def _signed(self, suite_id: str, size: int, root: bytes, now_ms: int) -> str:
        """Our head under every log key of ours that is valid: a peer may know only the old one."""
        face = self._identity.face(suite_id)
        published = {key.id: key.key for key in self._identity.descriptor.keys}
        note = ""
        for own in face.all_signing(Purpose.LOG, now_ms):
            key = NoteKey(face.suite, face.log_name, LOG, published[own.id])
            if note:
                note = sign_log_again(note, key, own.sign)
            else:
                note = sign_log(Checkpoint(face.log_name, size, root), key, own.sign)
        return note

    def _cosign(
        self, floor: Floor[L], peer: CenterId, suite_id: str, witnessing: Witnessing
    ) -> Sighting:
        ledger = floor.ledger
        face = self._identity.face(suite_id)
        digests = face.suite
        theirs = self._keyring.peers[peer]
        try:
            shown, _ = verify_note(witnessing.checkpoint, log_keys(theirs, suite_id))
        except BadCheckpoint:
            return Sighting.BAD
        if ledger.forked(peer):
            return Sighting.FORK
        seen = ledger.witnessed(peer, suite_id)
        size, root = (seen[0], seen[1]) if seen else (0, digests.hash(b""))
        if shown.size < size:
            return Sighting.OLD
        if shown.size == size:
            if shown.root == root:
                return Sighting.OLD
            return self._contradicted(floor, peer, suite_id, witnessing.checkpoint)
        if witnessing.proven_from != size:
            return Sighting.OLD
        if not merkle.verify_consistency(
            digests, size, root, shown.size, shown.root, witnessing.proof
        ):
            return self._contradicted(floor, peer, suite_id, witnessing.checkpoint)
        own = self._identity.key_for(peer, suite_id, Purpose.WITNESS, floor.now_ms)
        if not self._knows(peer, own.id):
            return Sighting.NONE  # it could not check our cosignature, and shows its log again
        (ours,) = [key for key in self._identity.descriptor.keys if key.id == own.id]
        named = self._identity.descriptor.witness_name(suite_id)
        try:
            note = cosign(
                witnessing.checkpoint,
                NoteKey(face.suite, named, WITNESS, ours.key),
                own.sign,
                floor.now_ms // 1000,
            )
        except BadCheckpoint:  # no room for a signature, or one of ours is forged on it
            return Sighting.BAD
        ledger.put_witnessed(peer, suite_id, shown.size, shown.root, note)
        return Sighting.COSIGNED

    def _contradicted(self, floor: Floor[L], peer: CenterId, suite_id: str, shown: str) -> Sighting:
        """Keep both notes; a first note that makes no sense contradicts nothing."""
        seen = floor.ledger.witnessed(peer, suite_id)
        if seen is None:
            return Sighting.BAD
        origin = self._keyring.peers[peer].log_name(suite_id)
        began = Checkpoint(origin, seen[0], seen[1]).body()  # as its root signed it
        return self._passing.contradict(floor, peer, seen[2] or began, shown, "")

    def _in_epoch(self, peer: CenterId) -> bool:
        """Whether a peer has taken the descriptor by which our logs have their present names."""
        taken = self._identity.taken_by(peer)
        return taken is not None and taken.log_epoch == self._identity.descriptor.log_epoch

    def _knows(self, peer: CenterId, key_id: bytes) -> bool:
        """Whether a peer has taken a key of ours; one that never told is not waited for."""
        taken = self._identity.taken_by(peer)
        return taken is None or any(key.id == key_id for key in taken.keys)

    def _take_cosignature(self, floor: Floor[L], peer: CenterId, suite_id: str, note: str) -> None:
        known = floor.ledger.cosigned(peer, suite_id)
        if known is not None and known[1] == note:
            return  # it comes with every call
        ours, theirs = self._identity.descriptor, self._keyring.peers[peer]
        if suite_id not in ours.suites:
            return
        try:
            shown, _ = verify_note(note, log_keys(ours, suite_id))
            cosigned_at(note, witness_keys(theirs, suite_id))
        except BadCheckpoint:
            if self._of_epoch_before(floor, peer, suite_id, note):
                return
            if not _was_good(note, suite_id, ours, theirs):
                self._observe(peer, Sighting.BAD)
            return
        size, _ = floor.ledger.log_head(suite_id)
        if (known is not None and shown.size <= known[0]) or not shown.size:
            return
        if shown.size > size or not self._is_ours(floor, suite_id, shown, size):
            # Our own signature on what we have not: what we run on is an old copy.
            floor.ledger.put_former_head(peer, suite_id, ours.log_epoch, shown.size, note)
            why = f"{peer} cosigned a log of ours that goes on otherwise"
            floor.ledger.lost(self._keyring.peers, why, floor.now_ms)
            return
        floor.ledger.put_cosigned(peer, suite_id, shown.size, note)
        floor.cosigned(peer, suite_id, shown.size)

    def _is_ours(self, floor: Floor[L], suite_id: str, shown: Checkpoint, size: int) -> bool:
        """Whether a head that we have signed is one of the log that is here."""
        signed = floor.ledger.checkpoint(suite_id)
        if signed is not None and signed[0] == shown.size:
            latest = epochs.head_of(signed[1])
            if latest is not None and latest.root == shown.root:
                return True
        _, root = floor.ledger.log_head(suite_id)
        proof = floor.ledger.consistency(suite_id, shown.size, size)
        return merkle.verify_consistency(suite(suite_id), shown.size, shown.root, size, root, proof)

    def _of_epoch_before(self, floor: Floor[L], peer: CenterId, suite_id: str, note: str) -> bool:
        """Whether a note is of our log as it was before a backup; the last such is kept."""
        ours, theirs = self._identity.descriptor, self._keyring.peers[peer]
        head = epochs.head_of(note)
        for epoch in range(ours.log_epoch):
            former = replace(ours, log_epoch=epoch, revoked=())
            if head is None or head.origin != former.log_name(suite_id):
                continue
            try:
                verify_note(note, log_keys(former, suite_id))
                cosigned_at(note, witness_keys(replace(theirs, revoked=()), suite_id))
            except BadCheckpoint:
                return False
            floor.ledger.put_former_head(peer, suite_id, epoch, head.size, note)
            return True
        return False


def _suite_in(note: str) -> str:
    """The suite that a head's origin names; no suite's name if it names none."""
    head = epochs.head_of(note)
    parts = head.origin.split("/") if head is not None else []
    return parts[2] if len(parts) in {3, 4} else ""


def _was_good(note: str, suite_id: str, ours: Descriptor, theirs: Descriptor) -> bool:
    """Whether a cosigned note of ours only names a key that was revoked since: no alarm."""
    try:
        verify_note(note, log_keys(replace(ours, revoked=()), suite_id))
        cosigned_at(note, witness_keys(replace(theirs, revoked=()), suite_id))
    except BadCheckpoint:
        return False
    return True
