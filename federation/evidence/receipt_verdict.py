"""What an expert's receipt came to, for people and programs. Whether it holds is ``receipt``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from federation.evidence.call_record import CallRecord
from federation.evidence.timeline import local
from federation.lottery.pool import ACTIVE
from federation.protocol.draw import Response

RESPONSE_ZH: Final = {
    Response.ACCEPT: "参加",
    Response.DECLINE: "不能参加",
    Response.NO_ANSWER: "未应答",
    Response.LEAVE: "请假",
    Response.RECUSED: "回避",
    Response.ABSENT: "缺席",
}
STATUS_ZH: Final = {
    ACTIVE: "可以抽取",
    "leave": "请假,不参加抽取",
    "suspended": "暂停抽取",
    "capped": "抽取次数已满,不参加抽取",
}


@dataclass(frozen=True, slots=True)
class InPool:
    """What holds of one epoch."""

    suite: str
    pool: str
    epoch: str
    announced_ms: int
    valid_until_ms: int
    root: bytes
    strata: Mapping[str, int]
    status: str
    witnesses: Mapping[str, int]
    """When each partner cosigned, unix milliseconds, by center id."""


@dataclass(frozen=True, slots=True)
class Told:
    """One report that holds. ``record`` is what the gateway says, if it was asked."""

    response: Response
    told_ms: int
    peer: str
    record: CallRecord | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Invited:
    """What holds of one invitation."""

    draw: str
    invited_ms: int
    told: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class ReceiptVerdict:
    """What a receipt proves."""

    maker: str
    name: str
    uid: str = field(repr=False)
    made_ms: int
    pools: tuple[InPool, ...]
    invited: tuple[Invited, ...]

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "holds": True,
            "maker": self.maker,
            "name": self.name,
            "uid": self.uid,
            "made_at_ms": self.made_ms,
            "pools": [
                {
                    "suite": each.suite,
                    "pool": each.pool,
                    "epoch": each.epoch,
                    "announced_at_ms": each.announced_ms,
                    "valid_until_ms": each.valid_until_ms,
                    "root": each.root.hex(),
                    "in_pool": bool(each.strata),
                    "status": each.status,
                    "specialties": dict(each.strata),
                    "cosigned_at_ms": dict(each.witnesses),
                }
                for each in self.pools
            ],
            "invitations": [
                {
                    "draw": each.draw,
                    "invited_at_ms": each.invited_ms,
                    "reported": [
                        {
                            "response": told.response.name,
                            "at_ms": told.told_ms,
                            "to": told.peer,
                            "keys": None if told.record is None else told.record.keys,
                            "called_at_ms": None if told.record is None else told.record.placed_ms,
                            "phone_ends": None if told.record is None else _tail(told.record),
                        }
                        for told in each.told
                    ],
                }
                for each in self.invited
            ],
        }

    def summary(self, language: str) -> str:
        """For people; ``zh`` or ``en``."""
        lines = _chinese(self) if language == "zh" else _english(self)
        return "\n".join(lines)


def _chinese(found: ReceiptVerdict) -> Iterator[str]:
    yield f"回执成立。出具:{found.name}({found.maker}),{local(found.made_ms)}"
    yield f"专家编号 {found.uid}"
    for pool in found.pools:
        yield f"专家库 {pool.pool} {pool.epoch} 期({pool.suite}),根 {pool.root.hex()[:16]}…:"
        if pool.strata:
            strata = "、".join(f"{name}(共{size}条)" for name, size in pool.strata.items())
            yield f"  在库,{STATUS_ZH.get(pool.status, pool.status)};专业:{strata}"
        else:
            yield "  中心声明:不在库(此项为中心签名的声明,无法由证明得出)"
        for peer, at_ms in pool.witnesses.items():
            yield f"  {peer} 联署于 {local(at_ms)}"
    for each in found.invited:
        yield f"抽取 {each.draw[:16]}…:{local(each.invited_ms)} 开始通知"
        for told in each.told:
            called = "" if told.record is None else _called_zh(told.record)
            said = RESPONSE_ZH[told.response]
            yield f"  {local(told.told_ms)} 向 {told.peer} 报告:{said}{called}"
        if not each.told:
            yield "  尚无结果"
    if not found.invited:
        yield "中心声明:没有向您发出过抽取通知。"
    yield "以上未列的通知,中心声明没有;如您收到过其他通知,请联系监管部门。"


def _called_zh(record: CallRecord) -> str:
    return (
        f"(网关记录:{local(record.placed_ms)} 呼叫尾号 {_tail(record)},按键 {record.keys or '无'})"
    )


def _tail(record: CallRecord) -> str:
    """By which an expert sees that it was called, and not somebody else."""
    return record.phone[-4:]


def _english(found: ReceiptVerdict) -> Iterator[str]:
    yield (
        f"The receipt holds. Made by {found.name} ({found.maker}) at {local(found.made_ms)} "
        f"(Beijing time) for expert {found.uid}."
    )
    for pool in found.pools:
        yield f"Pool {pool.pool}, epoch {pool.epoch} ({pool.suite}), root {pool.root.hex()[:16]}…:"
        if pool.strata:
            strata = ", ".join(f"{name} (of {size})" for name, size in pool.strata.items())
            yield f"  in it, status {pool.status}; specialties: {strata}"
        else:
            yield "  not in it, as the center states and signs; no proof can show that"
        for peer, at_ms in pool.witnesses.items():
            yield f"  cosigned by {peer} at {local(at_ms)}"
    for each in found.invited:
        yield f"Draw {each.draw[:16]}…: being invited from {local(each.invited_ms)} on"
        for told in each.told:
            called = "" if told.record is None else _called_en(told.record)
            yield f"  {local(told.told_ms)} reported to {told.peer}: {told.response.name}{called}"
        if not each.told:
            yield "  nothing reported yet"
    if not found.invited:
        yield "The center states that it has sent you no invitation."
    yield "The center states that there was none beside these; tell the regulator if there was."


def _called_en(record: CallRecord) -> str:
    return (
        f" (the gateway: called …{_tail(record)} {local(record.placed_ms)}, "
        f"keys: {record.keys or 'none'})"
    )
