"""Opens the names of the experts that were drawn from our own pool, after the award.

Each draw of ours gets one section that follows a dossier (``federation.evidence.naming``): our
signed statement, with salt and value of ``id`` of those on its list. Nobody else of the pool is
ever opened, and nothing before the award is recorded: until then the committee is secret
(招标投标法 art. 37). The dossier itself may be ours or the partner's; we sign for the one whose
hash we are told, and open nothing that is not in our own books.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from federation.evidence import naming
from federation.evidence.naming import MAX_ACT, OpenedMember
from federation.ids import DIGEST_BYTES, ConversationId
from federation.lottery.pool import IDENTITY
from federation.protocol.draw import OWNER
from federation.protocol.session import ARCHIVED
from federation.trust.keys import Purpose
from node.domain.disclosure import Stage
from node.services.disclosing import standing
from node.services.draws import DrawnMember
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.store import draws, pools, sessions
from node.store.cipher import ColumnCipher

AWARDED: Final = "AWARDED"


@dataclass(frozen=True, slots=True)
class OpenedNames:
    """What goes to the end of a dossier: sections, and how many names they open."""

    sections: tuple[bytes, ...]
    names: int


class NamesAfterAward:
    """Opens names.

    Args:
        cipher: Opens the pool's key and members.
        members: Who is on the lists of a booking's draws.
    """

    def __init__(
        self, cipher: ColumnCipher, members: Callable[[Desk, bytes], Sequence[DrawnMember]]
    ) -> None:
        self._cipher = cipher
        self._members = members

    def open_names(self, desk: Desk, session_id: bytes, dossier: bytes, act: str) -> OpenedNames:
        """Open the names of our own experts of an evaluation.

        Args:
            desk: Our side.
            session_id: The evaluation.
            dossier: Hash of the dossier's bytes, under the suite of its agreement.
            act: Which award notice, by its number.

        Raises:
            NotFound: There is no such session, or none of our experts was drawn for it.
            Invalid: The hash or the act cannot be.
            Conflicting: The session is not archived, the award is not recorded, or the pool's
                key was shredded.
        """
        if len(dossier) != DIGEST_BYTES:
            raise Invalid("卷宗摘要应为32字节", "a dossier's hash has 32 bytes")
        if not 0 < len(act) <= MAX_ACT or not act.isprintable():
            raise Invalid(
                f"文号应为1至{MAX_ACT}字", f"the act is named by 1 to {MAX_ACT} characters"
            )
        row = sessions.get(desk.ledger.connection, session_id)
        if row is None:
            raise NotFound("没有这场评标", f"there is no session {session_id.hex()}")
        if row.phase != ARCHIVED:
            raise Conflicting("评标尚未归档", f"the session is {row.phase}, not archived")
        if standing(desk, row.booking).stage < Stage.AWARDED:
            raise Conflicting(
                "中标结果尚未登记: 定标之前评标委员会成员名单保密",
                "the award is not recorded: before it the committee is secret",
            )
        found = self._found(desk, row.booking)
        if not found:
            raise NotFound("本中心没有抽中的专家", "none of our experts was drawn for it")
        sections = tuple(
            self._section(desk, draw, entries, dossier, act) for draw, entries in found.items()
        )
        return OpenedNames(sections, sum(len(entries) for entries in found.values()))

    def _found(self, desk: Desk, booking: bytes) -> dict[bytes, list[bytes]]:
        found: dict[bytes, list[bytes]] = {}
        for member in self._members(desk, booking):
            if member.owner == desk.identity.center:
                found.setdefault(member.draw, []).append(member.entry)
        return found

    def _section(
        self, desk: Desk, draw_id: bytes, entries: Sequence[bytes], dossier: bytes, act: str
    ) -> bytes:
        connection = desk.ledger.connection
        row = draws.get(connection, draw_id)
        assert row is not None, "it is the draw of a member"
        assert row.role == OWNER, "its pool is ours"
        suite = desk.suite_of(ConversationId(draw_id))
        try:
            pool = pools.load_pool(connection, self._cipher, suite, row.pool, row.epoch)
        except LookupError as error:
            raise Conflicting(
                f"专家库{row.pool}/{row.epoch}的密钥已销毁, 身份不能再公开",
                f"the key of pool {row.pool}/{row.epoch} was shredded: nothing can be opened",
            ) from error
        opened = []
        for entry in entries:
            digests, (identity,) = pool.open(entry, (IDENTITY,))
            opened.append(OpenedMember(entry, digests, identity.salt, identity.value))
        said = naming.Naming(
            dossier, draw_id, desk.identity.center, AWARDED, act, desk.now_ms, tuple(opened)
        )
        key = desk.identity.face(suite.suite_id).signing(Purpose.MESSAGE, desk.now_ms)
        return naming.write(said, key.sign)
