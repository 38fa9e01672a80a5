"""A joint test on one page of text, for people: Chinese first, measured values beside it."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from federation.protocol.booking import Check
from node.domain.joint_advice import advice
from node.domain.workday import local_time
from node.store.joint_tests import JointTestRow, State

STATES: Final[Mapping[State, tuple[str, str]]] = MappingProxyType(
    {
        State.RUNNING: ("进行中", "under way"),
        State.PASSED: ("通过", "passed"),
        State.FAILED: ("未通过", "failed"),
        State.SUPERSEDED: ("已由另一次测试取代", "superseded by another test"),
    }
)


def page(row: JointTestRow, us: str) -> str:
    """The page, lines of plain text.

    Args:
        row: The test.
        us: Our center id.
    """
    zh, en = STATES[row.state]
    tester, tested = (us, row.peer) if row.tester else (row.peer, us)
    lines = [
        "联调联试报告 · Joint test report",
        "",
        f"编号 · id        {(row.conversation or row.id).hex()}",
        f"发起方 · tester  {tester}",
        f"受测方 · tested  {tested}",
        f"协议 · agreement {row.agreement.hex()}",
        f"开始 · began     {local_time(row.began_at_ms)} +08:00",
        f"结果 · result    {zh} · {en} ({row.phase}, {local_time(row.at_ms)} +08:00)",
        "",
    ]
    for title, checks in (
        ("本中心检查 · Our checks", row.ours),
        ("对方检查 · The peer's checks", row.theirs),
        ("演练与报告 · Rehearsals and report", row.findings),
    ):
        lines += [title, *_table(checks), ""]
    lines += [
        f"本中心签名 · our signature    {_hex(row.our_signature)}",
        f"对方签名 · peer's signature   {_hex(row.their_signature)}",
    ]
    if row.contested is not None:
        lines.append("双方各签了一份不同的报告 · each side signed a report of its own")
    return "\n".join(lines) + "\n"


def _table(checks: Iterable[Check]) -> list[str]:
    lines = []
    for check in checks:
        known = advice(check.name)
        mark = "通过" if check.passed else "失败"
        lines.append(f"  [{mark}] {known.zh} · {known.en}: {check.measured}")
        if not check.passed:
            lines.append(f"         → {known.todo_zh} · {known.todo_en}")
    return lines or ["  (无 · none)"]


def _hex(signature: bytes | None) -> str:
    return "无 · none" if signature is None else signature.hex()
