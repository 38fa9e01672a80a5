"""What a center checks on its own side of a joint test (联调联试).

Layer by layer, so that the first failure names the place to look at: name, TCP, TLS and
certificate, descriptor, clock, round trip and loss, signatures, the suite, our own systems.
Nothing here stores or says anything, and nothing here raises for what a peer or a line does:
whatever is wrong is a ``Check``. What people should do about it is ``domain.joint_advice``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Protocol

from adapters.errors import OutsideError
from federation.engine.identity import Identity
from federation.engine.outbox import GreetingRefused, Peek
from federation.errors import Malformed
from federation.ids import CenterId
from federation.ports import Clock, Unreachable
from federation.protocol.booking import Check
from federation.transport.certificates import Validity
from federation.transport.line import NAME, TCP, TLS, Seen
from federation.trust.envelope import sign_alone, verify_alone
from federation.trust.keyring import Keyring
from federation.trust.keys import BadDescriptor, Descriptor, Purpose
from federation.trust.secrets import NoKey
from federation.trust.suite import SUITES, Suite, SuiteUnavailable, UnknownSuite
from federation.wire.words import payload_type, read_signed_descriptor
from node.domain.workday import local_time

CERTIFICATES: Final = "certificates"
DESCRIPTOR: Final = "descriptor"
CLOCK: Final = "clock_skew"
ROUND_TRIP: Final = "round_trip"
LOSS: Final = "loss"
SIGNATURE: Final = "signature_round_trip"
AGREEMENT: Final = "agreement_digest"
SUITE: Final = "suite_self_test"
ADAPTER: Final = "adapter:"

ORDER: Final = (
    NAME, TCP, TLS, CERTIFICATES, DESCRIPTOR, CLOCK, ROUND_TRIP, LOSS, SIGNATURE, AGREEMENT, SUITE,
)  # fmt: skip
"""In which checks are shown: each can only pass if those before it did."""

MAX_SKEW_MS: Final = 30_000  # a quarter of what the doorkeeper bears: warn before words fail
MAX_ROUND_TRIP_MS: Final = 5_000  # a third of a call's deadline; slower links time out at peaks
GREETINGS: Final = 10  # enough for a median, few enough for a line of some seconds
MAX_LOST: Final = 1  # of GREETINGS: the outbox repeats, so one lost call is no outage
GIVE_UP_AFTER: Final = 3  # lost in a row: the rest would be lost too, at ten seconds each
SELF_TEST_SECONDS: Final = 15.0  # longer than an adapter's own deadline
MAX_MEASURED: Final = 200  # one line in a table; the log has the rest
PROBE_TYPE: Final = payload_type("probe")  # no word, receipt or question is of this type

_ABC: Final = {
    "intl-1": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",  # FIPS 180-4
    "gm-1": "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",  # GM/T 0004
}

Greet = Callable[[CenterId], Awaitable[Peek]]
SelfTest = Callable[[], Awaitable[None]]


class Look(Protocol):
    """Looks at a line; see ``federation.transport.line.Line``."""

    async def look(self, address: str, server_name: str) -> Seen:
        """What is seen of ``host:port``."""

    def validity(self, certificate: bytes) -> Validity | None:
        """From when to when a certificate is valid; None if it is none."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found, and whether the peer answered at all: only then can words be said."""

    checks: tuple[Check, ...]
    reached: bool


