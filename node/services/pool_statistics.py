"""Statistics of draws, from the words that both centers have signed; and alerts about them.

Of every center that we drew with: how many were invited in each specialty, and how it ended.
Of our own experts: who sat together repeatedly, for our own supervisors only. To-dos and
metrics have counts and specialties, never a person.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from federation.protocol.conversation import REFUSED
from federation.protocol.draw import VOID, Next, Open, Proceed, Report, Verdict
from federation.wire.envelopes import decode_statement
from federation.wire.words import PAYLOAD_TYPES, decode_word
from node.domain.statistics import (
    ACCEPT,
    Alert,
    Answers,
    CalledBack,
    Pair,
    Thresholds,
    alerts,
    called_back,
    repeated_pairs,
    tally,
)
from node.domain.workday import DAY_MS
from node.services.accounts import Role
from node.services.errors import Invalid
from node.services.house import Desk
from node.services.todos import BY_SYSTEM
from node.store import call_backs, draws, invited, todos, transcripts
from node.store.draws import DrawRow

POOL_ALERT: Final = "pool_alert"
"""The to-do that a figure is above its threshold."""
DAYS: Final = 365
MAX_DAYS: Final = 3 * 366
NAMED: Final = 5
_READ: Final = {PAYLOAD_TYPES[kind] for kind in (Open, Next, Proceed, Verdict, Report)}
_OWNER: Final = "OWNER"


@dataclass(frozen=True, slots=True)
class Statistics:
    """The figures of some days up to now. ``pairs`` is None for who may not see them."""

    since_ms: int
    answers: tuple[Answers, ...]
    alerts: tuple[Alert, ...]
    pairs: tuple[Pair, ...] | None
    repeated: int
    """How many pairs there are."""
    called_back: tuple[CalledBack, ...] = ()
    """What the regulators found, by the center whose experts they called."""


class PoolStatistics:
    """Counts.

    Args:
        limits: What is above which figure.
    """

    def __init__(self, limits: Thresholds) -> None:
        self._limits = limits

    def figures(self, desk: Desk, days: int = DAYS, *, pairs: bool = False) -> Statistics:
        """The figures of so many days.

        Args:
            desk: The floor.
            days: Back from now.
            pairs: Whether to show who sat together.

        Raises:
            Invalid: Too many days.
        """
        if not 1 <= days <= MAX_DAYS:
            raise Invalid(f"天数应为1至{MAX_DAYS}", f"1 to {MAX_DAYS} days, not {days}")
        since_ms = desk.now_ms - days * DAY_MS
        recent = invited.draws_since(desk.ledger.connection, since_ms)
        rows = [
            row
            for row in draws.everything(desk.ledger.connection)
            if row.phase != REFUSED and row.id in recent
        ]
        found = tally([each for row in rows for each in _invitations(desk, row)])
        often = repeated_pairs(_lists(desk, since_ms), self._limits, DAY_MS)
        return Statistics(
            since_ms,
            found,
            alerts(found, self._limits),
            often if pairs else None,
            len(often),
            called_back([each for row in rows for each in _checked(desk, row)]),
        )

    def look(self, desk: Desk) -> None:
        """Leave a to-do for what is above its threshold, or close it."""
        connection, subject = desk.ledger.connection, b"statistics"
        found = self.figures(desk, self._limits.pair_days)
        if not found.alerts and not found.repeated:
            todos.done(
                connection, kind=POOL_ALERT, subject=subject, by=BY_SYSTEM, now_ms=desk.now_ms
            )
            return
        zh, en = _told(found.alerts)
        todos.add(
            connection,
            role=Role.STAFF.value,
            kind=POOL_ALERT,
            subject=subject,
            zh=f"近{self._limits.pair_days}天抽取统计有{len(found.alerts)}项超过提醒线{zh},"
            f"同组重复{found.repeated}对(明细仅监督人员可见)",
            en=f"in {self._limits.pair_days} days {len(found.alerts)} figures of draws are above "
            f"their thresholds{en}, and {found.repeated} pairs sat together repeatedly "
            "(supervisors see which)",
            now_ms=desk.now_ms,
        )


def _told(above: Sequence[Alert]) -> tuple[str, str]:
    if not above:
        return "", ""
    named = ", ".join(f"{each.specialty} {each.what} {each.percent}%" for each in above[:NAMED])
    return f"({named})", f" ({named})"


def _invitations(desk: Desk, row: DrawRow) -> list[tuple[str, str, str | None]]:
    """(center, specialty, last response) of each invitation of a draw."""
    owner = desk.identity.center if row.role == _OWNER else row.peer
    slots: Sequence[str] = ()
    asked: dict[bytes, int] = {}
    last: dict[bytes, str | None] = {}
    for line in transcripts.of_conversation(desk.ledger.connection, row.id):
        if line.payload_type not in _READ:
            continue
        word = decode_word(line.payload_type, decode_statement(line.payload).body)
        if isinstance(word, Open):
            slots = [slot.specialty for slot in word.slots]
        elif isinstance(word, Next | Proceed):
            asked[word.entry] = word.slot
        elif isinstance(word, Verdict):
            if word.ruling.name == "INVITE":
                last[word.entry] = None
        elif isinstance(word, Report):
            last[word.entry] = word.response.name
    return [
        (str(owner), slots[asked[entry]], response)
        for entry, response in last.items()
        if entry in asked and asked[entry] < len(slots)
    ]


def _checked(desk: Desk, row: DrawRow) -> list[tuple[str, bytes, str]]:
    """(center, invitation, outcome) of what a regulator has stated of a draw."""
    owner = desk.identity.center if row.role == _OWNER else row.peer
    found = call_backs.checked(desk.ledger.connection, row.id)
    return [(str(owner), row.id + each.entry, each.outcome) for each in found]


def _lists(desk: Desk, since_ms: int) -> list[tuple[int, frozenset[str]]]:
    """When each list of our own experts was made, and who is on it."""
    found: dict[bytes, list[tuple[int, str]]] = defaultdict(list)
    for draw, uid, at_ms in invited.standing(desk.ledger.connection, ACCEPT, VOID, since_ms):
        found[draw].append((at_ms, uid))
    return [
        (max(at_ms for at_ms, _ in people), frozenset(uid for _, uid in people))
        for people in found.values()
    ]
