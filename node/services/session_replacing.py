"""A member leaves: what follows in the sessions of an evaluation (替换成员).

At the owner's site somebody leaves (``departures``), which a word of the draw tells the other
center. The host then says ``Replace`` in every session that is ready or runs: what the member
concluded is void, its vote for the chair too (实施条例 art. 48), so ballots, chair and signatures
count no more. The next of the same lottery is called, checks in at its own site, the sites are
ready again, and one ``Start`` names everybody anew.

What words and use cases have in common is here; the use cases are ``sessions``.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from federation.errors import Conflict
from federation.protocol import session as words
from federation.protocol.draw import Response
from federation.protocol.session import Replace
from federation.wire.envelopes import decode_statement
from federation.wire.words import PAYLOAD_TYPES, decode_word
from node.services import session_view as view
from node.services.house import Desk
from node.services.session_view import Draws
from node.store import sessions, transcripts
from node.store.sessions import SessionRow

OPEN: Final = frozenset({words.READY, words.RUNNING, words.CHAIRED, words.SIGNING})
"""A site that is ready or evaluates: it has to be told."""
STOPPED: Final = frozenset({words.SUSPENDED, words.RESUMING})
"""A fault is being mended: its members are replaced once all go on."""
FORMING: Final = frozenset({words.CONVENED, words.REPLACING})
SIGNED: Final = frozenset({words.FINISHED, words.HANDED_OVER, words.ARCHIVED})

WHY: Final[Mapping[Response, str]] = MappingProxyType({
    Response.LEAVE: "请假 · leave",
    Response.RECUSED: "回避 · recusal",
    Response.ABSENT: "缺席 · absence",
})  # fmt: skip


def changed(desk: Desk, draws: Draws, booking: bytes) -> None:
    """Who is on a list of a booking has changed: its evaluation follows, if it is not over."""
    row = sessions.live_of_booking(desk.ledger.connection, booking)
    if row is None or row.phase in SIGNED:
        return
    if row.role == words.HOST:
        replace(desk, draws, row)
    for leg in view.joint(desk, view.get(desk, row.id)):
        if leg.phase in FORMING or (leg.phase == words.READY and leg.role == words.HOST):
            view.refresh(desk, draws, leg)


def replace(desk: Desk, draws: Draws, row: SessionRow) -> None:
    """At the host: tell every site of members who left, once all of them can hear it."""
    rows = view.joint(desk, row)
    gone = {code: why for leg in rows for code, why in draws.gone(desk, leg.booking).items()}
    seated = sessions.members(desk.ledger.connection, rows)
    leaving = sorted(one.code for one in seated if one.code in gone)
    told = [leg for leg in rows if leg.phase in OPEN]
    if not leaving:
        return
    if any(leg.phase in STOPPED for leg in rows):
        view.remind(
            desk,
            view.REPLACE,
            rows[0],
            "有评标专家退出,评标恢复后即宣布更换",
            "a member has left and is replaced as soon as the evaluation goes on",
        )
        return
    if not told:
        return
    reason = "、".join(sorted({WHY[gone[code]] for code in leaving}))
    for leg in told:
        desk.say(leg.id, Replace(tuple(leaving), reason))
    for leg in rows:
        _begin_anew(desk, draws, view.get(desk, leg.id), leaving)
    view.remind(
        desk,
        view.REPLACE,
        rows[0],
        f"{len(leaving)}名评标专家退出({reason}),已按同一抽取结果补抽;其投票、签名作废,"
        "请待补抽专家签到、各副场就绪后重新开始",
        f"{len(leaving)} expert(s) left; the next of the same lottery follow. Ballots and "
        "signatures are void: start again once the new ones are in and all sites are ready",
    )


def admit(desk: Desk, draws: Draws, row: SessionRow, word: Replace) -> None:
    """May the host take these members away? Raises Conflict.

    Whether one of the host's own left is told by the word of its draw, which may come later. One
    of ours leaves only by our own word: no host takes an expert of the sub's off the committee.
    """
    ours = {one.code for one in view.own(desk, row)}
    kept = (ours & set(word.left)) - draws.gone(desk, row.booking).keys()
    if kept:
        raise Conflict(f"{len(kept)} of our experts have not left; their seats are not free")


def heard(desk: Desk, draws: Draws, row: SessionRow, word: Replace) -> None:
    """At the sub: what was voted and signed is void; the site has to be ready anew."""
    _begin_anew(desk, draws, row, word.left)
    view.remind(
        desk,
        view.CHECK_IN,
        row,
        f"{len(word.left)}名评标专家退出({word.reason}),投票、签名作废;本场地有补抽专家的,"
        "请办理签到,然后确认副场就绪",
        f"{len(word.left)} expert(s) left, ballots and signatures are void; check in whoever is "
        "drawn in their place here, then confirm that the site is ready",
    )


def left(desk: Desk, row: SessionRow) -> frozenset[bytes]:
    """Everybody whom the host has named in a ``Replace`` of this session."""
    return frozenset(
        code
        for line in transcripts.of_conversation(desk.ledger.connection, row.id)
        if line.payload_type == PAYLOAD_TYPES[Replace]
        for code in _replace(line.payload).left
    )


def _replace(payload: bytes) -> Replace:
    word = decode_word(PAYLOAD_TYPES[Replace], decode_statement(payload).body)
    assert isinstance(word, Replace), "by its payload type"
    return word


def _begin_anew(desk: Desk, draws: Draws, row: SessionRow, leaving: Sequence[bytes]) -> None:
    sessions.begin_anew(desk.ledger.connection, row.id, leaving)
    for kind in (view.START, view.ELECT, view.PRESENT, view.FINISH):
        view.tick_off(desk, kind, [row], "system")
    if row.phase in FORMING:
        view.refresh(desk, draws, row)