class JointChecks:
    """Measures the link to a peer and our own systems.

    Args:
        identity: Our own.
        keyring: The pinned peers.
        greet: ``Outbox.greet``.
        line: Looks at the network.
        clock: For certificates' dates.
        random: For keys that the suite is tried with.
        self_tests: Name and self-test of each adapter.
    """

    def __init__(
        self,
        *,
        identity: Identity,
        clock: Clock,
        keyring: Keyring,
        greet: Greet,
        line: Look,
        random: Callable[[int], bytes],
        self_tests: Sequence[tuple[str, SelfTest]],
    ) -> None:
        self._identity = identity
        self._keyring = keyring
        self._greet = greet
        self._line = line
        self._clock = clock
        self._random = random
        self._self_tests = tuple(self_tests)

    async def measure(self, peer: CenterId, suite_id: str) -> Measured:
        """Check everything but the agreement.

        Args:
            peer: A pinned peer.
            suite_id: The agreement's suite.
        """
        pinned = self._keyring.peers[peer]
        seen = await self._line.look(pinned.address, peer)
        checks = [*_line(seen, _certificates(pinned)), self._validity(seen)]
        reached = False
        if seen.failed_at not in {NAME, TCP}:
            peeks, lost, refusal = await self._greetings(peer)
            reached = bool(peeks)
            checks += self._link(pinned, peeks, lost, refusal)
            checks.append(self._signature(suite_id, len(peeks)))
        checks += [_suite(suite_id, self._random)]
        checks += await asyncio.gather(
            *[adapter_check(name, self_test) for name, self_test in self._self_tests]
        )
        return Measured(tuple(checks), reached)

    async def _greetings(self, peer: CenterId) -> tuple[list[Peek], int, Unreachable | None]:
        """Answers, how many greetings were lost, and the last reason why."""
        peeks: list[Peek] = []
        lost, in_a_row = 0, 0
        refusal: Unreachable | None = None
        for _ in range(GREETINGS):
            try:
                peeks.append(await self._greet(peer))
                in_a_row = 0
            except Unreachable as error:
                lost, in_a_row, refusal = lost + 1, in_a_row + 1, error
                if in_a_row == GIVE_UP_AFTER:
                    break
        return peeks, lost, refusal

    def _link(
        self, pinned: Descriptor, peeks: list[Peek], lost: int, refusal: Unreachable | None
    ) -> list[Check]:
        tried = len(peeks) + lost
        loss = f"{lost} of {tried} greetings lost" + (f": {refusal}" if refusal else "")
        lossy = Check(LOSS, lost <= MAX_LOST and bool(peeks), _one_line(loss))
        if not peeks:
            clock = [_clock(refusal.skew_ms)] if isinstance(refusal, GreetingRefused) else []
            return [*clock, lossy]
        trips = [peek.round_trip_ms for peek in peeks]
        middle = round(median(trips))
        return [
            _descriptor(pinned, peeks[-1].greeting.descriptors),
            _clock(round(median(peek.skew_ms for peek in peeks))),
            Check(
                ROUND_TRIP,
                passed=middle <= MAX_ROUND_TRIP_MS,
                measured=f"min {min(trips)} ms, median {middle} ms, max {max(trips)} ms of"
                f" {len(trips)} (median at most {MAX_ROUND_TRIP_MS} ms)",
            ),
            lossy,
        ]

    def _signature(self, suite_id: str, answered: int) -> Check:
        """Ours as the peer verifies it, and the peer's by us: an answer proves both."""
        if not answered:
            return Check(SIGNATURE, passed=False, measured="no greeting was answered")
        probe = self._identity.signed_descriptor
        try:
            face = self._identity.face(suite_id)
            own = face.signing(Purpose.MESSAGE, self._clock.now_ms())
        except (UnknownSuite, NoKey) as error:
            return Check(SIGNATURE, passed=False, measured=_one_line(str(error)))
        published = self._identity.message_key(own.id)
        fits = published is not None and verify_alone(
            face.suite, PROBE_TYPE, probe, published[1], sign_alone(PROBE_TYPE, probe, own.sign)
        )
        return Check(
            SIGNATURE,
            passed=fits,
            measured=f"{answered} of ours verified by the peer, {answered} of its by us"
            if fits
            else "our message key is not the one in our descriptor",
        )

    def _validity(self, seen: Seen) -> Check:
        """The dates of our certificate and of the one that the peer shows."""
        now_ms = self._clock.now_ms()
        ours = _dates(
            "ours", self._line.validity(_certificates(self._identity.descriptor)[-1]), now_ms
        )
        if not seen.certificate:
            return Check(CERTIFICATES, ours[0], _one_line(f"{ours[1]}; the peer's was not seen"))
        theirs = _dates("the peer's", self._line.validity(seen.certificate), now_ms)
        return Check(CERTIFICATES, ours[0] and theirs[0], _one_line(f"{ours[1]}; {theirs[1]}"))


def ordered(checks: Sequence[Check]) -> tuple[Check, ...]:
    """The checks of one side as they are shown; adapters come last."""
    places = {name: place for place, name in enumerate(ORDER)}
    return tuple(sorted(checks, key=lambda check: places.get(check.name, len(ORDER))))


def apart(skew_ms: int) -> str:
    """How far a peer's clock is from ours, for people: ``+10 min 0 s``."""
    minutes, rest_ms = divmod(abs(skew_ms), 60_000)
    sign = "-" if skew_ms < 0 else "+"
    return f"{sign}{minutes} min {rest_ms // 1000} s" if minutes else f"{skew_ms:+d} ms"


