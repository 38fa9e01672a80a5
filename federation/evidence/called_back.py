"""Call-backs in a dossier: what the regulator has stated of invitations by when it was made.

    called_back(case)       by draw: how many were checked, and how many did not pass

The regulator's statements stand in the file as it has signed them, each to one of the two
centers. Who made the file may have left some out: that one is there proves what it says, that
none is there proves nothing. What a statement rests on, the regulator has alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from federation.evidence.case import Case, Step, examining, refute
from federation.protocol.conversation import Word
from federation.protocol.draw import Report
from federation.protocol.oversight import MIN_OFFICERS, FaultRecord, Finding, StateCallBack


@dataclass(frozen=True, slots=True)
class CalledBack:
    """What was found in one draw.

    Args:
        checked: How many invitations.
        mismatched: How many experts said otherwise than was reported.
        faulty: How many records of calls proved nothing, or were not produced.
    """

    checked: int = 0
    mismatched: int = 0
    faulty: int = 0


NONE = CalledBack()


def called_back(case: Case) -> Mapping[bytes, CalledBack]:
    """What was found, by draw; draws of which nothing was stated are not in it.

    Raises:
        Refuted: A statement is not the regulator's, not about an invitation of a draw in the
            file, not by two officers, or there twice.
    """
    found: dict[bytes, list[FaultRecord | StateCallBack]] = {}
    for at, raw in enumerate(case.dossier.call_backs):
        where = f"call_backs.{at}"
        word = _read(case, raw, where)
        earlier = found.setdefault(word.draw_id, [])
        if any((type(each), each.entry) == (type(word), word.entry) for each in earlier):
            refute(Step.DRAWS, where, "同一回访结果列了两次", "is stated twice")
        earlier.append(word)
    return {
        draw: CalledBack(
            checked=len({each.entry for each in stated}),
            mismatched=sum(
                isinstance(each, StateCallBack) and each.finding is Finding.MISMATCH
                for each in stated
            ),
            faulty=sum(isinstance(each, FaultRecord) for each in stated),
        )
        for draw, stated in found.items()
    }


def _read(case: Case, raw: bytes, where: str) -> FaultRecord | StateCallBack:
    word: Word
    with examining(Step.DRAWS, where, "回访结果不是协议所约定的监管部门所签"):
        statement, word = case.others.read(raw, case.terms.regulator)
    if statement.recipient not in case.parties:
        refute(Step.DRAWS, where, "回访结果是告知其他中心的", "was said to another center")
    if not isinstance(word, FaultRecord | StateCallBack):
        refute(Step.DRAWS, where, "不是回访结果", f"{word.case} states nothing of a call")
    if word.entry not in {report.entry for _, report in case.find(word.draw_id, Report)}:
        refute(Step.DRAWS, where, "该次邀请不在卷宗的抽取中", "is of no invitation in the file")
    if isinstance(word, StateCallBack) and len(set(word.officers)) < MIN_OFFICERS:
        refute(Step.DRAWS, where, "回访结果须由两名监管人员确认", "is not by two officers")
    return word
