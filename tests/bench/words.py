"""Words as a center sends them, and how a center checks what comes back.

Two kinds of first word: a pool's announcement, which needs no agreement, and a booking's
Hold, which is checked against one. Both are signed before the clock starts: it is the hearing
node that is measured here, and it verifies every signature within the measured time, as the
telling side does with the receipts'. No checkpoint goes along: its cost is one of calls,
not of words, and greetings carry it anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import grpc

from federation.engine.doorkeeper import Doorkeeper
from federation.ids import CenterId
from federation.protocol.agreement import AgreementTerms, Direction, DrawAnchor
from federation.protocol.agreement import Party as AgreementParty
from federation.protocol.booking import ExpertNeed, Hold, SelectionMode
from federation.protocol.conversation import Word
from federation.protocol.peering import AnnouncePool, Stratum
from federation.trust.envelope import Envelope, envelope_hash
from federation.trust.keyring import Keyring
from federation.trust.keys import Descriptor
from federation.trust.suite import INTL_1
from federation.wire.envelopes import (
    Outcome,
    Witnessing,
    decode_delivery_reply,
    decode_receipt,
    encode_delivery,
)
from tests.bench.load import CALL_SECONDS
from tests.support.grpc_pair import CLOCK, HOME, Party

DAY_MS: Final = 86_400_000
ROOT: Final = bytes(32)

Stated = tuple[str, bytes]
"""A word's payload type and payload, not signed yet."""


@dataclass(frozen=True)
class Delivery:
    """One call: its bytes, and the words in it by their hash, in order."""

    raw: bytes
    hashes: tuple[bytes, ...]


def announcement() -> Word:
    """A small pool's announcement; one stratum."""
    now_ms = CLOCK.now_ms()
    return AnnouncePool(
        pool="长乐评标专家库",
        epoch="2026-05-06",
        strata=(Stratum("A08", 1_200, ROOT),),
        root=ROOT,
        audit_digest=ROOT,
        valid_from_ms=now_ms,
        valid_until_ms=now_ms + DAY_MS,
    )


def hold(host: Party, sub: CenterId) -> Word:
    """A request for seats the day after tomorrow."""
    start_ms = CLOCK.now_ms() + 2 * DAY_MS
    return Hold(
        bundle_id=host.random.bytes(16),
        participants=(sub,),
        start_ms=start_ms,
        end_ms=start_ms + DAY_MS // 8,
        seats=5,
        equipment=(),
        overnight=False,
        project_kind="A",
        experts=(ExpertNeed("A08", 5),),
        selection=SelectionMode.CHOSEN,
    )


def terms(host: CenterId, sub: CenterId) -> AgreementTerms:
    """An agreement that allows such bookings today."""
    now_ms = CLOCK.now_ms()
    return AgreementTerms(
        version=1,
        title="远程异地评标合作协议",
        parties=(
            AgreementParty(host, "吉安市公共资源交易中心", "12360800MB0000001A", "360800"),
            AgreementParty(sub, "长乐区公共资源交易中心", "12350112MB0000002B", "350112"),
        ),
        directions=(Direction(host, sub), Direction(sub, host)),
        effective_from_ms=now_ms - DAY_MS,
        effective_until_ms=now_ms + 365 * DAY_MS,
        project_kinds=("A", "B", "C"),
        max_seats_per_session=7,
        max_open_bookings=1_000_000,
        lead_time_ms=0,
        vote_ms=DAY_MS // 48,
        decide_ms=DAY_MS,
        draw_anchor=DrawAnchor.EVALUATION_START,
        draw_earliest_ms=2 * DAY_MS,
        pool_min_age_ms=0,
        joint_test_valid_days=0,
        handover_working_days=5,
        suite="intl-1",
        sealed_disclosure=True,
    )


def deliveries(sender: Party, stated: Sequence[Stated], per_call: int) -> list[Delivery]:
    """Sign words and put them into calls as the outbox does: one signature a call."""
    starts = range(0, len(stated), per_call)
    return [_delivery(_sign(sender, stated[start : start + per_call])) for start in starts]


def apart(sender: Party, stated: Sequence[Stated], per_call: int) -> list[Delivery]:
    """The same with a signature for each word: what a peer may do that wants to be costly."""
    made = []
    for start in range(0, len(stated), per_call):
        signed = [_sign(sender, [one])[0] for one in stated[start : start + per_call]]
        made.append(_delivery(signed))
    return made


def _sign(sender: Party, items: Sequence[tuple[str, bytes]]) -> list[Envelope]:
    return sender.identity.face(HOME).sign(items, CLOCK.now_ms())


def _delivery(envelopes: list[Envelope]) -> Delivery:
    digest = partial(envelope_hash, INTL_1)
    return Delivery(
        encode_delivery(envelopes, Witnessing()),
        tuple(digest(envelope.payload_type, envelope.payload) for envelope in envelopes),
    )


def announcements(sender: Party, peer: CenterId, count: int) -> list[Stated]:
    """Announcements, each the first word of a conversation of its own."""
    return [sender.stated(peer, announcement()) for _ in range(count)]


def holds(sender: Party, peer: CenterId, count: int, agreement: bytes) -> list[Stated]:
    """Holds, each the first word of a booking of its own."""
    return [sender.stated(peer, hold(sender, peer), agreement_id=agreement) for _ in range(count)]


class Teller:
    """Delivers prepared calls and checks every receipt: by the node, for the word, accepted."""

    def __init__(self, sender: Party, node: Descriptor, channel: grpc.aio.Channel) -> None:
        self._peer = CenterId(node.center_id)
        keyring = Keyring([node])
        self._doorkeeper = Doorkeeper(sender.identity, keyring)
        self._deliver: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            DELIVER, None, None
        )

    async def tell(self, delivery: Delivery) -> None:
        """One call.

        Raises:
            RuntimeError: A word was not accepted.
        """
        reply = await self._deliver(delivery.raw, timeout=CALL_SECONDS)
        receipts, _ = decode_delivery_reply(reply)
        for statement in self._doorkeeper.receipts(
            receipts, self._peer, HOME, delivery.hashes, CLOCK.now_ms()
        ):
            receipt = decode_receipt(statement.body)
            if receipt.outcome is not Outcome.ACCEPTED:
                raise RuntimeError(f"a word was not accepted: {receipt}")


DELIVER: Final = "/lianping.federation.v1.FederationService/Deliver"
