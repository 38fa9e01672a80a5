"""The port behind which a private key lies, and the implementation that is a file's content.

A key of ours signs or opens; what it is made of only its ``Private`` knows. Here: the port, and
raw bytes from a file. A hardware module is ``node.keystore.pkcs11``; which key lies where is
``node.keystore.keys``'.
"""

from dataclasses import dataclass, field
from typing import Final, Protocol

from typing_extensions import override

from federation.trust.envelope import Signer, key_id
from federation.trust.errors import SignerAway
from federation.trust.keys import PublicKey, Purpose
from federation.trust.secrets import Opener
from federation.trust.suite import Suite
from node.keystore.errors import BadKeys

KEY_DAYS: Final = 365  # federation.md §8.6: no signing key lives longer than a year
BACKDATED_MS: Final = 3_600_000  # a partner's clock may be behind ours
DAY_MS: Final = 86_400_000


class Private(Protocol):
    """A private key, wherever it lies."""

    def signer(self) -> Signer:
        """What signs with it. The signer raises SignerAway if the key cannot be asked now."""

    def opener(self) -> Opener:
        """What opens with it."""

    def problem(self) -> str:
        """Why it cannot be used now; empty if it can."""

    def require(self) -> None:
        """Make sure that it is there and of use.

        Raises:
            BadKeys: It is not; the text says what to do.
        """


@dataclass(frozen=True, slots=True)
class RawPrivate(Private):
    """A private key in memory, as a file has it: raw, 32 bytes. ``repr`` does not show it."""

    suite: Suite
    raw: bytes = field(repr=False)

    @override
    def signer(self) -> Signer:
        return self.suite.signer(self.raw)

    @override
    def opener(self) -> Opener:
        return lambda info, sealed: self.suite.unseal(self.raw, info, sealed)

    @override
    def problem(self) -> str:
        return ""

    @override
    def require(self) -> None:
        """It is in memory, and was held against its public half when it was read."""


@dataclass(frozen=True, slots=True)
class Absent(Private):
    """A private key that cannot be reached as this node is configured.

    Args:
        why: For people: what to do.
    """

    why: str

    @override
    def signer(self) -> Signer:
        def sign(_message: bytes) -> bytes:
            raise SignerAway(self.why)

        return sign

    @override
    def opener(self) -> Opener:
        raise BadKeys(self.why)

    @override
    def problem(self) -> str:
        return self.why

    @override
    def require(self) -> None:
        raise BadKeys(self.why)


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key of ours; ``repr`` does not show its private half.

    Args:
        suite: The only suite that it is for.
        purpose: The only purpose.
        public: Its public half, raw.
        private: Its private half.
    """

    suite: Suite
    purpose: Purpose
    public: bytes
    private: Private

    @override
    def __repr__(self) -> str:
        return f"OwnKey({self.suite.suite_id}, {self.purpose.name}, {self.id.hex()})"

    @property
    def id(self) -> bytes:
        """16 bytes, as in our descriptor."""
        return key_id(self.suite, self.public)

    @property
    def name(self) -> str:
        """``suite.purpose.id``: of its file, and its label in a token."""
        return f"{self.suite.suite_id}.{self.purpose.name.lower()}.{self.id.hex()}"

    def published(self, now_ms: int, days: int = KEY_DAYS) -> PublicKey:
        """As a descriptor names it: valid from an hour ago, for a year."""
        begins = now_ms - BACKDATED_MS
        return PublicKey(
            self.suite.suite_id, self.purpose, self.public, begins, begins + days * DAY_MS
        )
