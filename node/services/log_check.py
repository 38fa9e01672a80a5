"""The whole log hashed again, from its leaves, and held against what it is believed to be.

Every leaf, every word's envelope against its leaf, every head that we signed or a partner
cosigned against the leaves, and the counters of words. What was erased by an act that is kept is
counted apart: its leaf still counts, its words cannot be hashed any more.
"""

import json
import sqlite3
from dataclasses import dataclass, field
from typing import Final

from federation.engine import epochs
from federation.errors import Unauthenticated
from federation.trust import merkle
from federation.trust.envelope import envelope_hash
from federation.trust.suite import suite
from federation.wire.envelopes import decode_envelope
from node.store import log_sizes

MAX_NAMED: Final = 20  # faults that are named: after so many one knows
STEP: Final = 2_048  # entries in one transaction: some hundredths of a second


@dataclass(slots=True)
class SuiteReport:
    """What one log turned out to be.

    Attributes:
        suite: Its suite.
        entries: Leaves.
        root: Over all of them, hexadecimal.
        words: Words whose envelope was hashed again and fits its leaf.
        erased: Words that were erased; their leaves stand.
        others: Leaves of no word: descriptors, acts.
        heads: Signed or cosigned heads that fit the leaves.
        faults: What does not fit; empty if all is well.
    """

    suite: str
    entries: int = 0
    root: str = ""
    words: int = 0
    erased: int = 0
    others: int = 0
    heads: int = 0
    faults: list[str] = field(default_factory=list)


class LogCheck:
    """Hashes all logs again, some entries at a time, so that a node that runs goes on meanwhile.

    What is appended while it runs is not looked at; heads and sizes are those of the first step.
    """

    def __init__(self) -> None:
        self.reports: list[SuiteReport] = []
        self._left: list[_OneLog] | None = None

    def step(self, connection: sqlite3.Connection) -> bool:
        """Look at the next entries; False when all were looked at."""
        if self._left is None:
            self._left = [
                _OneLog(connection, name, size)
                for name, size in log_sizes.sizes(connection).items()
            ]
            self.reports = [each.report for each in self._left]
            if self.reports:
                self.reports[0].faults += _gaps(connection)
        if self._left and not self._left[0].step(connection):
            del self._left[0]
        return bool(self._left)


class _OneLog:
    """The log of one suite, as far as it was looked at."""

    def __init__(self, connection: sqlite3.Connection, name: str, size: int) -> None:
        self.report = SuiteReport(name)
        self._spoken = suite(name)
        self._frontier = merkle.Frontier(self._spoken)
        self._size = size
        self._leaves: list[bytes] = []  # not in the frontier yet
        self._bare = 0
        self._heads: dict[int, list[tuple[str, str]]] = {}
        for peer, at, note in log_sizes.heads(connection, name):
            self._heads.setdefault(at, []).append((peer or "our own signature", note))

    def step(self, connection: sqlite3.Connection) -> bool:
        at_most = min(STEP, self._size - self._frontier.size)
        rows = log_sizes.entries(connection, self.report.suite, self._frontier.size, at_most)
        for row in rows:
            self._entry(*row)
        self._add()
        if rows and self._frontier.size < self._size:
            return True
        self._end(connection)
        return False

    def _entry(
        self, data: bytes, kind: str | None, payload: bytes | None, envelope: bytes | None
    ) -> None:
        report, leaves = self.report, self._leaves
        leaves.append(merkle.leaf_hash(self._spoken, data))
        size = self._frontier.size + len(leaves)
        if kind is None and "word" not in json.loads(data):
            report.others += 1
        elif kind is None or not (payload or envelope):
            self._bare += 1
        elif data.endswith(b'"word":"%b"}' % self._hash(kind, payload, envelope)):
            report.words += 1  # as ``log_entry`` writes leaves: to parse each takes long
        else:
            report.faults.append(f"entry {size - 1}: its word is another one")
        for whose, note in self._heads.pop(size, ()):
            self._add()
            head = epochs.head_of(note)
            if head is not None and head.root == self._frontier.root():
                report.heads += 1
            else:
                report.faults.append(f"size {size}: another root under {whose}")

    def _add(self) -> None:
        self._frontier.extend(self._leaves)
        self._leaves.clear()

    def _hash(self, kind: str, payload: bytes | None, envelope: bytes | None) -> bytes:
        if envelope:
            try:
                word = decode_envelope(envelope)
            except Unauthenticated:
                return b""
            kind, payload = word.payload_type, word.payload
        return envelope_hash(self._spoken, kind, payload or b"").hex().encode()

    def _end(self, connection: sqlite3.Connection) -> None:
        report, frontier = self.report, self._frontier
        report.entries, report.root = frontier.size, frontier.root().hex()
        report.erased = min(self._bare, log_sizes.without_words(connection, report.suite))
        if self._bare > report.erased:
            missing = self._bare - report.erased
            report.faults.append(f"{missing} words are missing, and no act erased them")
        report.faults += [
            f"size {size}: signed, and the log has only {frontier.size} leaves"
            for size in self._heads
        ]
        del report.faults[MAX_NAMED:]


def _gaps(connection: sqlite3.Connection) -> list[str]:
    """Where the counters of words do not run without a gap."""
    faults = []
    for peer, said, highest, heard, counted in log_sizes.counters(connection):
        if said != highest:
            faults.append(f"{said} words said to {peer}, numbered to {highest}")
        if heard != counted:
            faults.append(f"{heard} words heard from {peer}, {counted} counted")
    return faults
