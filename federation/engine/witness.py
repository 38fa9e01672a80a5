"""Mutual witnessing: our checkpoint goes out with our calls, a cosignature comes back.

A peer's checkpoint is cosigned only if it is consistent with the last one that we
cosigned; check and persist are one transaction (C2SP tlog-witness). A peer that shows two
histories is remembered with both notes and never cosigned again from that point.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final, TypeVar

from federation.engine.floor import Floor
from federation.engine.identity import Identity
from federation.evidence.checkpoint import (
    LOG,
    WITNESS,
    BadCheckpoint,
    Checkpoint,
    NoteKey,
    cosign,
    cosigned_at,
    sign_log,
    verify_note,
)
from federation.ids import CenterId
from federation.ports import Ledger
from federation.trust import merkle
from federation.trust.keyring import Keyring
from federation.trust.keys import Descriptor
from federation.trust.suite import INTL_1, signer
from federation.wire.envelopes import Witnessing

L = TypeVar("L", bound=Ledger)

NOTHING: Final = Witnessing()


class Sighting(StrEnum):
    """What a peer's checkpoint turned out to be."""

    NONE = "none"
    COSIGNED = "cosigned"
    OLD = "old"
    BAD = "bad"
    FORK = "fork"


def log_key(descriptor: Descriptor) -> NoteKey:
    """The key that a node's checkpoints are signed with."""
    return NoteKey(INTL_1, descriptor.log_name, LOG, descriptor.log_key)


def witness_key(descriptor: Descriptor) -> NoteKey:
    """The key that a node cosigns with."""
    return NoteKey(INTL_1, descriptor.witness_name, WITNESS, descriptor.witness_key)


class Witness:
    """Shows our checkpoints to peers, and looks at theirs."""

    def __init__(
        self,
        *,
        identity: Identity,
        keyring: Keyring,
        observe: Callable[[CenterId, Sighting], None] = lambda _peer, _sighting: None,
    ) -> None:
        self._identity = identity
        self._keyring = keyring
        self._observe = observe

    def show(self, floor: Floor[L], peer: CenterId) -> Witnessing:
        """Our newest checkpoint for a peer, and the peer's that we cosigned last.

        Empty when the peer has cosigned all there is: then a call carries nothing extra.
        """
        ledger = floor.ledger
        size, root = ledger.log_head()
        known = ledger.cosigned(peer)
        proven_from = known[0] if known else 0
        seen = ledger.witnessed(peer)
        cosigned = seen[2] if seen else ""
        if size in {0, proven_from}:
            return Witnessing(cosigned=cosigned)
        signed = ledger.checkpoint()
        if signed is not None and signed[0] == size:
            note = signed[1]
        else:
            descriptor = self._identity.descriptor
            note = sign_log(
                Checkpoint(descriptor.log_name, size, root),
                log_key(descriptor),
                signer(self._identity.secrets.log),
            )
            ledger.put_checkpoint(size, note)
        return Witnessing(note, proven_from, ledger.consistency(proven_from, size), cosigned)

    def look(self, floor: Floor[L], peer: CenterId, witnessing: Witnessing) -> Sighting:
        """Take what a peer showed; the call that it came with was authenticated."""
        if witnessing.cosigned:
            self._take_cosignature(floor, peer, witnessing.cosigned)
        sighting = Sighting.NONE
        if witnessing.checkpoint:
            sighting = self._cosign(floor, peer, witnessing)
        self._observe(peer, sighting)
        return sighting

    def _cosign(self, floor: Floor[L], peer: CenterId, witnessing: Witnessing) -> Sighting:
        ledger = floor.ledger
        digests = self._identity.digests
        theirs = self._keyring.peers[peer]
        try:
            shown, _ = verify_note(witnessing.checkpoint, [log_key(theirs)])
        except BadCheckpoint:
            return Sighting.BAD
        if ledger.forked(peer):
            return Sighting.FORK
        seen = ledger.witnessed(peer)
        size, root = (seen[0], seen[1]) if seen else (0, digests.hash(b""))
        if shown.size < size:
            return Sighting.OLD
        if shown.size == size:
            if shown.root == root:
                return Sighting.OLD
            return self._contradicted(floor, peer, witnessing.checkpoint)
        if witnessing.proven_from != size:
            return Sighting.OLD
        if not merkle.verify_consistency(
            digests, size, root, shown.size, shown.root, witnessing.proof
        ):
            return self._contradicted(floor, peer, witnessing.checkpoint)
        try:
            note = cosign(
                witnessing.checkpoint,
                witness_key(self._identity.descriptor),
                signer(self._identity.secrets.witness),
                floor.now_ms // 1000,
            )
        except BadCheckpoint:  # no room for a signature, or one of ours is forged on it
            return Sighting.BAD
        ledger.put_witnessed(peer, shown.size, shown.root, note)
        return Sighting.COSIGNED

    def _contradicted(self, floor: Floor[L], peer: CenterId, shown: str) -> Sighting:
        """Keep both notes; a first note that makes no sense contradicts nothing."""
        seen = floor.ledger.witnessed(peer)
        if seen is None:
            return Sighting.BAD
        floor.ledger.put_fork(peer, seen[2], shown, floor.now_ms)
        return Sighting.FORK

    def _take_cosignature(self, floor: Floor[L], peer: CenterId, note: str) -> None:
        try:
            shown, _ = verify_note(note, [log_key(self._identity.descriptor)])
            cosigned_at(note, [witness_key(self._keyring.peers[peer])])
        except BadCheckpoint:
            self._observe(peer, Sighting.BAD)
            return
        known = floor.ledger.cosigned(peer)
        if known is None or shown.size > known[0]:
            floor.ledger.put_cosigned(peer, shown.size, note)
            floor.cosigned(peer, shown.size)
