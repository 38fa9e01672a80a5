"""What an invited expert is told: templates that the center configures, and what they may say.

Time, place and a telephone number; nothing of the project (不得告知拟评标项目的有关情况,
四不知). A template that names one is refused when the node starts, not when somebody is called.
"""

import string
from dataclasses import dataclass
from typing import Final

from node.domain.refusal import Inadmissible

MAX_TEMPLATE_CHARS: Final = 300  # filled in, it stays within the 500 of ``adapters.messaging``
CALL: Final = (
    "您好, 邀请您于{time}到{place}参加评审。参加请按1, 不能参加请按2, 重听请按3。咨询电话{phone}。"
)
CONFIRMED: Final = (
    "您已确认参加评审。请于{time}前携带本人身份证原件到{place}评标区签到, 签到及查询码{code}。"
    "咨询电话{phone}。"
)
DECLINED: Final = (
    "已记录您不能参加{time}在{place}的评审。如与事实不符, 请凭查询码{code}查询并致电{phone}。"
)
NOT_REACHED: Final = (
    "曾致电邀请您参加{time}在{place}的评审, 记录为未应答。如与事实不符, 请凭查询码{code}查询"
    "并致电{phone}。"
)
_BLANKS: Final = frozenset({"time", "place", "phone", "code"})
_PROJECT_WORDS: Final = (
    "项目", "标段", "招标", "投标", "工程", "采购", "中标", "业主", "代理机构", "预算",
    "project", "tender", "bidder", "lot ",
)  # fmt: skip
"""Words that no invitation needs, and with which what is to be evaluated would be named."""
_KEYS: Final = ("1", "2", "3")


@dataclass(frozen=True, slots=True)
class Texts:
    """The templates. Blanks: ``{time}``, ``{place}``, ``{phone}``, and ``{code}`` in messages.

    Args:
        call: Read out; tells the three keys.
        confirmed: Sent to whoever attends.
        declined: Sent to whoever cannot.
        not_reached: Sent to whoever did not answer.

    Raises:
        Inadmissible: One names a project, lacks what it must tell, or has another blank.
    """

    call: str = CALL
    confirmed: str = CONFIRMED
    declined: str = DECLINED
    not_reached: str = NOT_REACHED

    def __post_init__(self) -> None:
        _check("call", self.call, {"time", "place", "phone"})
        if any(key not in self.call for key in _KEYS):
            raise Inadmissible(
                "模板 call 须说明按键:1 参加,2 不能参加,3 重听",
                "template call must tell the keys: 1 attend, 2 cannot, 3 repeat",
            )
        for name, text in (
            ("confirmed", self.confirmed),
            ("declined", self.declined),
            ("not_reached", self.not_reached),
        ):
            _check(name, text, {"time", "phone", "code"})


def filled(template: str, *, time: str, place: str, phone: str, code: str = "") -> str:
    """A template with its blanks filled in."""
    return template.format(time=time, place=place, phone=phone, code=code)


def _check(name: str, text: str, needed: set[str]) -> None:
    if not 0 < len(text) <= MAX_TEMPLATE_CHARS or not text.isprintable():
        raise Inadmissible(
            f"模板 {name} 应为1至{MAX_TEMPLATE_CHARS}个可见字符",
            f"template {name} has 1 to {MAX_TEMPLATE_CHARS} visible characters",
        )
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise Inadmissible(
            f"模板 {name} 的花括号不成对", f"the braces of template {name} do not match: {error}"
        ) from error
    blanks = {blank for _, blank, _, _ in parts if blank is not None}
    allowed = _BLANKS - {"code"} if name == "call" else _BLANKS
    if not blanks <= allowed or any(spec or conversion for _, _, spec, conversion in parts):
        strange = ", ".join(sorted(blanks - allowed)) or "…"
        raise Inadmissible(
            f"模板 {name} 只能使用 {'、'.join(sorted(allowed))},不能使用 {strange}",
            f"template {name} may use {', '.join(sorted(allowed))} only, not {strange}",
        )
    if not needed <= blanks:
        raise Inadmissible(
            f"模板 {name} 缺少 {'、'.join(sorted(needed - blanks))}",
            f"template {name} lacks {', '.join(sorted(needed - blanks))}",
        )
    named = [word for word in _PROJECT_WORDS if word in text.lower()]
    if named:
        raise Inadmissible(
            f"模板 {name} 含“{named[0].strip()}”:通知不得涉及项目(四不知)",
            f"template {name} says {named[0].strip()!r}: an invitation tells nothing of a project",
        )
