"""Erasing envelopes whose time is over (个人信息保护法第四十七条), without touching the tree.

An operator's act, with a reason; a leaf of our log commits to it. Only draws and evaluations:
their words are about persons, by codes and salted attributes. Never while they run, nor before
the agreement's retention has passed, counted from the conversation's last word. What remains is
named to the operator: dossier files that were made before, and backups. Not here: columns under
the node's own key, which have their own rules.
"""

import datetime as dt
import json
from dataclasses import dataclass
from typing import Final

from federation.evidence.entry import act_entry
from federation.ids import ConversationId
from federation.protocol.conversation import REFUSED, Conversation, Kind
from federation.protocol.tables import TABLES
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.store import erasures
from node.store.erasures import Erasure

DAY_MS: Final = 86_400_000
MAX_REASON_CHARS: Final = 500

ERASABLE: Final = frozenset({Kind.DRAW, Kind.SESSION})
"""Kinds whose words are about persons; the others are about centers, rooms and papers."""

_CHINA: Final = dt.timezone(dt.timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done, and what people have to see to themselves.

    Args:
        words: Envelopes erased now.
        dossiers: Files that were made before and still hold them.
    """

    words: int
    dossiers: tuple[str, ...]


def day_of(at_ms: int) -> dt.date:
    """The day of a moment, in Asia/Shanghai."""
    return dt.datetime.fromtimestamp(at_ms // 1000, _CHINA).date()


def erase(desk: Desk, conversation: bytes, reason: str, by: str) -> Erased:
    """Erase the envelopes of one conversation.

    Raises:
        NotFound: There is no such conversation.
        Invalid: It is of no kind that is erased, or there is no reason.
        Conflicting: It is not over, a word has no receipt, its retention has not passed, or it
            was erased before.
    """
    reason = reason.strip()
    if not reason or len(reason) > MAX_REASON_CHARS:
        raise Invalid(
            f"请写明理由(不超过{MAX_REASON_CHARS}字)",
            f"give a reason of 1 to {MAX_REASON_CHARS} characters",
        )
    known = desk.ledger.conversation(ConversationId(conversation))
    if known is None:
        raise NotFound("没有这个会话", "there is no such conversation")
    if known.kind not in ERASABLE:
        raise Invalid(
            "只能删除抽取和评标的报文,其他报文不含个人信息",
            "only the words of draws and evaluations are erased; no others are about persons",
        )
    connection = desk.ledger.connection
    before = erasures.get(connection, conversation)
    if before is not None:
        raise Conflicting(
            f"该会话的报文已于{day_of(before.at_ms)}删除",
            f"its words were erased on {day_of(before.at_ms)}",
        )
    _check_over(desk, known)
    _check_retention(desk, known)
    words = erasures.erase(connection, conversation)
    salt = desk.new_secret()
    record = json.dumps(
        {"act": "erase", "by": by, "conversation": conversation.hex(), "reason": reason,
         "salt": salt.hex(), "words": words},
        ensure_ascii=False, separators=(",", ":"), sort_keys=True,
    ).encode()  # fmt: skip
    spoken = desk.suite_of(known.id)
    digest = spoken.hash(record)
    index = desk.ledger.append_log(
        spoken.suite_id, act_entry(desk.identity.center, digest, desk.now_ms), digest
    )
    erasures.add(
        connection,
        Erasure(conversation, reason, by, desk.now_ms, words, salt, spoken.suite_id, index),
    )
    return Erased(words, tuple(erasures.dossiers_of(connection, conversation)))


def _check_over(desk: Desk, known: Conversation) -> None:
    if known.phase not in {*TABLES[known.kind].over, REFUSED}:
        raise Conflicting(
            f"该会话尚未结束(阶段 {known.phase})",
            f"the conversation is not over: it is in {known.phase}",
        )
    waiting = erasures.pending(desk.ledger.connection, known.id)
    if waiting:
        raise Conflicting(
            f"有{waiting}条报文尚无对方回执", f"{waiting} of its words have no receipt yet"
        )


def _check_retention(desk: Desk, known: Conversation) -> None:
    assert known.agreement is not None, "draws and evaluations are under an agreement"
    terms = desk.ledger.agreement(known.agreement)
    assert terms is not None, "an agreement that was signed stays"
    periods = {
        "data_protection.retention_days": terms.data_protection.retention_days,
        "av_retention_days": terms.av_retention_days,
    }
    clause, days = max(periods.items(), key=lambda period: period[1])
    ends_ms = erasures.ended_ms(desk.ledger.connection, known.id) + days * DAY_MS
    if desk.now_ms < ends_ms:
        raise Conflicting(
            f"协议约定的保存期限({clause}:{days}天)到{day_of(ends_ms)}才届满",
            f"the agreement keeps it for {days} days ({clause}), until {day_of(ends_ms)}",
        )
