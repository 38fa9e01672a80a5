"""What a center's published keys are, for people: purpose, suite, id, time, and state."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from federation.transport.certificates import validity
from federation.trust.keys import Descriptor, PublicKey
from federation.wire.words import read_signed_descriptor
from node.keystore.rotation import certificate_id

DAY_MS: Final = 86_400_000
TLS: Final = "tls"


class State(StrEnum):
    """What a key is good for now."""

    CURRENT = "current"
    """Signs what is new."""

    NEXT = "next"
    """Its time has not begun."""

    OLD = "old"
    """Checks what it signed; a newer one has taken its place, or its time is over."""

    REVOKED = "revoked"
    """Checks only what stands in a partner's log before the revocation."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """One published key or certificate.

    Args:
        purpose: ``message``, ``log``, ``witness``, ``sealing`` or ``tls``.
        suite: Of a key; empty for a certificate.
        id: In hex, as ``lianping keys revoke`` takes it.
        not_before_ms: Unix milliseconds.
        not_after_ms: Unix milliseconds.
        days_left: Whole days until its end; negative when it is over.
        state: What it is good for.
    """

    purpose: str
    suite: str
    id: str
    not_before_ms: int
    not_after_ms: int
    days_left: int
    state: State


def overview(descriptor: Descriptor, now_ms: int) -> list[KeyState]:
    """All keys of a descriptor, then its certificates; each group newest first."""
    keys = [_key(descriptor, key, now_ms) for key in descriptor.keys]
    keys.sort(key=lambda each: (each.suite, each.purpose, -each.not_before_ms))
    return keys + _certificates(descriptor, now_ms)


def is_gone(chain: Sequence[bytes], wanted: str, fewest: int) -> bool:
    """Whether that is a key that was revoked, or a certificate that is published no more.

    Args:
        chain: Our signed descriptors, oldest first.
        wanted: The beginning of an id in hex.
        fewest: Digits that it must have.
    """
    text = wanted.strip().lower()
    *older, newest = [read_signed_descriptor(each) for each in chain]
    keys = {key.id.hex() for each in (*older, newest) for key in each.keys}
    listed = {certificate_id(each).hex() for each in newest.tls_certificates}
    once = {certificate_id(one).hex() for each in older for one in each.tls_certificates} - listed
    fits = [each for each in keys | listed | once if each.startswith(text)]
    if len(text) < fewest or len(fits) != 1:
        return False
    return fits[0] in once or newest.revocation(bytes.fromhex(fits[0])) is not None


def _key(descriptor: Descriptor, key: PublicKey, now_ms: int) -> KeyState:
    newest = descriptor.key_for(key.purpose, key.suite, now_ms)
    if descriptor.revocation(key.id) is not None:
        state = State.REVOKED
    elif newest is not None and newest.id == key.id:
        state = State.CURRENT
    else:
        state = State.NEXT if key.not_before_ms > now_ms else State.OLD
    return KeyState(
        key.purpose.name.lower(),
        key.suite,
        key.id.hex(),
        key.not_before_ms,
        key.not_after_ms,
        (key.not_after_ms - now_ms) // DAY_MS,
        state,
    )


def _certificates(descriptor: Descriptor, now_ms: int) -> list[KeyState]:
    found = [
        (when, certificate)
        for certificate in descriptor.tls_certificates
        if (when := validity(certificate)) is not None
    ]
    found.sort(key=lambda each: -each[0].not_before_ms)
    states = []
    current = next((when for when, _ in found if when.holds_at(now_ms)), None)
    for when, certificate in found:
        if when is current:
            state = State.CURRENT
        else:
            state = State.NEXT if when.not_before_ms > now_ms else State.OLD
        states.append(
            KeyState(
                TLS,
                "",
                certificate_id(certificate).hex(),
                when.not_before_ms,
                when.not_after_ms,
                (when.not_after_ms - now_ms) // DAY_MS,
                state,
            )
        )
    return states