def _certificates(descriptor: Descriptor) -> tuple[bytes, ...]:
    return descriptor.tls_certificates


def _line(seen: Seen, pinned: tuple[bytes, ...]) -> list[Check]:
    """One check for each layer, up to the first that failed."""
    layers = (
        (NAME, ", ".join(seen.addresses)),
        (TCP, f"connected in {seen.connected_ms} ms"),
        (TLS, f"as pinned, handshake in {seen.shaken_ms} ms"),
    )
    checks: list[Check] = []
    for name, measured in layers:
        if seen.failed_at == name:
            return [*checks, Check(name, passed=False, measured=_one_line(seen.error))]
        checks.append(Check(name, passed=True, measured=_one_line(measured)))
    if seen.certificate not in pinned:
        checks[-1] = Check(TLS, passed=False, measured="the peer shows another certificate")
    return checks


def _dates(whose: str, validity: Validity | None, now_ms: int) -> tuple[bool, str]:
    if validity is None:
        return False, f"{whose} is no X.509 certificate"
    if now_ms > validity.not_after_ms:
        return False, f"{whose} expired at {local_time(validity.not_after_ms)} +08:00"
    if now_ms < validity.not_before_ms:
        return False, f"{whose} is valid only from {local_time(validity.not_before_ms)} +08:00"
    return True, f"{whose} valid until {local_time(validity.not_after_ms)} +08:00"


def _clock(skew_ms: int) -> Check:
    fits = abs(skew_ms) <= MAX_SKEW_MS
    return Check(
        CLOCK,
        passed=fits,
        measured=f"{skew_ms:+d} ms (at most ±{MAX_SKEW_MS} ms)"
        if fits
        else f"the peer's clock differs from ours by {apart(skew_ms)} ({skew_ms:+d} ms, at most"
        f" ±{MAX_SKEW_MS} ms)",
    )


def _descriptor(pinned: Descriptor, shown: Sequence[bytes]) -> Check:
    if not shown:
        return Check(DESCRIPTOR, passed=False, measured="the peer shows none")
    try:
        current = read_signed_descriptor(shown[-1])
    except (Malformed, BadDescriptor) as error:
        return Check(DESCRIPTOR, passed=False, measured=_one_line(f"unreadable: {error}"))
    numbers = f"sequence {current.sequence}, pinned {pinned.sequence}"
    same = current == pinned
    return Check(
        DESCRIPTOR, passed=same, measured=numbers if same else f"{numbers}: pin the peer's newest"
    )


def _suite(suite_id: str, random: Callable[[int], bytes]) -> Check:
    """Try the agreement's suite: a published digest, a signature and a seal there and back."""
    suite = SUITES.get(suite_id)
    if suite is None:
        return Check(SUITE, passed=False, measured=_one_line(f"suite {suite_id!r} is not known"))
    try:
        wrong = _mistakes(suite, random)
    except SuiteUnavailable as error:
        wrong = [str(error)]
    measured = f"{suite_id}: digest, signature and seal as published"
    return Check(SUITE, not wrong, _one_line("; ".join(wrong) if wrong else measured))


def _mistakes(suite: Suite, random: Callable[[int], bytes]) -> list[str]:
    suite.ready()
    private, message = suite.new_private(random), b"joint test"
    signature = suite.signer(private)(message)
    public = suite.public_signing(private)
    sealed = suite.seal(suite.public_sealing(private), b"info", message)
    found = {
        "the digest of 'abc' is wrong": suite.hash(b"abc").hex() == _ABC.get(suite.suite_id),
        "a good signature is refused": suite.verify(public, signature, message),
        "a bad signature is accepted": not suite.verify(public, signature, message + b"."),
        "a seal does not open": suite.unseal(private, b"info", sealed) == message,
    }
    return [what for what, right in found.items() if not right]


async def adapter_check(name: str, self_test: SelfTest) -> Check:
    """Whether an outside system answers its self test, in time."""
    try:
        async with asyncio.timeout(SELF_TEST_SECONDS):
            await self_test()
    except OutsideError as error:
        return Check(ADAPTER + name, passed=False, measured=_one_line(str(error)))
    except TimeoutError:
        late = f"{name}: no answer within {SELF_TEST_SECONDS:g} s"
        return Check(ADAPTER + name, passed=False, measured=late)
    return Check(ADAPTER + name, passed=True, measured="works")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:MAX_MEASURED]
