"""Which keys of which peer are good.

Only what was pinned on purpose is in the ring: a descriptor is never fetched in the
middle of verifying a word. A higher sequence under the same root replaces a lower one.
"""

from collections.abc import Iterable, Mapping

from federation.errors import Unauthenticated
from federation.ids import CenterId
from federation.trust.keys import BadDescriptor, Descriptor


class Keyring:
    """The descriptors of the pinned peers."""

    def __init__(self, descriptors: Iterable[Descriptor] = ()) -> None:
        self._by_center: dict[CenterId, Descriptor] = {}
        for descriptor in descriptors:
            self.pin(descriptor)

    @property
    def peers(self) -> Mapping[CenterId, Descriptor]:
        """All pinned peers."""
        return self._by_center

    def pin(self, descriptor: Descriptor) -> None:
        """Take a checked descriptor into the ring.

        Raises:
            BadDescriptor: It is older than the one that is pinned.
        """
        center = CenterId(descriptor.center_id)
        known = self._by_center.get(center)
        if known is not None and descriptor.sequence < known.sequence:
            raise BadDescriptor(
                f"descriptor {descriptor.sequence} of {center} is older than {known.sequence}"
            )
        self._by_center[center] = descriptor

    def message_key(self, center: str, key_id: bytes) -> bytes:
        """The raw public key of a peer by its id.

        Raises:
            Unauthenticated: Unknown sender or unknown key.
        """
        descriptor = self._by_center.get(CenterId(center))
        if descriptor is None:
            raise Unauthenticated("unknown_sender")
        if descriptor.message_key_id != key_id:
            raise Unauthenticated("unknown_key")
        return descriptor.message_key
