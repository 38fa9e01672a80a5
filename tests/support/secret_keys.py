"""A center's private keys in the hands of a test: raw, and with the face that they make.

A node has its own in a folder or a token (``node.keystore``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from federation.trust.envelope import Signer
from federation.trust.keys import Descriptor, PublicKey, Purpose
from federation.trust.secrets import Face, Opener
from federation.trust.secrets import public_half as _public_half
from federation.trust.suite import Suite


@cache
def public_half(suite: Suite, purpose: Purpose, private: bytes) -> bytes:
    """The public key of a raw private one. Tests have the same few keys again and again."""
    return _public_half(suite, purpose, private)


@cache
def signer(suite: Suite, private: bytes) -> Signer:
    """What signs with a raw private key."""
    return suite.signer(private)


@dataclass(frozen=True, slots=True)
class SecretKeys:
    """The private halves that a new center begins with, raw, 32 bytes each."""

    suite: Suite
    root: bytes
    message: bytes
    log: bytes
    witness: bytes
    sealing: bytes

    @property
    def root_signer(self) -> Signer:
        """Signs descriptors."""
        return signer(self.suite, self.root)

    @property
    def private(self) -> Mapping[Purpose, bytes]:
        """All but the root, by purpose."""
        return {
            Purpose.MESSAGE: self.message,
            Purpose.LOG: self.log,
            Purpose.WITNESS: self.witness,
            Purpose.SEALING: self.sealing,
        }

    def public(self, not_before_ms: int, not_after_ms: int) -> tuple[PublicKey, ...]:
        """The public halves of all but the root."""
        return tuple(
            PublicKey(
                self.suite.suite_id,
                purpose,
                public_half(self.suite, purpose, raw),
                not_before_ms,
                not_after_ms,
            )
            for purpose, raw in self.private.items()
        )


def generate(suite: Suite, random: Callable[[int], bytes]) -> SecretKeys:
    """Make a center's first keys of one suite from ``random(bytes)``."""
    return SecretKeys(suite, *(suite.new_private(random) for _ in range(5)))


def face_of(descriptor: Descriptor, secrets: SecretKeys) -> Face:
    """The face that raw private keys make."""
    suite = secrets.suite
    by_id = {
        public.id: (public.purpose, secrets.private[public.purpose])
        for public in descriptor.keys
        if public.suite == suite.suite_id
        and public.key == public_half(suite, public.purpose, secrets.private[public.purpose])
    }
    return Face(
        suite,
        descriptor,
        {
            at: signer(suite, raw)
            for at, (purpose, raw) in by_id.items()
            if purpose is not Purpose.SEALING
        },
        {
            at: _opener(suite, raw)
            for at, (purpose, raw) in by_id.items()
            if purpose is Purpose.SEALING
        },
    )


def _opener(suite: Suite, private: bytes) -> Opener:
    return lambda info, sealed: suite.unseal(private, info, sealed)
