"""Which of our TLS certificates we show, and to whom, while one replaces another.

A server shows one certificate to everybody, so it goes on with the old one until every peer has
taken the descriptor that publishes the next one, or the old one is about to end. A client
chooses for each peer the newest that this peer has taken. Nothing here reads or writes files:
``renew`` is called with what was read, and takes effect with the next handshake.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography import x509

from federation.engine.identity import Identity
from federation.ids import CenterId
from federation.transport.tls import TlsKeys
from federation.trust.keyring import Keyring

MARGIN_MS: Final = 86_400_000
"""So long before its end an old certificate gives way to the next one, taken or not: a peer's
clock may be ahead, and connections live on for a while."""


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when a certificate is valid, unix milliseconds."""

    not_before_ms: int
    not_after_ms: int

    def holds_at(self, now_ms: int) -> bool:
        """Whether its time has begun and not ended."""
        return self.not_before_ms <= now_ms <= self.not_after_ms


@lru_cache(maxsize=256)  # ours and the peers', looked at with every call
def validity(certificate: bytes) -> Validity | None:
    """From when to when a certificate (DER) is valid; None if it is no certificate."""
    try:
        parsed = x509.load_der_x509_certificate(certificate)
    except ValueError:
        return None
    return Validity(
        int(parsed.not_valid_before_utc.timestamp() * 1000),
        int(parsed.not_valid_after_utc.timestamp() * 1000),
    )


def all_expired(certificates: Sequence[bytes], now_ms: int) -> int | None:
    """When the last of a peer's certificates ended, if all have; else None."""
    ends = [found.not_after_ms for each in certificates if (found := validity(each)) is not None]
    return max(ends) if ends and max(ends) < now_ms else None


class Certificates:
    """Our TLS keys, and the choice between them.

    Args:
        identity: What we publish, and what each peer has taken of it.
        keyring: The pinned peers.
        keys: All that we have the private keys of, published or not; at least one.
        now_ms: Our clock.

    ``shown`` is called from gRPC's threads: everything here is read in one step.
    """

    def __init__(
        self,
        *,
        identity: Identity,
        keyring: Keyring,
        keys: Iterable[TlsKeys],
        now_ms: Callable[[], int],
    ) -> None:
        self._identity = identity
        self._keyring = keyring
        self._now_ms = now_ms
        self._keys: tuple[TlsKeys, ...] = ()
        self.renew(keys)

    def renew(self, keys: Iterable[TlsKeys]) -> None:
        """Have other keys from now on.

        Raises:
            ValueError: There is none; our own mistake.
        """
        newest_first = tuple(sorted(keys, key=lambda each: -_begins(each.certificate)))
        if not newest_first:
            raise ValueError("a node has at least one TLS key")
        self._keys = newest_first

    def ends_ms(self) -> int:
        """When the newest that we publish ends, unix milliseconds."""
        return _ends(self._published(self._identity.descriptor.tls_certificates)[0].certificate)

    def shown(self) -> TlsKeys:
        """What our server shows now."""
        published = self._published(self._identity.descriptor.tls_certificates)
        usable = self._usable(published) or published[:1]  # expired is still better than nothing
        taken = [self._taken(peer) for peer in list(self._keyring.peers)]
        for keys in usable:
            if all(keys.certificate in each for each in taken):
                return keys
        return usable[-1]

    def shown_to(self, peer: CenterId) -> TlsKeys:
        """What we show when we call a peer: the newest that it has taken."""
        current = self._published(self._identity.descriptor.tls_certificates)
        known = [each for each in self._keys if each.certificate in self._taken(peer)]
        both = [each for each in current if each in known]
        # What was withdrawn since is good enough to tell a peer that it was.
        usable = self._usable(both) or self._usable(known)
        return (usable or current)[0]

    def _taken(self, peer: CenterId) -> tuple[bytes, ...]:
        """Our certificates that a peer accepts; if it never told, most probably the oldest."""
        taken = self._identity.taken_by(peer)
        if taken is not None:
            return taken.tls_certificates
        published = self._published(self._identity.descriptor.tls_certificates)
        return ((self._usable(published) or published)[-1].certificate,)

    def _published(self, certificates: Sequence[bytes]) -> list[TlsKeys]:
        """Of those certificates, what we have the keys of, newest first."""
        found = [each for each in self._keys if each.certificate in certificates]
        return found or [self._keys[0]]

    def _usable(self, keys: Sequence[TlsKeys]) -> list[TlsKeys]:
        now_ms = self._now_ms()
        valid = [
            each
            for each in keys
            if (found := validity(each.certificate)) is None or found.holds_at(now_ms)
        ]
        lasting = [each for each in valid if _ends(each.certificate) > now_ms + MARGIN_MS]
        return lasting or valid


def _begins(certificate: bytes) -> int:
    found = validity(certificate)
    return 0 if found is None else found.not_before_ms


def _ends(certificate: bytes) -> int:
    found = validity(certificate)
    return 0 if found is None else found.not_after_ms
