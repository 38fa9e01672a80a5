"""Sees everything, forgets nothing, and says at once what must never happen.

It stands outside all nodes: what a node has shown to the world (a receipt on the wire, the
head of its log in a word) is remembered here and must be found in that node ever after,
whatever crashes. Every commit is looked at by ``books``; ``verdict`` looks once more when all
is at rest.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from federation.ids import CenterId
from federation.trust.envelope import Envelope
from federation.wire.envelopes import (
    Outcome,
    decode_delivery_reply,
    decode_receipt,
    decode_statement,
)
from tests.simulation.books import Books

if TYPE_CHECKING:
    from tests.simulation.center import SimCenter


class Violation(Exception):
    """Something happened that must never happen."""


class Oracle:
    """One per run."""

    def __init__(self) -> None:
        self.goals: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.books = Books(self)
        self._receipts: dict[tuple[CenterId, bytes], bytes] = {}
        self._gaps: set[bytes] = set()
        self._seen: set[bytes] = set()
        self._trace = hashlib.blake2b(digest_size=16)
        self._violation: str | None = None

    # The trace

    def note(self, *what: object) -> None:
        """Add to the trace, which two runs of one seed have in common to the last byte."""
        self._trace.update(repr(what).encode())

    @property
    def trace(self) -> str:
        """The hash of everything that was noted."""
        return self._trace.hexdigest()

    def reached(self, goal: str) -> None:
        """Count that something worth reaching was reached."""
        self.goals[goal] += 1

    def suffered(self, fault: str) -> None:
        """Count a fault that happened, not one that was only possible."""
        self.faults[fault] += 1

    def violated(self, what: str) -> None:
        """Keep the first violation, wherever it was noticed, until somebody asks."""
        if self._violation is None:
            self._violation = what

    def demand(self, holds: bool, what: str) -> None:
        """Note a violation unless ``holds``."""
        if not holds:
            self.violated(what)

    def raise_violation(self) -> None:
        """Raise the first violation, if there was any."""
        if self._violation is not None:
            raise Violation(self._violation)

    # What is seen on the wire

    def sent(self, center: "SimCenter", envelopes: Sequence[Envelope]) -> None:
        """A node puts words on the wire: the head of its log that they name is for ever."""
        for envelope in envelopes:
            if envelope.payload in self._seen:
                continue
            self._seen.add(envelope.payload)
            statement = decode_statement(envelope.payload)
            roots = self.books.known(center.id).roots
            size = statement.log_size
            self.demand(
                size < len(roots) and (not size or roots[size] == statement.log_root),
                f"{center.name}: a word names a head of size {size} that its log never had",
            )

    def replied(self, at: CenterId, reply: bytes) -> None:
        """A node has put receipts on the wire: from now on it is bound by them."""
        known = self.books.known(at)
        receipts, _ = decode_delivery_reply(reply)
        for envelope in receipts:
            statement = decode_statement(envelope.payload)
            receipt = decode_receipt(statement.body)
            word = statement.answers_hash
            if receipt.outcome is Outcome.GAP:
                early = receipt.reason == "NOT_FRESH"
                self.reached(
                    "a word of a time to come was left for later"
                    if early
                    else "a word came before the one it follows"
                )
                self._gaps.add(word)
                continue
            first = self._receipts.setdefault((at, word), envelope.payload)
            self.demand(first == envelope.payload, "one word got two different receipts")
            if word in known.acknowledged:
                self.reached("a duplicate was answered with its first receipt")
            if receipt.outcome is Outcome.ACCEPTED:
                known.acknowledged.add(word)
                if word in self._gaps:
                    self.reached("a gap was repaired")
            if receipt.reason == "SEATS_TAKEN":
                self.reached("a hold was refused for want of seats")
            if receipt.clause == "max_open_bookings":
                self.reached("a hold was refused by the sub's quota")

    def took_effect(self, at: CenterId, word: bytes) -> None:
        """A word's consequences were committed."""
        effects = self.books.known(at).effects
        effects[word] += 1
        self.demand(effects[word] == 1, "a word took effect twice")

    # What is seen in a database

    def committed(self, center: "SimCenter") -> None:
        """A node has committed: look at what changed."""
        self.books.look(center)

    def restarted(self, center: "SimCenter") -> None:
        """A node came back: all that it ever acknowledged must be there."""
        self.books.look(center)
        self.books.look_back(center)
