"""What people read at the top of an invitation and of a reply. The node reads none of it."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from federation.trust.keys import Descriptor
from federation.wire.joining import Invitation

_CHINA: Final = dt.timezone(dt.timedelta(hours=8))


def invitation_lines(us: Descriptor, invitation: Invitation) -> Sequence[str]:
    """The lines of an invitation."""
    return (
        "联评邀请 · Invitation to federate (Lianping)",
        f"发出 · from: {us.name} {us.center_id}",
        f"致 · to: {invitation.meant_for}" if invitation.meant_for else "",
        f"有效期至 · valid until: {moment(invitation.expires_at_ms)}",
        "请执行 · run: lianping peer accept FILE --reply REPLY",
        "并用已知的电话号码与对方核对指纹,再把回执交给对方。",
        "Compare the fingerprint by phone, at a number you know, and send the reply back.",
        "只交给对方中心,勿公开。For that center only; do not publish.",
    )


def reply_lines(us: Descriptor, them: Descriptor, expires_at_ms: int) -> Sequence[str]:
    """The lines of a reply."""
    return (
        "联评邀请回执 · Reply to an invitation (Lianping)",
        f"发出 · from: {us.name} {us.center_id}",
        f"致 · to: {them.name} {them.center_id}",
        f"有效期至 · valid until: {moment(expires_at_ms)}",
        "请执行 · run: lianping peer accept FILE",
        "并用已知的电话号码与对方核对指纹。",
        "Compare the fingerprint by phone, at a number you know.",
    )


def moment(at_ms: int) -> str:
    """A time as people in China read it."""
    at = dt.datetime.fromtimestamp(at_ms // 1000, _CHINA)
    return f"{at:%Y-%m-%d %H:%M} (UTC+8)"
