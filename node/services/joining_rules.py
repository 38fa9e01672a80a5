"""What both papers of a joining must keep, and what people are told where one does not.

Here: rules that need no paper at hand but its maker, its version or its fate. What is read in
which order is ``node.services.joining``'s.
"""

from collections.abc import Sequence
from typing import Final

from federation.trust.keys import Descriptor
from federation.trust.suite import UnknownSuite
from federation.wire.questions import PROTOCOL
from federation.wire.rules import MAX_CARRIED_DESCRIPTORS
from node.services.armour import MAX_FILE_CHARS
from node.services.errors import Conflicting, Invalid, NotAllowed
from node.services.house import Desk
from node.store.invitations import InvitationRow

MAX_CARRIED_BYTES: Final = MAX_FILE_CHARS // 2  # in base64, with all else, it stays a file


def carried(chain: Sequence[bytes]) -> tuple[bytes, ...]:
    """The newest signed descriptors of a chain that a paper has room for, oldest first.

    Whoever pins the newest needs no others: each is signed by the root that makes the center id.
    A partner that is further behind is told to take the whole chain as a file.
    """
    found: list[bytes] = []
    left = MAX_CARRIED_BYTES
    for signed in reversed(chain[-MAX_CARRIED_DESCRIPTORS:]):
        left -= len(signed)
        if left < 0 and found:
            break
        found.append(signed)
    return tuple(reversed(found))


def check_protocol(protocol: int) -> None:
    """Both speak the same version. Raises Invalid."""
    if protocol != PROTOCOL:
        raise Invalid(
            f"对方使用协议第{protocol}版,本节点为第{PROTOCOL}版,请先升级较旧的一方",
            f"the file is of protocol {protocol}, this node speaks {PROTOCOL}: "
            "upgrade the older node first",
        )


def check_identity(desk: Desk, them: Descriptor) -> None:
    """Nobody but ourselves is named as we are. Raises Conflicting."""
    if them.center_id == desk.identity.center:
        raise Conflicting(
            "另有节点使用本中心的身份:可能是从备份恢复后同时运行的节点,请立即查明并停用其一",
            "another node uses this center's identity, e.g. one that was restored from a backup "
            "and runs beside this one: find it and stop one of them",
        )


def closed(row: InvitationRow) -> Conflicting:
    """Why an invitation of ours can be answered no more."""
    if row.peer is None:
        return Conflicting("这份邀请已撤回", "this invitation was withdrawn")
    return Conflicting(
        f"这份邀请已由{row.peer}使用,每份邀请只能用一次",
        f"this invitation was used by {row.peer}; each is good for one center, once",
    )


def common(desk: Desk, them: Descriptor) -> str:
    """The suite of what we say to them. Raises NotAllowed."""
    try:
        return desk.identity.suite_with(them)
    except UnknownSuite as error:
        ours, theirs = desk.identity.suites, them.suites
        raise NotAllowed(
            f"没有共同的密码套件:对方为{'、'.join(theirs)},本中心为{'、'.join(ours)};"
            "请一方补充密钥",
            f"no suite in common: theirs {', '.join(theirs)}, ours {', '.join(ours)}; "
            "one of the two must add keys",
        ) from error
