"""Peers: whose keys we trust, because a person pinned them on purpose.

Here: pinning a signed descriptor and filling the keyring at start. Not here: fetching
descriptors. What is pinned is what an operator was handed, and whose fingerprint was read
aloud on the telephone; nothing that came over the network replaces it.
"""

import sqlite3

from federation.errors import Malformed
from federation.ids import CenterId
from federation.trust.keyring import Keyring
from federation.trust.keys import BadDescriptor, Descriptor
from federation.wire.words import read_signed_descriptor
from node.services.errors import Conflicting, Invalid
from node.services.house import Desk
from node.store import peers
from node.store.peers import PeerRow


class Peers:
    """Pins peers, on disk and in the ring."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def load(self, connection: sqlite3.Connection) -> int:
        """Fill the ring with all that is pinned on disk; answers how many. At start."""
        rows = peers.every(connection)
        for row in rows:
            self._keyring.pin(read_signed_descriptor(row.signed))
        return len(rows)

    def pin(self, desk: Desk, signed_descriptor: bytes) -> Descriptor:
        """Trust the keys in a descriptor from now on.

        A higher sequence of the same center replaces the one that was pinned.

        Args:
            desk: The floor.
            signed_descriptor: As the peer's operator handed it over.

        Returns:
            What was pinned; its fingerprint is to be compared by telephone.

        Raises:
            Invalid: It is no descriptor, proves nothing, or is our own.
            Conflicting: It is older than what is pinned, or differs under the same sequence.
        """
        try:
            descriptor = read_signed_descriptor(signed_descriptor)
        except (Malformed, BadDescriptor) as error:
            raise Invalid(
                "这不是有效的中心名片,请向对方重新索取",
                f"this is not a valid descriptor ({error}); ask the peer for it again",
            ) from error
        center = CenterId(descriptor.center_id)
        if center == desk.identity.center:
            raise Invalid("这是本中心自己的名片", "this is this center's own descriptor")
        known = self._keyring.peers.get(center)
        if known is not None and known != descriptor and descriptor.sequence <= known.sequence:
            raise Conflicting(
                f"已登记该中心序号{known.sequence}的名片,不能换成序号{descriptor.sequence}的;"
                "请向对方索取最新名片,并电话核对指纹",
                f"sequence {known.sequence} of this center is pinned and is not replaced by "
                f"sequence {descriptor.sequence}; ask for the newest and compare the fingerprint",
            )
        peers.put(
            desk.ledger.connection,
            PeerRow(center, signed_descriptor, descriptor.sequence, desk.now_ms),
        )
        self._keyring.pin(descriptor)
        return descriptor

    def all(self, desk: Desk) -> list[Descriptor]:
        """All pinned peers, by center id."""
        rows = peers.every(desk.ledger.connection)
        return [read_signed_descriptor(row.signed) for row in rows]
