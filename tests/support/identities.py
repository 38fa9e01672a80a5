"""Centers' keys and descriptors for tests, made from a seed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from federation.engine.identity import Identity
from federation.ids import CenterId
from federation.trust.keys import (
    Descriptor,
    PublicKey,
    Purpose,
    RootKey,
    descriptor_digest,
    root_center_id,
)
from federation.trust.suite import INTL_1, suite
from federation.wire.words import DESCRIPTOR, sign_descriptor
from tests.support.secret_keys import SecretKeys, face_of, generate, public_half

USCC: Final = {"host": "12360800MB0000001A", "sub": "12350112MB0000002B"}
NAMES: Final = {"host": "吉安市公共资源交易中心", "sub": "长乐区公共资源交易中心"}
FOREVER_MS: Final = 4_000_000_000_000  # 2096: keys of tests do not end unless a test says so

Secrets = Mapping[str, SecretKeys]


def make_secrets(
    random: Callable[[int], bytes], suites: Sequence[str] = (INTL_1.suite_id,)
) -> dict[str, SecretKeys]:
    """Fresh keys of each suite."""
    return {each: generate(suite(each), random) for each in suites}


def describe(secrets: Secrets, name: str, now_ms: int, **changes: object) -> Descriptor:
    """The first descriptor of a center, with any field changed."""
    roots = tuple(
        RootKey(each, public_half(keys.suite, Purpose.MESSAGE, keys.root))
        for each, keys in secrets.items()
    )
    descriptor = Descriptor(
        center_id=root_center_id(roots[0]),
        roots=roots,
        sequence=1,
        previous=b"",
        name=NAMES.get(name, name),
        uscc=USCC.get(name, ""),
        region_code="360800",
        address=f"{name}.example.cn:8443",
        tls_certificates=(f"certificate of {name}".encode(),),
        keys=tuple(key for each in secrets.values() for key in each.public(0, FOREVER_MS)),
        revoked=(),
        made_at_ms=now_ms,
    )
    return replace(descriptor, **changes)  # type: ignore[arg-type]


def follow(known: Descriptor, **changes: object) -> Descriptor:
    """The next descriptor of a chain."""
    digest = descriptor_digest(known, DESCRIPTOR.encode(known))
    return replace(known, sequence=known.sequence + 1, previous=digest, **changes)  # type: ignore[arg-type]


def signed(descriptor: Descriptor, secrets: Secrets) -> bytes:
    """A descriptor as all roots sign it."""
    return sign_descriptor(descriptor, {each: keys.root_signer for each, keys in secrets.items()})


def identify(descriptor: Descriptor, secrets: Secrets) -> Identity:
    """The identity of whoever has these keys."""
    return Identity(
        [signed(descriptor, secrets)],
        descriptor,
        {each: face_of(descriptor, keys) for each, keys in secrets.items()},
    )


@dataclass(frozen=True)
class Stranger:
    """A center that is no node of the test: what it publishes, and what it signs with."""

    secrets: Secrets
    descriptor: Descriptor

    @property
    def center(self) -> CenterId:
        return CenterId(self.descriptor.center_id)

    @property
    def signed(self) -> bytes:
        return signed(self.descriptor, self.secrets)

    @property
    def message_key(self) -> PublicKey:
        return self.descriptor.keys_for(Purpose.MESSAGE, self.descriptor.home)[0]


def stranger(random: Callable[[int], bytes], name: str, now_ms: int) -> Stranger:
    """Someone new."""
    secrets = make_secrets(random)
    return Stranger(secrets, describe(secrets, name, now_ms))
