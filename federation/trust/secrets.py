"""A center's private keys in memory: what signs, and what opens.

A ``Face`` is one suite's worth of them: how the center looks to partners under agreements of
that suite. The engine knows only functions from bytes to bytes, so a key may be in a file or
in a hardware module (PKCS#11); ``node.keystore`` decides. The root key is not here: a node
that serves never has it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from typing_extensions import override

from federation.trust.envelope import Envelope, Signer, sign_batch
from federation.trust.errors import SignerAway
from federation.trust.keys import Descriptor, Purpose
from federation.trust.suite import CannotOpen, Suite

Opener = Callable[[bytes, bytes], bytes]
"""Opens what was sealed to a key: ``(info, sealed)`` to the plaintext. Raises CannotOpen."""


class NoKey(SignerAway):
    """We have no key of ours that is published and valid for this now: rotate, and it goes on."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of ours that signs.

    Args:
        id: 16 bytes, as in our descriptor.
        sign: Signs a message under the key.
    """

    id: bytes
    sign: Signer = field(repr=False)


def public_half(suite: Suite, purpose: Purpose, private: bytes) -> bytes:
    """The raw public key of a raw private one."""
    if purpose is Purpose.SEALING:
        return suite.public_sealing(private)
    return suite.public_signing(private)


class Face:
    """One suite's worth of our keys, by the descriptor that publishes them.

    Args:
        suite: The suite.
        descriptor: Ours, current.
        signers: What signs, by key id; more than are published do no harm.
        openers: What opens, by key id.
    """

    def __init__(
        self,
        suite: Suite,
        descriptor: Descriptor,
        signers: Mapping[bytes, Signer],
        openers: Mapping[bytes, Opener],
    ) -> None:
        self.suite = suite
        self._descriptor = descriptor
        self._signers = {
            purpose: [
                (key, SigningKey(key.id, signers[key.id]))
                for key in descriptor.keys_for(purpose, suite.suite_id)
                if key.id in signers
            ]
            for purpose in (Purpose.MESSAGE, Purpose.LOG, Purpose.WITNESS)
        }
        self._any = dict(signers)
        self._openers = dict(openers)

    @override
    def __repr__(self) -> str:
        return f"Face({self.suite.suite_id}, …)"

    @property
    def log_name(self) -> str:
        """The origin of our log of this suite."""
        return self._descriptor.log_name(self.suite.suite_id)

    def signing(self, purpose: Purpose, now_ms: int) -> SigningKey:
        """The newest valid key of a purpose. Raises NoKey."""
        return self.all_signing(purpose, now_ms)[0]

    def all_signing(self, purpose: Purpose, now_ms: int) -> Sequence[SigningKey]:
        """All valid keys of a purpose, newest first: a checkpoint is signed with each.

        Raises:
            NoKey: There is none.
        """
        valid = [own for key, own in self._signers[purpose] if key.valid_at(now_ms)]
        if not valid:
            raise NoKey(
                f"no {purpose.name.lower()} key for {self.suite.suite_id} is valid now: "
                "run `lianping keys rotate`"
            )
        return valid

    def signing_by(self, descriptor: Descriptor, now_ms: int) -> SigningKey:
        """The message key that counts for whoever knows only an earlier descriptor of ours.

        We may have revoked it since. Raises NoKey.
        """
        key = descriptor.key_for(Purpose.MESSAGE, self.suite.suite_id, now_ms)
        if key is None or key.id not in self._any:
            raise NoKey(f"no message key of descriptor {descriptor.sequence} is here and valid")
        return SigningKey(key.id, self._any[key.id])

    def sign(
        self, items: Sequence[tuple[str, bytes]], now_ms: int, key: SigningKey | None = None
    ) -> list[Envelope]:
        """Sign (payload type, payload) pairs as one batch, with the newest key unless given.

        Raises:
            NoKey: There is none.
        """
        key = key or self.signing(Purpose.MESSAGE, now_ms)
        return sign_batch(self.suite, items, key.sign, key.id)

    def unseal(self, info: bytes, sealed: bytes) -> bytes:
        """Open what was sealed to any of our keys. Raises CannotOpen."""
        for opener in self._openers.values():
            try:
                return opener(info, sealed)
            except CannotOpen:
                continue
        raise CannotOpen("the sealed message does not open with any of our keys")
