"""Acts of two persons: the names of one draw, shown before the stage that shows them.

    propose ─→ PROPOSED ─confirm (another person)→ OPEN ─15 minutes→ OVER
                   ├─withdraw→ WITHDRAWN
                   └─30 minutes→ LAPSED

For what no rule foresees: an expert falls ill on the way, and somebody must call whom the
system called. One person says why, another agrees, both may then look for a quarter of an
hour, and every step is kept for good: as a row that nothing changes, and as a leaf of our
evidence log, whose heads the partners cosign. Supervisors are told and see the list.

Only our own experts can be shown: of the other center's, nobody here knows a name. Lists that
are sealed to the e-trading system stay so; we have no key to them.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from federation.evidence.entry import act_entry
from federation.ids import ConversationId
from federation.protocol import draw as words
from federation.protocol.draw import Response
from node.domain.disclosure import Item, Sight
from node.services import disclosing
from node.services.errors import Conflicting, Invalid, NotAllowed, NotFound
from node.services.house import Desk
from node.services.todos import BY_SYSTEM
from node.store import draws, openings, shown, todos
from node.store.cipher import ColumnCipher
from node.store.draws import DrawRow
from node.store.openings import Did, Opening, Step
from node.store.shown import Reachable

MINUTE_MS: Final = 60_000
CONFIRM_MS: Final = 30 * MINUTE_MS
"""An emergency: whoever confirms later no longer knows what it was about."""
SHOWN_MS: Final = 15 * MINUTE_MS  # enough to find one name among a dozen, and to call
MAX_REASON_CHARS: Final = 500
MIN_REASON_CHARS: Final = 4  # a word is no reason; 专家突发疾病 is
TO_CONFIRM: Final = "opening_to_confirm"
OPENED: Final = "names_opened"


class State(StrEnum):
    """How an act stands."""

    PROPOSED = "PROPOSED"
    OPEN = "OPEN"
    OVER = "OVER"
    WITHDRAWN = "WITHDRAWN"
    LAPSED = "LAPSED"


@dataclass(frozen=True, slots=True)
class Act:
    """An act as its people and supervisors see it.

    Args:
        opening: What is stored.
        state: How it stands.
        until_ms: When that ends by itself, unix milliseconds; None if it has ended.
    """

    opening: Opening
    state: State
    until_ms: int | None

    @property
    def looks(self) -> int:
        """How often the names were shown."""
        return sum(step.did is Did.SHOWN for step in self.opening.steps)


class Openings:
    """Proposes, confirms and shows.

    Args:
        cipher: Opens the persons' columns, and seals reasons.
    """

    def __init__(self, cipher: ColumnCipher) -> None:
        self._cipher = cipher

    def propose(self, desk: Desk, draw: bytes, reason: str, by: str) -> bytes:
        """Ask for the names of a draw; answers the act's id, 16 bytes.

        Raises:
            NotFound: There is no such draw.
            NotAllowed: Its experts are the other center's, or nobody was drawn yet.
            Invalid: No reason, or one that is none.
            Conflicting: The names may be seen without it, or an act on the draw is under way.
        """
        row = _draw(desk, draw)
        said = reason.strip()
        if not MIN_REASON_CHARS <= len(said) <= MAX_REASON_CHARS:
            raise Invalid(
                f"请用{MIN_REASON_CHARS}至{MAX_REASON_CHARS}个字说明开启名单的理由",
                f"say why in {MIN_REASON_CHARS} to {MAX_REASON_CHARS} characters",
            )
        self._check_needed(desk, row)
        for other in openings.of_draw(desk.ledger.connection, self._cipher, draw):
            act = _act(other, desk.now_ms)
            if act.state is State.LAPSED:
                self._nothing_to_confirm(desk, other.id, BY_SYSTEM)
            if act.until_ms is not None:
                raise Conflicting(
                    "该抽取已有一份名单开启申请正在办理,请先复核、撤回或等其失效",
                    "an act on this draw is under way; confirm it, withdraw it, or wait",
                )
        opening = desk.new_id()
        openings.add(desk.ledger.connection, self._cipher, opening, draw, said)
        self._step(desk, self._get(desk, opening, draw), Did.PROPOSED, by)
        todos.add(
            desk.ledger.connection,
            role="staff",
            kind=TO_CONFIRM,
            subject=opening,
            zh=f"复核专家名单开启申请({CONFIRM_MS // MINUTE_MS}分钟内,须由申请人以外的人员复核)",
            en=f"confirm an act that opens names, within {CONFIRM_MS // MINUTE_MS} minutes; "
            "not by who proposed it",
            now_ms=desk.now_ms,
        )
        return opening

    def confirm(self, desk: Desk, draw: bytes, opening: bytes, by: str) -> int:
        """A second person agrees; answers until when the names may be seen, unix milliseconds.

        Raises:
            NotFound: There is no such act on this draw.
            NotAllowed: It is the person who proposed it.
            Conflicting: It has lapsed, was withdrawn, or was confirmed before; or the names may
                be seen without it by now.
        """
        found = self._get(desk, opening, draw)
        _in_state(_act(found, desk.now_ms), State.PROPOSED)
        if found.steps[0].by == by:
            raise NotAllowed(
                "须由申请人以外的另一名工作人员复核",
                "a second person confirms, not who proposed it",
            )
        self._check_needed(desk, _draw(desk, draw))
        self._step(desk, found, Did.CONFIRMED, by)
        connection, now_ms = desk.ledger.connection, desk.now_ms
        self._nothing_to_confirm(desk, opening, by)
        todos.add(
            connection,
            role="supervisor",
            kind=OPENED,
            subject=opening,
            zh="两名工作人员在规定阶段之前开启了一次抽取的专家名单,请核查理由与查看记录",
            en="two persons opened the names of a draw before their time; look into why",
            now_ms=now_ms,
        )
        return now_ms + SHOWN_MS

    def withdraw(self, desk: Desk, draw: bytes, opening: bytes, by: str) -> None:
        """Whoever proposed it takes it back, or another one declines it.

        Raises:
            NotFound: There is no such act on this draw.
            Conflicting: It is no longer a proposal.
        """
        found = self._get(desk, opening, draw)
        _in_state(_act(found, desk.now_ms), State.PROPOSED)
        self._step(desk, found, Did.WITHDRAWN, by)
        self._nothing_to_confirm(desk, opening, by)

    def show(self, desk: Desk, draw: bytes, opening: bytes, by: str) -> list[Reachable]:
        """The experts of ours who are on the draw's list, for one of the two persons.

        Raises:
            NotFound: There is no such act on this draw.
            NotAllowed: It is neither of the two.
            Conflicting: It was not confirmed, or its time is over.
        """
        found = self._get(desk, opening, draw)
        _in_state(_act(found, desk.now_ms), State.OPEN)
        if by not in {step.by for step in found.steps if step.did is not Did.SHOWN}:
            raise NotAllowed(
                "名单只向申请人和复核人显示", "names are shown to the two persons of the act only"
            )
        self._step(desk, found, Did.SHOWN, by)
        return shown.invited(
            desk.ledger.connection, self._cipher, draw, Response.ACCEPT.name, Sight.FULL
        )

    def all(self, desk: Desk) -> list[Act]:
        """Every act, the newest first."""
        found = openings.everything(desk.ledger.connection, self._cipher)
        return [_act(each, desk.now_ms) for each in found]

    def _nothing_to_confirm(self, desk: Desk, opening: bytes, by: str) -> None:
        todos.done(
            desk.ledger.connection, kind=TO_CONFIRM, subject=opening, by=by, now_ms=desk.now_ms
        )

    def _get(self, desk: Desk, opening: bytes, draw: bytes) -> Opening:
        found = openings.get(desk.ledger.connection, self._cipher, opening)
        if found is None or found.draw != draw:
            raise NotFound(
                "该抽取没有这份名单开启申请", "there is no such act on this draw; list them first"
            )
        return found

    def _check_needed(self, desk: Desk, row: DrawRow) -> None:
        if row.role != words.OWNER:
            raise NotAllowed(
                "该抽取的专家属于对方中心,本中心没有名单;请联系对方中心",
                "the experts of this draw are the other center's; we have no names: call it",
            )
        standing = disclosing.standing(desk, row.booking)
        sight = standing.sight(Item.EXPERTS_TO_STAFF)
        if sight is Sight.NOT_THERE:
            raise NotAllowed("尚未抽取专家,没有名单", "nobody was drawn yet; there are no names")
        if sight is Sight.FULL:
            raise Conflicting(
                "中标结果已确定,成员名单可直接查看",
                "the award is determined; the members can be seen",
            )

    def _step(self, desk: Desk, found: Opening, did: Did, by: str) -> None:
        """Keep a step: its record, and the record's digest as a leaf of the draw's log."""
        suite = desk.suite_of(ConversationId(found.draw))
        number = len(found.steps) + 1
        reason = suite.hash(found.reason.encode())
        record = json.dumps(
            {
                "act": found.id.hex(),
                "at": desk.now_ms,
                "by": by,
                "center": desk.identity.center,
                "did": did.value,
                "draw": found.draw.hex(),
                "reason": reason.hex(),
                "secret": desk.new_secret().hex(),  # else the leaf could be guessed
                "step": number,
                "v": 1,
            },
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
        ).encode()
        digest = suite.hash(record)
        entry = act_entry(desk.identity.center, digest, desk.now_ms)
        index = desk.ledger.append_log(suite.suite_id, entry, digest)
        step = Step(number, did, by, desk.now_ms, record, suite.suite_id, index)
        openings.add_step(desk.ledger.connection, found.id, step)


_STATE_ZH: Final = {
    State.PROPOSED: "待复核",
    State.OPEN: "开启中",
    State.OVER: "已结束",
    State.WITHDRAWN: "已撤回",
    State.LAPSED: "逾期未复核,已失效",
}


def _in_state(act: Act, wanted: State) -> None:
    if act.state is not wanted:
        raise Conflicting(
            f"该申请{_STATE_ZH[act.state]},此操作须在“{_STATE_ZH[wanted]}”时进行;确有需要请重新申请",
            f"the act is {act.state}; this needs {wanted}. Propose it anew if it is still needed",
        )


def _act(found: Opening, now_ms: int) -> Act:
    """How an act stands at a moment."""
    done = {step.did: step for step in reversed(found.steps)}
    if Did.WITHDRAWN in done:
        return Act(found, State.WITHDRAWN, None)
    if Did.CONFIRMED in done:
        until_ms = done[Did.CONFIRMED].at_ms + SHOWN_MS
        return (
            Act(found, State.OPEN, until_ms) if now_ms < until_ms else Act(found, State.OVER, None)
        )
    until_ms = found.steps[0].at_ms + CONFIRM_MS if found.steps else now_ms
    if now_ms < until_ms:
        return Act(found, State.PROPOSED, until_ms)
    return Act(found, State.LAPSED, None)


def _draw(desk: Desk, draw: bytes) -> DrawRow:
    row = draws.get(desk.ledger.connection, draw)
    if row is None:
        raise NotFound("没有这次抽取", "there is no such draw")
    return row
