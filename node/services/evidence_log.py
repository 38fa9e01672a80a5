"""One entry proven for somebody who has only a policy; and what the logs cost.

Formats are C2SP's (``federation.evidence.tlog_proof``, ``tlog_policy``). The policy names our logs'
keys and our partners' as witnesses: whoever is to trust it compares the keys by another way.
Growth is counted from the rows; the cost of an append is measured on this machine, when asked.
"""

import datetime as dt
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from federation.engine import epochs
from federation.engine.sightings import log_keys, witness_keys
from federation.evidence.entry import OUT, log_entry
from federation.evidence.tlog_policy import MAX_EACH, Group, Policy
from federation.evidence.tlog_proof import LogProof, same_head
from federation.ids import CenterId
from federation.trust import merkle
from federation.trust.suite import suite
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk
from node.store import log_sizes

DAYS_SHOWN: Final = 30
DAY_MS: Final = 86_400_000
DAYS_A_YEAR: Final = 365
SAMPLES: Final = 2_000  # appends timed: some hundredths of a second, enough for two digits

STEP: Final = 20_000  # entries counted in one transaction: below a tenth of a second

QUORUM: Final = "partners"

_CHINA: Final = dt.timezone(dt.timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Proven:
    """One entry with its proof.

    Args:
        proof: The tlog-proof file.
        entry: The leaf's data.
        origin: Name of the log.
        size: Of the checkpoint.
        witnesses: Partners whose cosignatures stand under it.
    """

    proof: str
    entry: bytes
    origin: str
    size: int
    witnesses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Growth:
    """What the logs hold and cost.

    Args:
        days: Each of the last days with a word, real rows.
        entries: Leaves of each suite's log.
        bytes_per_entry: Mean over these days, (leaf and node, envelopes); 0 without a word.
        cpu_us_per_append: Microseconds of this machine for the leaf, its hashes and nodes.
        entries_per_year: If it goes on as on these days.
        bytes_per_year: The same, all bytes.
    """

    days: tuple[log_sizes.Day, ...]
    entries: dict[str, int]
    bytes_per_entry: tuple[int, int]
    cpu_us_per_append: float
    entries_per_year: int
    bytes_per_year: int


def prove(desk: Desk, suite_id: str, index: int) -> Proven:
    """Prove one entry of our log of a suite.

    Raises:
        NotFound: There is no such log or entry.
        Conflicting: No partner has cosigned a head that covers it yet.
    """
    if suite_id not in desk.identity.suites:
        raise NotFound(f"没有套件{suite_id}的日志", f"there is no log under {suite_id}")
    size, _ = desk.ledger.log_head(suite_id)
    entry = desk.ledger.log_data(suite_id, index)
    if entry is None:
        raise NotFound(
            f"日志共{size}条,没有第{index}条", f"the log has {size} entries, none is {index}"
        )
    heads = {
        peer: found
        for peer in desk.keyring.peers
        if (found := desk.ledger.cosigned(CenterId(peer), suite_id)) is not None
        and found[0] > index
    }
    if not heads:
        raise Conflicting(
            "还没有伙伴会签包含该条的检查点,请待下一次问候后重试",
            "no partner has cosigned a head that covers it yet; try again after the next heartbeat",
        )
    newest = max(found[0] for found in heads.values())
    under = {peer: note for peer, (at, note) in heads.items() if at == newest}
    note = same_head(list(under.values()))
    head = epochs.head_of(note)
    assert head is not None, "it was verified when the cosignature was taken"
    proof = LogProof(index, desk.ledger.inclusion(suite_id, index, newest), note)
    return Proven(proof.write(), entry, head.origin, newest, tuple(sorted(under)))


def policy(desk: Desk, suite_id: str) -> str:
    """The tlog-policy file of our log of a suite: any partner's cosignature makes it count.

    Raises:
        NotFound: There is no such log.
    """
    if suite_id not in desk.identity.suites:
        raise NotFound(f"没有套件{suite_id}的日志", f"there is no log under {suite_id}")
    witnesses = {
        f"{peer}/{number}": key
        for peer, descriptor in sorted(desk.keyring.peers.items())
        if suite_id in descriptor.suites
        for number, key in enumerate(witness_keys(descriptor, suite_id), start=1)
    }
    witnesses = dict(list(witnesses.items())[:MAX_EACH])
    groups = {QUORUM: Group(1, tuple(witnesses))} if witnesses else {}
    logs = tuple(log_keys(desk.identity.descriptor, suite_id))
    return Policy(logs, witnesses, groups, QUORUM if witnesses else "none").write()


class GrowthLook:
    """Counts the last days, some entries at a time, so that a node that runs goes on meanwhile."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._days: dict[str, log_sizes.Day] = {}
        self._entries: dict[str, int] = {}
        self._left: list[tuple[str, int]] | None = None

    def step(self, connection: sqlite3.Connection) -> bool:
        """Count the next entries; False when all were counted."""
        if self._left is None:
            self._entries = log_sizes.sizes(connection)
            since_ms = self._now_ms - DAYS_SHOWN * DAY_MS
            self._left = [
                (name, log_sizes.first_since(connection, name, since_ms, size))
                for name, size in self._entries.items()
            ]
        while self._left and self._left[0][1] >= self._entries[self._left[0][0]]:
            del self._left[0]
        if not self._left:
            return False
        name, first = self._left[0]
        upto = min(first + STEP, self._entries[name])
        for day in log_sizes.days(connection, name, first, upto):
            known = self._days.get(day.day, log_sizes.Day(day.day, 0, 0, 0))
            self._days[day.day] = log_sizes.Day(
                day.day,
                known.entries + day.entries,
                known.log_bytes + day.log_bytes,
                known.envelope_bytes + day.envelope_bytes,
            )
        self._left[0] = (name, upto)
        return True

    def growth(self, cpu_us_per_append: float) -> Growth:
        """What was counted; the rate is over the days from the first with an entry until today."""
        days = tuple(sorted(self._days.values(), key=lambda day: day.day))
        entries = sum(day.entries for day in days)
        log_bytes = sum(day.log_bytes for day in days)
        envelope_bytes = sum(day.envelope_bytes for day in days)
        span = 1
        if days:
            today = dt.datetime.fromtimestamp(self._now_ms // 1000, _CHINA).date()
            span = max(1, (today - dt.date.fromisoformat(days[0].day)).days + 1)
        return Growth(
            days=days,
            entries=self._entries,
            bytes_per_entry=(log_bytes // max(1, entries), envelope_bytes // max(1, entries)),
            cpu_us_per_append=cpu_us_per_append,
            entries_per_year=entries * DAYS_A_YEAR // span,
            bytes_per_year=(log_bytes + envelope_bytes) * DAYS_A_YEAR // span,
        )


def append_cost_us(suite_id: str, cpu: Callable[[], float]) -> float:
    """Processor microseconds of one append to a log in memory: leaf, hashes, the row's values.

    The commit is not in it: one commit is shared by all words of a moment.
    """
    spoken = suite(suite_id)
    frontier = merkle.Frontier(spoken)
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE leaf (idx INTEGER PRIMARY KEY, data BLOB, hash BLOB)")
    connection.execute("CREATE TABLE node (id INTEGER PRIMARY KEY, hash BLOB)")
    began = cpu()
    for number in range(SAMPLES):
        digest = number.to_bytes(32, "big")
        data = log_entry(OUT, "lp1" + "a" * 32, "peering.StartTest", digest, b"", number)
        connection.execute("INSERT INTO leaf VALUES (?, ?, ?)", (number, data, digest))
        for level, at, node in frontier.append(merkle.leaf_hash(spoken, data)):
            if level:
                connection.execute("INSERT INTO node VALUES (?, ?)", (level << 56 | at, node))
    frontier.root()
    spent = cpu() - began
    connection.close()
    return round(spent / SAMPLES * 1e6, 1)
