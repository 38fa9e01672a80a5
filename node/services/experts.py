"""The center's expert register: taking it in.

Here: one import that happens wholly or not at all. A person is one person: an identity
number that is registered under another registry number stops the import, because two
entries would give one expert two tickets in the lottery. Drawing experts is
``node.services.draws``.
"""

from collections import Counter
from collections.abc import Sequence

from node.domain.expert import Expert
from node.services.errors import Invalid, NotFound
from node.services.house import Desk
from node.store import experts
from node.store.cipher import ColumnCipher


class Experts:
    """The expert register.

    Args:
        cipher: Seals the persons' columns.
    """

    def __init__(self, cipher: ColumnCipher) -> None:
        self._cipher = cipher

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
