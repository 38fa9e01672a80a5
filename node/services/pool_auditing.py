"""Audits of pools (专家库审计): a center hands its sealed opening over, two officers open it.

A center exports what it sealed when it announced its pool, with the signed announcements. The
regulator's first officer proposes to open it, with grounds; the second one confirms, with the
same file: it is opened in memory, the center is told by a signed word, and the findings go to
that officer alone. Neither file nor findings are stored, and no line of a log has them.
"""

from collections.abc import Collection, Sequence
from typing import Final

from federation.engine.identity import Identity
from federation.engine.shown import shown, unverified
from federation.errors import Malformed
from federation.ids import CenterId
from federation.lottery import pool_audit
from federation.lottery.pool_audit import AuditFile, Findings, PoolOpening
from federation.protocol.conversation import Conversation
from federation.protocol.oversight import Act, StateAct
from federation.protocol.peering import AnnouncePool
from federation.trust.suite import CannotOpen, suite
from federation.wire.envelopes import Receipt
from node.domain import codes
from node.domain.refusal import Inadmissible
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.officers import Officers, check_grounds
from node.services.outside_values import envelope_of
from node.services.oversight_deciding import (
    OFFICER,
    Decision,
    call_second,
    done,
    find,
)
from node.services.reasons import refusal
from node.services.speech import well_formed
from node.store import oversight, pools, todos
from node.store.oversight import RequestRow, State

ACT_REFUSED: Final = "oversight_act_refused"
"""Tells the officers that a center did not take the word of their act."""


Opened = tuple[PoolOpening, AnnouncePool]
"""What was sealed, and what had been announced."""


class PoolAuditing:
    """The regulator's side.

    Args:
        officers: Their pseudonyms.
    """

    def __init__(self, officers: Officers) -> None:
        self._officers = officers

    def propose(self, desk: Desk, raw: bytes, grounds: str, by: str) -> bytes:
        """The first officer proposes to open a pool's audit file. Answers the request's id.

        Raises:
            Invalid: It is no audit file, or not one that a center we know has announced.
            Conflicting: Opening it is proposed already.
        """
        file, center, announced = read(desk, raw)
        for row in oversight.requests_about(desk.ledger.connection, announced.audit_digest):
            if row.state is not State.DECIDED:
                raise Conflicting(
                    f"该文件的启封申请已提出({row.id.hex()}),请另一名监管人员确认",
                    f"opening this file is proposed already ({row.id.hex()}): another officer "
                    "confirms it",
                )
        check_grounds(grounds)
        well_formed(StateAct(Act.OPEN_POOL, announced.audit_digest, grounds, _ANY_TWO))
        row = RequestRow(
            id=desk.new_id(),
            word=StateAct.__name__,
            peer=center,
            suite=file.suite,
            subject=announced.audit_digest,
            body=f"{announced.pool}/{announced.epoch}".encode(),
            reason=grounds,
            asked_at_ms=desk.now_ms,
            state=State.PROPOSED,
            decision=Decision.GRANT.value,
            grounds=grounds,
            proposed_by=by,
        )
        oversight.add_request(desk.ledger.connection, row)
        call_second(desk, row, Decision.GRANT.value)
        return row.id

    def confirm(self, desk: Desk, request: bytes, raw: bytes, by: str) -> Opened:
        """The second officer agrees: the file is opened, and the center is told.

        Raises:
            NotFound: There is no such request.
            SamePerson: It is the officer who proposed it.
            Conflicting: Nothing is proposed any more.
            Invalid: It is another file, or does not open with our keys.
        """
        row = find(desk, request)
        if row.word != StateAct.__name__:
            raise NotFound("没有这项启封申请", "there is no such proposal to open a file")
        if row.state is not State.PROPOSED:
            raise Conflicting("已经办结", "it is decided already; propose it anew")
        file, center, announced = read(desk, raw)
        if announced.audit_digest != row.subject:
            raise Invalid("这不是所申请启封的文件", "this is not the file that was proposed")
        officers = self._officers.two(suite(row.suite), row.proposed_by, by)
        opening = _opened(desk.identity, file, announced)
        act = StateAct(Act.OPEN_POOL, row.subject, row.grounds or "", officers)
        desk.open(center, None, act, suite_id=row.suite)
        oversight.decide(desk.ledger.connection, row.id, by=by, now_ms=desk.now_ms)
        done(desk, row.id, by)
        return opening, announced

    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        """A center did not take our word; the act is in both logs all the same."""
        zh, en = refusal(receipt)
        todos.add(
            desk.ledger.connection,
            role=OFFICER,
            kind=ACT_REFUSED,
            subject=conversation.id,
            zh=f"{conversation.peer}未接受监管答复或告知:{zh}",
            en=f"{conversation.peer} did not take the regulator's word ({en})",
            now_ms=desk.now_ms,
        )


