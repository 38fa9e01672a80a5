"""The whole log hashed again, from its leaves, and held against what it is believed to be.

Every leaf, every word's envelope against its leaf, every head that we signed or a partner
cosigned against the leaves, and the counters of words. What was erased by an act that is kept is
counted apart: its leaf still counts, its words cannot be hashed any more. On a connection of its
own, so that a node that runs is not kept from writing.
"""

import json
import sqlite3
from dataclasses import dataclass, field
from typing import Final

from federation.engine import epochs
from federation.trust import merkle
from federation.trust.envelope import envelope_hash
from federation.trust.suite import Suite, suite
from node.store import log_export, log_sizes

MAX_NAMED: Final = 20  # faults that are named; the others are counted


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


def check(connection: sqlite3.Connection) -> list[SuiteReport]:
    """Hash all logs again; one report for each suite, the counters' faults in the first."""
    reports = [_check(connection, suite(name)) for name in log_sizes.sizes(connection)]
    if reports:
        reports[0].faults += _gaps(connection)
    return reports


def _check(connection: sqlite3.Connection, spoken: Suite) -> SuiteReport:
    report = SuiteReport(spoken.suite_id)
    wanted: dict[int, list[tuple[str, str]]] = {}
    for peer, size, note in log_sizes.heads(connection, spoken.suite_id):
        wanted.setdefault(size, []).append((peer or "our own signature", note))
    frontier = merkle.Frontier(spoken)
    bare = 0
    for item in log_export.entries(connection, spoken.suite_id):
        frontier.append(merkle.leaf_hash(spoken, item.data))
        named = json.loads(item.data).get("word")
        if named is None:
            report.others += 1
        elif item.word is None:
            bare += 1
        elif envelope_hash(spoken, item.word.payload_type, item.word.payload).hex() == named:
            report.words += 1
        else:
            report.faults.append(f"entry {frontier.size - 1}: its word is another one")
        for whose, note in wanted.pop(frontier.size, ()):
            head = epochs.head_of(note)
            if head is not None and head.root == frontier.root():
                report.heads += 1
            else:
                report.faults.append(f"size {frontier.size}: another root under {whose}")
    report.entries, report.root = frontier.size, frontier.root().hex()
    report.erased = min(bare, log_sizes.without_words(connection, spoken.suite_id))
    if bare > report.erased:
        report.faults.append(f"{bare - report.erased} words are missing, and no act erased them")
    report.faults += [
        f"size {size}: signed, and the log has only {frontier.size} leaves" for size in wanted
    ]
    del report.faults[MAX_NAMED:]
    return report


def _gaps(connection: sqlite3.Connection) -> list[str]:
    """Where the counters of words do not run without a gap."""
    faults = []
    for peer, said, highest, heard, counted in log_sizes.counters(connection):
        if said != highest:
            faults.append(f"{said} words said to {peer}, numbered to {highest}")
        if heard != counted:
            faults.append(f"{heard} words heard from {peer}, {counted} counted")
    return faults
