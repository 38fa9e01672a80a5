"""Which keys of which peer are good.

Only what was pinned on purpose is in the ring, and what its root signed since: a descriptor
is never fetched in the middle of verifying a word. The next descriptor of a chain replaces
the one before (``federation.trust.keys.check_successor``).
"""

from collections.abc import Iterable, Mapping
from typing import Final

from federation.errors import Unauthenticated
from federation.ids import CenterId
from federation.trust.keys import BadDescriptor, Descriptor, PublicKey, Purpose

UNKNOWN_KEY: Final = "unknown_key"
"""Why a word cannot be tied to a peer that may have renewed its keys without our hearing of it."""


class Keyring:
    """The descriptors of the pinned peers."""

    def __init__(self, descriptors: Iterable[Descriptor] = ()) -> None:
        self._by_center: dict[CenterId, Descriptor] = {}
        self._signed: dict[CenterId, bytes] = {}
        self._messages: dict[tuple[CenterId, bytes], PublicKey] = {}
        for descriptor in descriptors:
            self.pin(descriptor)

    @property
    def peers(self) -> Mapping[CenterId, Descriptor]:
        """All pinned peers."""
        return self._by_center

    def signed(self, center: CenterId) -> bytes | None:
        """A pinned descriptor as its roots signed it; None if only its meaning was pinned."""
        return self._signed.get(center)

    def pin(self, descriptor: Descriptor, signed: bytes | None = None) -> None:
        """Take a checked descriptor into the ring.

        Args:
            descriptor: What it says.
            signed: As its roots signed it: what the next one names as the one before.

        Raises:
            BadDescriptor: It is older than the one that is pinned.
        """
        center = CenterId(descriptor.center_id)
        known = self._by_center.get(center)
        if known is not None and descriptor.sequence < known.sequence:
            raise BadDescriptor(
                f"descriptor {descriptor.sequence} of {center} is older than {known.sequence}"
            )
        # In place of what was known, never without it in between: the server's threads look on.
        gone = {at for at in self._messages if at[0] == center}
        for key in descriptor.keys:
            if key.purpose is Purpose.MESSAGE:
                self._messages[center, key.id] = key
                gone.discard((center, key.id))
        self._by_center[center] = descriptor
        self._signed.pop(center, None)
        if signed is not None:
            self._signed[center] = signed
        for at in gone:
            del self._messages[at]

    def forget(self, center: CenterId) -> None:
        """Take a peer out of the ring."""
        self._by_center.pop(center, None)
        self._signed.pop(center, None)
        for known in [known for known in self._messages if known[0] == center]:
            del self._messages[known]

    def message_key(self, center: str, key_id: bytes, now_ms: int) -> PublicKey:
        """The key with which a peer may sign words now, by its id.

        Raises:
            Unauthenticated: Unknown sender or key, a revoked key, or one out of its time.
        """
        sender = CenterId(center)
        descriptor = self._by_center.get(sender)
        if descriptor is None:
            raise Unauthenticated("unknown_sender")
        key = self._messages.get((sender, key_id))
        if key is None:
            raise Unauthenticated(UNKNOWN_KEY)
        if descriptor.revocation(key_id) is not None:
            raise Unauthenticated("revoked_key")
        if not key.valid_at(now_ms):
            raise Unauthenticated("key_out_of_time")
        return key
