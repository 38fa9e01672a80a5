"""One signature for all receipts that a peer waits for at the same moment.

Many calls of one peer are heard in one commit. Signing each call's receipts alone would cost
more than hearing the words; here the first call that comes back from the commit signs for its
neighbours too, as one batch, and they find their receipts signed.

A receipt's payload is on disk before anyone is told; its signature need not be, because it
can be made again at any time. A receipt whose transaction failed may get a signature too, but
nobody is ever given it. Receipts of two peers never share a batch: its size is visible.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from federation.engine.identity import Identity
from federation.ids import CenterId
from federation.ports import Clock
from federation.trust.envelope import MAX_BATCH, Envelope
from federation.wire.envelopes import RECEIPT_TYPE

MAX_WAITING: Final = 1_024  # of one peer; whoever falls out signs for itself when it comes back


@dataclass(slots=True, eq=False)
class Unsigned:
    """A receipt's payload, and its envelope once somebody has signed it."""

    payload: bytes
    envelope: Envelope | None = None


class Receipts:
    """The receipts that wait for a signature.

    ``wait`` is called inside transactions, on the store's thread if it has one; ``sign`` on
    the thread of the calls. Only a deque is shared between the two.
    """

    def __init__(self, identity: Identity, clock: Clock) -> None:
        self._identity = identity
        self._clock = clock
        self._waiting: dict[tuple[CenterId, str], deque[Unsigned]] = {}

    def wait(self, peer: CenterId, suite_id: str, payload: bytes) -> Unsigned:
        """Put a payload among those that are signed together."""
        unsigned = Unsigned(payload)
        waiting = self._waiting.setdefault((peer, suite_id), deque(maxlen=MAX_WAITING))
        waiting.append(unsigned)
        return unsigned

    def sign(self, peer: CenterId, suite_id: str, mine: Sequence[Unsigned]) -> list[Envelope]:
        """Give the envelopes of one call, at most 64; sign them and neighbours if need be."""
        batch = [unsigned for unsigned in mine if unsigned.envelope is None]
        if batch:
            self._fill(batch, self._waiting.get((peer, suite_id), deque()))
            payloads = [(RECEIPT_TYPE, item.payload) for item in batch]
            envelopes = self._identity.sign(peer, suite_id, payloads, self._clock.now_ms())
            for item, envelope in zip(batch, envelopes, strict=True):
                item.envelope = envelope
        return [item.envelope for item in mine if item.envelope is not None]

    def _fill(self, batch: list[Unsigned], waiting: deque[Unsigned]) -> None:
        chosen = set(map(id, batch))
        while waiting:
            item = waiting.popleft()
            if item.envelope is not None or id(item) in chosen:
                continue
            if len(batch) == MAX_BATCH:
                waiting.appendleft(item)
                return
            batch.append(item)
