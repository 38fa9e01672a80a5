"""What a node watches of its links to partners, of its calls and of its loops.

One object hears what engine and transport tell, in their three protocols, and passes it on:
to the metrics, to the log, to the pumps' bells. It is also where the API looks for "is that
partner up": in memory, because after a restart nothing is known until the next heartbeat.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from typing_extensions import override

from federation.engine.acquaintance import News, Turn
from federation.engine.delivery import Breaker
from federation.engine.negotiator import Listener
from federation.engine.outbox import Peek
from federation.engine.sightings import Sighting
from federation.ids import CenterId
from federation.ports import SaidWord, Unreachable
from federation.transport.pumps import PumpListener
from federation.transport.server import TOO_OFTEN, CallListener
from federation.wire.envelopes import Outcome, Receipt
from node import logs
from node.metrics import Metrics

LOG: Final = logs.logger("node.links")


@dataclass(frozen=True, slots=True)
class LinkState:
    """The last that was known of a partner.

    Attributes:
        up: It answered our last greeting, or called us since.
        skew_ms: Its clock minus ours; None before the first greeting.
        round_trip_ms: Of the last greeting.
        error: Why the last greeting failed; empty if it is up.
    """

    up: bool = False
    skew_ms: int | None = None
    round_trip_ms: int | None = None
    error: str = ""


class Bells:
    """Where wake-ups go; empty until the pumps are made, which need the negotiator first."""

    def __init__(self) -> None:
        self.wake: Callable[[set[CenterId]], None] = lambda _peers: None
        self.heard: Callable[[CenterId], None] = lambda _peer: None
        self.called: Callable[[CenterId], None] = lambda _peer: None


class Links(Listener, CallListener, PumpListener):
    """Hears it all."""

    def __init__(self, metrics: Metrics, bells: Bells) -> None:
        self._metrics = metrics
        self._bells = bells
        self._states: dict[CenterId, LinkState] = {}
        self._breakers: dict[CenterId, Breaker] = {}

    def of(self, peer: CenterId) -> LinkState:
        """How the link to a partner stands."""
        return self._states.get(peer, LinkState())

    # The negotiator

    @override
    def greeted(self, peer: CenterId, skew_ms: int) -> None:
        self._states[peer] = replace(self.of(peer), skew_ms=skew_ms)
        self._metrics.greeted(peer, skew_ms)

    @override
    def introduced(self, peer: CenterId, news: News) -> None:
        self._metrics.introduced(peer, news.turn)
        if news.turn is Turn.NEWER:
            LOG.info(
                "a partner's next descriptor was taken",
                peer=peer,
                sequence=news.links[-1].descriptor.sequence,
            )
        else:
            LOG.error(
                "a partner's descriptors do not go on from the pinned one",
                peer=peer,
                turn=news.turn.value,
                detail=news.detail,
            )

    @override
    def heard(
        self, peer: CenterId, conversation: bytes, payload_type: str, receipt: Receipt
    ) -> None:
        self._metrics.heard(peer, payload_type, receipt)
        self._bells.heard(peer)
        if receipt.outcome is not Outcome.REFUSED:
            LOG.debug(
                "a word was heard",
                peer=peer,
                conversation=conversation,
                payload_type=payload_type,
                outcome=receipt.outcome.name,
                phase=receipt.phase,
            )
        else:
            LOG.warning(
                "we refused a word",
                peer=peer,
                conversation=conversation,
                payload_type=payload_type,
                reason=receipt.reason,
                detail=receipt.detail,
            )

    @override
    def woken(self, peers: set[CenterId]) -> None:
        self._bells.wake(peers)

    # The server

    @override
    def called(self, peer: CenterId) -> None:
        self._rose(peer)
        self._bells.called(peer)

    @override
    def answered(self, method: str, seconds: float) -> None:
        self._metrics.called("in", method, "ok", seconds)

    @override
    def turned_away(self, method: str, cause: str) -> None:
        self._metrics.turned_away(cause)
        if cause != TOO_OFTEN:  # a flood fills the counter, not the log
            LOG.info("a call was turned away", method=method, cause=cause)

    @override
    def failed(self, method: str, error: Exception) -> None:
        LOG.error("a call failed by our own fault", method=method, exc_info=error)

    # The pumps

    @override
    def reached(self, peer: CenterId, peek: Peek) -> None:
        self._rose(peer)
        self._states[peer] = LinkState(True, peek.skew_ms, peek.round_trip_ms)
        self._metrics.greeted(peer, peek.skew_ms)

    @override
    def missed(self, peer: CenterId, error: Unreachable) -> None:
        if self.of(peer).up:
            LOG.warning("a partner is no longer reached", peer=peer, error=str(error))
        self._states[peer] = replace(self.of(peer), up=False, error=str(error))
        self._metrics.up(peer, False)

    @override
    def broke(self, pump: str, error: Exception) -> None:
        LOG.error("a loop failed and will be started again", loop=pump, exc_info=error)

    # Outbox, witness, errands, transport

    def delivered(self, word: SaidWord, outcome: str) -> None:
        """The outbox got a receipt."""
        self._metrics.delivered(word, outcome)
        if outcome == Outcome.REFUSED.name:
            LOG.warning(
                "a partner refused a word of ours",
                peer=word.peer,
                conversation=word.conversation,
                payload_type=word.payload_type,
            )
        else:
            LOG.debug(
                "a word of ours was answered",
                peer=word.peer,
                conversation=word.conversation,
                payload_type=word.payload_type,
                outcome=outcome,
            )

    def broken(self, peer: CenterId, breaker: Breaker) -> None:
        """Deliveries to a partner were stopped, are tried once more, or go on."""
        if breaker is Breaker.OPEN and self._breakers.get(peer) is not Breaker.OPEN:
            LOG.warning("deliveries to a partner pause after failures in a row", peer=peer)
        self._breakers[peer] = breaker
        self._metrics.breaker(peer, breaker)

    def seen(self, peer: CenterId, sighting: Sighting) -> None:
        """A partner's checkpoint was looked at."""
        self._metrics.seen(peer, sighting)
        if sighting in {Sighting.FORK, Sighting.BAD}:
            LOG.error("a partner's log does not hold", peer=peer, sighting=sighting.value)

    def calling(self, peer: CenterId, method: str, outcome: str, seconds: float) -> None:
        """A call of ours ended."""
        del peer  # a label per peer and method would be many; peer_up has the peer
        self._metrics.called("out", method, outcome, seconds)

    def _rose(self, peer: CenterId) -> None:
        if not self.of(peer).up:
            LOG.info("a partner is reached", peer=peer)
        self._states[peer] = replace(self.of(peer), up=True, error="")
        self._metrics.up(peer, True)
