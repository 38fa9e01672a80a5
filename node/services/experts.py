"""The center's expert register: taking it in, and who cannot be drawn for some time.

Here: one import that happens wholly or not at all. A person is one person: an identity
number that is registered under another registry number stops the import, because two
entries would give one expert two tickets in the lottery. Leave and suspensions count from the
next epoch of the pool on. Drawing experts is ``node.services.draws``.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from node.domain.absence import AbsenceKind, absence_span
from node.domain.codes import resident_id
from node.domain.expert import Expert
from node.domain.refusal import Inadmissible
from node.domain.statistics import Thresholds
from node.services.accounts import Throttled
from node.services.errors import Conflicting, Invalid, NotAllowed, NotFound
from node.services.expert_receipts import ExpertReceipts
from node.services.house import Desk
from node.services.pool_statistics import PoolStatistics
from node.store import absences, experts
from node.store.absences import AbsenceRow
from node.store.cipher import ColumnCipher

MAX_LOOKUPS: Final = 120
"""Codes that may be tried within a minute: far more than people need, and at forty bits a code
is found by trying in tens of thousands of years."""
MAX_REASON_CHARS: Final = 200  # a line in a file, not the file
BY_EXPERT: Final = "expert"
"""Who filed an absence that the expert filed; accounts cannot have this name's capital form."""


@dataclass(frozen=True, slots=True)
class Filed:
    """An absence as somebody files it.

    Args:
        kind: Leave, which experts file themselves, too; or a suspension.
        first: The first day, in Asia/Shanghai.
        last: The last day.
        reason: Why; a suspension needs one.
    """

    kind: AbsenceKind
    first: date
    last: date
    reason: str = field(default="", repr=False)


class Lookups:
    """Bounds how often codes are tried by people who need no log-in, all together."""

    def __init__(self) -> None:
        self._minute = 0
        self._tries = 0

    def count(self, now_ms: int) -> None:
        """Count a try. Raises Throttled."""
        minute = now_ms // 60_000
        self._tries = self._tries + 1 if minute == self._minute else 1
        self._minute = minute
        if self._tries > MAX_LOOKUPS:
            raise Throttled(
                "查询过于频繁,请一分钟后再试", "too many look-ups at once; come again in a minute"
            )


