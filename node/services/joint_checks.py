"""What a center checks on its own side of a joint test (联调联试).

Name resolution, TCP, TLS and the certificate pin are implied by a greeting that was
answered; the rest is compared here. Nothing here stores or says anything.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from adapters.errors import OutsideError
from federation.engine.identity import Identity
from federation.engine.outbox import Peek
from federation.errors import Malformed
from federation.ids import CenterId
from federation.protocol.peering import Check
from federation.trust.envelope import sign_alone, verify_alone
from federation.trust.keyring import Keyring
from federation.trust.keys import BadDescriptor, Descriptor
from federation.wire.words import payload_type, read_signed_descriptor

MAX_SKEW_MS: Final = 30_000  # a quarter of what the doorkeeper bears: warn before words fail
MAX_ROUND_TRIP_MS: Final = 5_000  # a third of a call's deadline; slower links time out at peaks
MAX_MEASURED: Final = 200  # one line in a table; the log has the rest
PROBE_TYPE: Final = payload_type("probe")  # no word, receipt or question is of this type

Greet = Callable[[CenterId], Awaitable[Peek]]
SelfTest = Callable[[], Awaitable[None]]


class JointChecks:
    """Measures the link to a peer and our own systems.

    Args:
        identity: Our own.
        keyring: The pinned peers.
        greet: ``Outbox.greet``.
        self_tests: Name and self-test of each adapter.
    """

    def __init__(
        self,
        *,
        identity: Identity,
        keyring: Keyring,
        greet: Greet,
        self_tests: Sequence[tuple[str, SelfTest]],
    ) -> None:
        self._identity = identity
        self._keyring = keyring
        self._greet = greet
        self._self_tests = tuple(self_tests)

    async def measure(self, peer: CenterId) -> tuple[Check, ...]:
        """Check everything but the agreement.

        Raises:
            federation.ports.Unreachable: The peer does not answer a greeting.
        """
        peek = await self._greet(peer)
        pinned = self._keyring.peers[peer]
        return (
            Check(
                "round_trip",
                passed=peek.round_trip_ms <= MAX_ROUND_TRIP_MS,
                measured=f"{peek.round_trip_ms} ms (at most {MAX_ROUND_TRIP_MS} ms)",
            ),
            Check(
                "clock_skew",
                passed=abs(peek.skew_ms) <= MAX_SKEW_MS,
                measured=f"{peek.skew_ms:+d} ms (at most ±{MAX_SKEW_MS} ms)",
            ),
            *_descriptor(pinned, peek.greeting.descriptor),
            self._signature(),
            *[await _adapter(name, self_test) for name, self_test in self._self_tests],
        )

    def _signature(self) -> Check:
        # The peer's half was checked with the greeting; this is ours, against what we publish.
        probe = self._identity.signed_descriptor
        signature = sign_alone(PROBE_TYPE, probe, self._identity.secrets.signer)
        fits = verify_alone(PROBE_TYPE, probe, self._identity.descriptor.message_key, signature)
        return Check(
            "signature_round_trip",
            passed=fits,
            measured="verified" if fits else "our message key is not the one in our descriptor",
        )


def _descriptor(pinned: Descriptor, shown: bytes) -> tuple[Check, Check]:
    try:
        current = read_signed_descriptor(shown)
    except (Malformed, BadDescriptor) as error:
        why = _line(f"unreadable: {error}")
        return Check("descriptor", False, why), Check("tls_pin", False, why)
    same = current == pinned
    numbers = f"sequence {current.sequence}, pinned {pinned.sequence}"
    certificate = current.tls_certificate == pinned.tls_certificate
    return (
        Check("descriptor", same, numbers if same else f"{numbers}: pin the peer's newest"),
        Check(
            "tls_pin",
            certificate,
            "as pinned" if certificate else "the peer publishes another certificate: pin it anew",
        ),
    )


async def _adapter(name: str, self_test: SelfTest) -> Check:
    try:
        await self_test()
    except OutsideError as error:
        return Check(f"adapter:{name}", False, _line(str(error)))
    return Check(f"adapter:{name}", True, "works")


def _line(text: str) -> str:
    return " ".join(text.split())[:MAX_MEASURED]