def export(desk: Desk, pool: str, epoch: str | None, suite_id: str | None) -> bytes:
    """The audit file of one epoch of our pool, as it was sealed when it was announced.

    Args:
        desk: The floor.
        pool: The pool's name.
        epoch: Which; by default the newest that was announced.
        suite_id: Of the commitment; by default the one that the epoch has, if it has one alone.

    Raises:
        NotFound: There is no such epoch.
        Conflicting: It was announced to nobody, or is sealed to ourselves.
    """
    found = [
        row
        for row in pools.every(desk.ledger.connection)
        if (row.owner, row.announced.pool) == (desk.identity.center, pool)
        and epoch in {None, row.announced.epoch}
        and suite_id in {None, row.suite}
    ]
    if not found:
        raise NotFound(
            "没有公布过这一期专家库", "no such epoch of the pool was announced to anybody"
        )
    newest = max(found, key=lambda row: (row.announced.valid_from_ms, row.announced.epoch))
    same = [
        row for row in found
        if (row.announced.epoch, row.suite) == (newest.announced.epoch, newest.suite)
    ]  # fmt: skip
    sealed = pools.sealed_audit(desk.ledger.connection, pool, newest.announced.epoch, newest.suite)
    file = AuditFile(
        newest.suite,
        tuple(envelope_of(desk, row.conversation, AnnouncePool) for row in same)[
            : pool_audit.MAX_ANNOUNCEMENTS
        ],
        sealed,
    )
    try:
        _opened(desk.identity, file, newest.announced)
    except Invalid:
        return pool_audit.encode_file(file)  # as it should be: only the regulator opens it
    raise Conflicting(
        "这一期是加密给本中心自己的(协议未约定监管节点),监管部门无法打开;"
        "请在协议中约定监管节点,或配置 pool.regulator_key,再公布下一期",
        "this epoch is sealed to ourselves, as no agreement named a regulator: agree on one, or "
        "set pool.regulator_key, and announce the next epoch",
    )


def read(desk: Desk, raw: bytes) -> tuple[AuditFile, CenterId, AnnouncePool]:
    """An audit file, whose it is, and what was announced; everything in it is held together.

    Raises:
        Invalid: It is no such file, not signed by a center that we know, or a center has
            announced different pools to its partners.
    """
    try:
        return _held(desk, pool_audit.decode_file(raw))
    except Malformed as error:
        raise Invalid(
            f"审计文件无法采信:{error.detail}", f"the audit file does not hold: {error.detail}"
        ) from error


def _held(desk: Desk, file: AuditFile) -> tuple[AuditFile, CenterId, AnnouncePool]:
    center = CenterId(unverified(file.announcements[0])[0].sender)
    if center not in desk.keyring.peers:
        raise Malformed(f"{center[:40]} is no peer of ours: join it first")
    words = [
        shown(desk.identity, desk.keyring, each, AnnouncePool, center, desk.now_ms)
        for each in file.announcements
    ]
    first = words[0].word
    if any(each.suite_id != file.suite for each in words):
        raise Malformed(f"an announcement is not under {file.suite}")
    if any(each.word != first for each in words):
        told = ", ".join(sorted({each.statement.recipient for each in words}))
        raise Malformed(f"{center} has announced different pools to {told}")
    if pool_audit.audit_digest(suite(file.suite), file.sealed) != first.audit_digest:
        raise Malformed("what is sealed is not what the announcement names")
    return file, center, first


def audited(
    opening: PoolOpening,
    announced: AnnouncePool,
    statuses: Collection[str],
    listed: Sequence[str] | None,
) -> Findings:
    """What is wrong with the pool. Takes seconds for the largest: not for a transaction."""
    return pool_audit.audit(
        suite(opening.suite),
        opening,
        announced,
        statuses=statuses,
        employer_can_be=_can_be,
        listed=listed,
    )


_ANY_TWO: Final = (bytes(32), bytes(32))  # stands for the officers while only one is known


def _opened(identity: Identity, file: AuditFile, announced: AnnouncePool) -> PoolOpening:
    info = pool_audit.audit_info(suite(file.suite), announced.pool, announced.epoch)
    try:
        return pool_audit.decode_opening(identity.face(file.suite).unseal(info, file.sealed))
    except (CannotOpen, Malformed) as error:
        raise Invalid(
            "文件不是加密给本节点的,或内容有误,无法打开",
            "the file does not open with our keys, or does not hold a pool's opening",
        ) from error


def _can_be(code: str) -> bool:
    try:
        codes.uscc(code)
    except Inadmissible:
        return False
    return True
