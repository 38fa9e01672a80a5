"""Why a partner refused, in words for our own people.

The protocol's reasons are a closed vocabulary (``federation.errors``); what a partner adds in
``detail`` is English and for developers. Chinese readers get the reason's sentence first.
"""

import re
from collections.abc import Mapping
from typing import Final

from federation.wire.envelopes import Receipt
from node.domain.workday import local_time

_MOMENT: Final = re.compile(r"(?<![0-9])[0-9]{13}(?![0-9])")  # unix milliseconds of our time

REASONS_ZH: Final[Mapping[str, str]] = {
    "INTERNAL": "对方系统内部错误",
    "NOT_ALLOWED": "对方不允许此操作",
    "CONFLICT": "与对方现有状态冲突",
    "UNAVAILABLE": "对方暂不可用",
    "MALFORMED": "内容不符合协议格式",
    "WRONG_RECIPIENT": "发错了中心",
    "NOT_FRESH": "消息时间与对方时钟相差过大,请核对时钟",
    "NO_AGREEMENT": "没有生效中的协议",
    "OUT_OF_SCOPE": "超出协议或公布的范围",
    "OUT_OF_TURN": "此阶段不能进行此操作",
    "SEATS_TAKEN": "该时段没有足够的符合要求的空闲席位",
    "TOO_EARLY": "时间未到",
    "TOO_LATE": "已过时限",
    "QUOTA_SPENT": "已达到协议约定的数量上限",
}


def reason_zh(reason: str) -> str:
    """A reason as a Chinese phrase; one that we do not know stays as it is."""
    return REASONS_ZH.get(reason, reason)


def refusal(receipt: Receipt) -> tuple[str, str]:
    """Why a word was refused, in Chinese and in English, with all that the partner said."""
    said = receipt.detail
    if receipt.clause:
        said = f"{said} [{receipt.clause}]"
    if receipt.alternative:
        shown = _MOMENT.sub(
            lambda found: f"{local_time(int(found[0]))} +08:00", receipt.alternative
        )
        said = f"{said} ({shown})"
    return f"{reason_zh(receipt.reason)}({said})", f"{receipt.reason}: {said}"


def _for_people(found: re.Match[str]) -> str:
    return f"{local_time(int(found[0]))} +08:00"
