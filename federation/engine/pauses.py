"""Peers whom an operator has paused: nothing goes out, and nothing that comes in is lost.

A refused word is refused for good, so a paused peer's words must not be refused: they are
not heard at all. ``Deliver`` and ``Follow`` end with gRPC's UNAVAILABLE, which says nothing
about the effect, and the peer's outbox tries again until the pause is over. What is about
now, a greeting or a question, gets a signed refusal with the operator's reason, so that the
peer's people can read why.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Generic, TypeVar

from typing_extensions import override

from federation.engine.negotiator import Negotiator
from federation.engine.witness import NOTHING
from federation.errors import Unavailable
from federation.ids import CenterId, time_ordered
from federation.ports import Ledger, Transport, Unreachable
from federation.trust.envelope import Envelope
from federation.wire.envelopes import (
    RECEIPT_TYPE,
    decode_hello,
    decode_single,
    encode_hello,
    encode_receipt,
    encode_single,
    refusal,
)

L = TypeVar("L", bound=Ledger)

PAUSED: Final = "paused"
"""The clause that a signed refusal names."""


class Pauses:
    """Who is paused now, and why. In memory; the node fills it from its database."""

    def __init__(self) -> None:
        self._reasons: Mapping[CenterId, str] = {}

    def become(self, reasons: Mapping[CenterId, str]) -> None:
        """From now on exactly these are paused."""
        self._reasons = dict(reasons)

    def __contains__(self, center: CenterId) -> bool:
        """Whether a center is paused."""
        return center in self._reasons

    def __bool__(self) -> bool:
        """Whether any is."""
        return bool(self._reasons)

    def refusal(self, center: CenterId) -> Unavailable:
        """What a paused center is told."""
        reason = self._reasons.get(center, "")
        return Unavailable(
            "paused by this center's operator; words wait at the sender and are not lost"
            + (f": {reason}" if reason else ""),
            clause=PAUSED,
        )


class Door(Generic[L]):
    """Stands before a negotiator's calls; lets everybody in but the paused."""

    def __init__(self, negotiator: Negotiator[L], pauses: Pauses) -> None:
        self._negotiator = negotiator
        self._pauses = pauses

    async def hello(self, raw: bytes, certificate: bytes) -> bytes:
        """A peer greets. Raises Unauthenticated."""
        paused = self._paused(certificate)
        if paused is None:
            return await self._negotiator.hello(raw, certificate)
        self._negotiator.doorkeeper.check_size(raw)
        envelope, _ = decode_hello(raw)
        return encode_hello(self._refuse(envelope, certificate, paused), NOTHING)

    async def query(self, raw: bytes, certificate: bytes) -> bytes:
        """A peer asks. Raises Unauthenticated."""
        paused = self._paused(certificate)
        if paused is None:
            return await self._negotiator.query(raw, certificate)
        self._negotiator.doorkeeper.check_size(raw)
        return encode_single(self._refuse(decode_single(raw), certificate, paused))

    async def deliver(self, raw: bytes, certificate: bytes) -> bytes:
        """A peer delivers words.

        Raises:
            Unauthenticated: As ever.
            Unavailable: It is paused; it will say the same words again.
        """
        paused = self._paused(certificate)
        if paused is not None:
            raise self._pauses.refusal(paused)
        return await self._negotiator.deliver(raw, certificate)

    async def follow(self, raw: bytes, certificate: bytes, page: int) -> list[tuple[int, Envelope]]:
        """A peer asks for words. Raises as ``deliver``."""
        paused = self._paused(certificate)
        if paused is not None:
            raise self._pauses.refusal(paused)
        return await self._negotiator.follow(raw, certificate, page)

    def _paused(self, certificate: bytes) -> CenterId | None:
        if not self._pauses:
            return None
        for center, descriptor in self._negotiator.keyring.peers.items():
            if center in self._pauses and certificate in descriptor.tls_certificates:
                return center
        return None

    def _refuse(self, envelope: Envelope, certificate: bytes, paused: CenterId) -> Envelope:
        negotiator = self._negotiator
        now_ms = negotiator.clock.now_ms()
        visitor = negotiator.doorkeeper.admit(envelope, certificate, now_ms)
        return negotiator.identity.stated(
            visitor.suite.suite_id,
            visitor.statement.sender,
            time_ordered(now_ms, negotiator.random.bytes(10)),
            RECEIPT_TYPE,
            encode_receipt(refusal(self._pauses.refusal(paused), "")),
            now_ms,
            answers=visitor.hash,
        )


class PausableTransport(Transport):
    """Calls nobody who is paused."""

    def __init__(self, transport: Transport, pauses: Pauses) -> None:
        self._transport = transport
        self._pauses = pauses

    @override
    async def hello(self, peer: CenterId, request: bytes) -> bytes:
        self._check(peer)
        return await self._transport.hello(peer, request)

    @override
    async def deliver(self, peer: CenterId, request: bytes) -> bytes:
        self._check(peer)
        return await self._transport.deliver(peer, request)

    @override
    async def query(self, peer: CenterId, request: bytes) -> bytes:
        self._check(peer)
        return await self._transport.query(peer, request)

    @override
    async def follow(self, peer: CenterId, request: bytes) -> Sequence[bytes]:
        self._check(peer)
        return await self._transport.follow(peer, request)

    def _check(self, peer: CenterId) -> None:
        if peer in self._pauses:
            raise Unreachable(f"{peer}: paused by this center's operator; `lianping peer resume`")