class Experts:
    """The expert register.

    Args:
        cipher: Seals the persons' columns.
        statistics: Counts draws, by our thresholds.
    """

    def __init__(self, cipher: ColumnCipher, statistics: PoolStatistics | None = None) -> None:
        self._cipher = cipher
        self.receipts = ExpertReceipts(cipher)
        self.statistics = statistics or PoolStatistics(Thresholds())
        self.lookups = Lookups()

    def by_id_number(self, desk: Desk, number: str) -> Expert | None:
        """An expert by identity number, however it was typed; None if there is none."""
        try:
            parsed = resident_id(number)
        except Inadmissible:
            return None
        return experts.by_id_number(desk.ledger.connection, self._cipher, parsed)

    def import_experts(self, desk: Desk, rows: Sequence[Expert]) -> int:
        """Take a register in, all or nothing, by registry number; others stay as they are.

        Args:
            desk: The floor.
            rows: As ``node.domain.tabular.experts_from`` read them.

        Returns:
            How many experts were added or changed.

        Raises:
            Invalid: No row; or an identity number belongs to two registry numbers, in the
                table or with the register. Each is named by registry number.
        """
        if not rows:
            raise Invalid("表格中没有专家,请检查文件", "the table holds no expert; check the file")
        clashes = [*_twice(rows), *self._registered(desk, rows)]
        if clashes:
            raise Invalid(
                f"身份证号与其他专家编号重复,共{len(clashes)}处,未导入任何专家",
                f"{len(clashes)} identity numbers belong to another registry number; "
                "no expert was imported",
                detail=clashes,
            )
        for expert in rows:
            experts.put(desk.ledger.connection, self._cipher, expert, desk.now_ms)
        return len(rows)

    def get(self, desk: Desk, uid: str) -> Expert:
        """An expert by registry number.

        Raises:
            NotFound: There is none.
        """
        found = experts.get(desk.ledger.connection, self._cipher, uid)
        if found is None:
            raise NotFound("专家库中没有该编号", "the register has no expert of that number")
        return found

    def all(self, desk: Desk) -> list[Expert]:
        """The whole register."""
        return experts.all(desk.ledger.connection, self._cipher)

    def file_absence(self, desk: Desk, uid: str, filed: Filed, by: str) -> bytes:
        """File a leave or a suspension; it counts in epochs that are committed to from now on.

        Raises:
            NotFound: No such expert.
            NotAllowed: An expert who wants to be suspended.
            Invalid: A suspension without a reason, or too long a reason.
            Inadmissible: See ``absence_span``.
            Conflicting: One of the same kind stands already for some of these days.
        """
        self.get(desk, uid)
        reason = filed.reason.strip()
        if by == BY_EXPERT and filed.kind is not AbsenceKind.LEAVE:
            raise NotAllowed(
                "专家本人只能请假,暂停抽取由中心决定",
                "experts file their leave; suspensions are the center's",
            )
        if filed.kind is AbsenceKind.SUSPENDED and not reason:
            raise Invalid("暂停抽取须写明理由", "a suspension needs a reason")
        if len(reason) > MAX_REASON_CHARS:
            raise Invalid(
                f"理由不超过{MAX_REASON_CHARS}字",
                f"a reason has at most {MAX_REASON_CHARS} characters",
            )
        span = absence_span(filed.first, filed.last, desk.now_ms)
        connection = desk.ledger.connection
        for known in absences.of_expert(connection, self._cipher, uid):
            if (
                known.withdrawn_at_ms is None
                and known.kind is filed.kind
                and known.span.meets(span)
            ):
                raise Conflicting(
                    f"该期间已有{known.kind.zh}登记({known.id.hex()}),请先撤回",
                    f"a {known.kind.value} of some of these days stands already "
                    f"({known.id.hex()}); withdraw it first",
                )
        row = AbsenceRow(desk.new_id(), uid, filed.kind, span, reason, by, desk.now_ms)
        absences.add(connection, self._cipher, row)
        return row.id

    def withdraw_absence(self, desk: Desk, absence: bytes, by: str, *, of: str = "") -> None:
        """Withdraw an absence: from the next epoch on the expert can be drawn again.

        Args:
            desk: The floor.
            absence: Its id.
            by: Who withdraws it.
            of: The expert, where an expert asks; "" for the staff, who may withdraw all.

        Raises:
            NotFound: There is none, or it is of somebody else.
            NotAllowed: An expert who wants to end a suspension, or what the staff filed.
            Conflicting: It was withdrawn before.
        """
        connection = desk.ledger.connection
        found = absences.get(connection, self._cipher, absence)
        if found is None or (of and found.uid != of):
            raise NotFound("没有这项登记", "there is no such absence")
        if of and found.filed_by != BY_EXPERT:
            raise NotAllowed(
                "由中心登记的期间,请联系中心撤回",
                "the center filed it; ask the center to withdraw it",
            )
        if not absences.withdraw(connection, absence, by, desk.now_ms):
            raise Conflicting("已经撤回", "it was withdrawn before")

    def absences(self, desk: Desk, uid: str) -> list[AbsenceRow]:
        """All absences of an expert, the newest first. Raises NotFound."""
        self.get(desk, uid)
        return absences.of_expert(desk.ledger.connection, self._cipher, uid)

    def _registered(self, desk: Desk, rows: Sequence[Expert]) -> list[str]:
        clashes = []
        for expert in rows:
            holder = experts.holder_of(desk.ledger.connection, self._cipher, expert.id_number)
            if holder is not None and holder != expert.uid:
                clashes.append(
                    f"{expert.uid}:身份证号已登记在编号{holder}名下"
                    f" / {expert.uid}: the identity number is registered as {holder}"
                )
        return clashes


def _twice(rows: Sequence[Expert]) -> list[str]:
    numbers = Counter(expert.id_number for expert in rows)
    uids = Counter(expert.uid for expert in rows)
    return [
        f"{expert.uid}:在表中重复出现 / {expert.uid}: appears twice in the table"
        for expert in rows
        if numbers[expert.id_number] > 1 or uids[expert.uid] > 1
    ]
