"""A center's keys: one per purpose, and the descriptor that publishes them.

The root key names the center and signs its descriptors; nothing else. The same key never
serves two purposes. How keys are kept on disk is ``node``'s affair; rotation and
revocation extend ``Descriptor.sequence``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from typing_extensions import override

from federation.ids import CenterId, center_id_of
from federation.trust.envelope import Signer, key_id, verify_alone
from federation.trust.suite import INTL_1, signer

DESCRIPTOR_TYPE: Final = "application/vnd.lianping.v1.descriptor+protobuf"
AGREEMENT_TYPE: Final = "application/vnd.lianping.v1.agreement+protobuf"
RAW_KEY_BYTES: Final = 32


class BadDescriptor(ValueError):
    """A descriptor that does not prove what it says."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A node's keys and addresses, as its root key signed them. Raw public keys."""

    center_id: str
    root_key: bytes
    sequence: int
    name: str
    uscc: str
    region_code: str
    address: str
    tls_certificate: bytes
    message_key: bytes
    log_key: bytes
    witness_key: bytes
    sealing_key: bytes
    made_at_ms: int

    @property
    def message_key_id(self) -> bytes:
        """Id of the key that signs words and receipts."""
        return key_id(INTL_1, self.message_key)

    @property
    def log_name(self) -> str:
        """The origin of the node's checkpoints (C2SP tlog-checkpoint)."""
        return f"{self.center_id}/log/1"

    @property
    def witness_name(self) -> str:
        """The name under which the node cosigns (C2SP tlog-cosignature)."""
        return f"{self.center_id}/witness/1"


def check_descriptor(descriptor: Descriptor, signed: bytes, signature: bytes) -> None:
    """Check that a descriptor is by the root key that its center id is made of.

    Raises:
        BadDescriptor: It is not.
    """
    keys = (
        descriptor.root_key,
        descriptor.message_key,
        descriptor.log_key,
        descriptor.witness_key,
        descriptor.sealing_key,
    )
    if any(len(key) != RAW_KEY_BYTES for key in keys):
        raise BadDescriptor("a key does not have 32 bytes")
    if len(set(keys)) != len(keys):
        raise BadDescriptor("one key serves two purposes")
    if root_center_id(descriptor.root_key) != descriptor.center_id:
        raise BadDescriptor("the center id is not made of the root key")
    if descriptor.sequence < 1:
        raise BadDescriptor("descriptors are counted from 1")
    if not verify_alone(DESCRIPTOR_TYPE, signed, descriptor.root_key, signature):
        raise BadDescriptor("the root key did not sign this descriptor")


def root_center_id(root_key: bytes) -> CenterId:
    """The center id that a raw root public key makes."""
    return center_id_of(INTL_1.hash(root_key))


def fingerprint(center: str) -> str:
    """A center id in groups of four, to be read aloud on the phone."""
    text = center.removeprefix("lp1")
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


@dataclass(frozen=True, slots=True)
class SecretKeys:
    """The private halves, raw, 32 bytes each. Never logged: ``repr`` names nothing."""

    root: bytes
    message: bytes
    log: bytes
    witness: bytes
    sealing: bytes

    @override
    def __repr__(self) -> str:
        return "SecretKeys(…)"

    @property
    def signer(self) -> Signer:
        """Signs words and receipts."""
        return signer(self.message)

    @property
    def root_signer(self) -> Signer:
        """Signs descriptors."""
        return signer(self.root)


def generate(random: Callable[[int], bytes]) -> SecretKeys:
    """Make a center's keys from ``random(bytes)``."""
    return SecretKeys(*(random(RAW_KEY_BYTES) for _ in range(5)))


def public_ed25519(private: bytes) -> bytes:
    """The raw public half of an Ed25519 key."""
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def public_x25519(private: bytes) -> bytes:
    """The raw public half of an X25519 key."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
