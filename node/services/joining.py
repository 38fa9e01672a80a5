"""How two centers come to know each other: an invitation, a reply, one phone call.

Both are files that people carry, so no stranger ever needs to be let in over the network, and
a center that cannot be called yet can join. An invitation shows its maker's descriptors and
holds a secret; the reply shows the other's and proves that its maker had the invitation. Each
side pins the other only with the fingerprint that a person confirmed. Both fingerprints are
made of center id and paper, and both are known when the invitation is read, so that one call
settles both directions.

Not here: how the files look (``armour``), what they hold (``federation.wire.joining``).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from federation.engine.identity import SKEW_MS
from federation.errors import Malformed
from federation.ids import CenterId
from federation.trust.keys import Descriptor
from federation.trust.suite import suite
from federation.wire.joining import (
    ACCEPTANCE,
    INVITATION,
    Acceptance,
    Invitation,
    SignedPaper,
    acceptance_type,
    answer_key,
    decode_signed,
    encode_signed,
    invitation_type,
    normal,
    proof_of,
)
from federation.wire.questions import PROTOCOL
from node.services import armour
from node.services.armour import Paper
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.joining_lines import invitation_lines, reply_lines
from node.services.joining_rules import carried, check_identity, check_protocol, closed, common
from node.services.papers import made_by, sign
from node.services.peers import Peers
from node.store import invitations
from node.store.cipher import ColumnCipher
from node.store.invitations import AcceptanceRow, InvitationRow

DAY_MS: Final = 86_400_000
DEFAULT_DAYS: Final = 7  # a file that was mailed, a call that was put off, a week-end
MAX_DAYS: Final = 30  # the fingerprint's length stands against a month of search
MAX_OPEN: Final = 64  # more centers than anybody federates with in a month


@dataclass(frozen=True, slots=True)
class Made:
    """A new invitation: the file's text, given out once, and what to read aloud."""

    id: bytes
    text: str = field(repr=False)
    fingerprint: str
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says, checked but not acted on.

    Attributes:
        paper: What it is.
        them: The newest descriptor of its maker.
        theirs: The fingerprint that they must read to us.
        ours: The fingerprint that we read to them.
        expires_at_ms: When it can be accepted no more.
    """

    paper: Paper
    them: Descriptor
    theirs: str
    ours: str
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Joined:
    """A peer that was pinned; ``reply`` is the file that it needs, or "" if it needs none."""

    peer: CenterId
    reply: str
    theirs: str
    ours: str


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file that holds what it should."""

    reading: Reading
    signed: SignedPaper
    chain: tuple[bytes, ...]
    invitation: bytes
    reply: str


class Joining:
    """Makes, reads and accepts invitations.

    Args:
        peers: Pins.
        cipher: The node's data key, for what must be the same at every reading and known to
            nobody else.
        random: Gives that many bytes fit for keys.
    """

    def __init__(
        self, *, peers: Peers, cipher: ColumnCipher, random: Callable[[int], bytes]
    ) -> None:
        self._peers = peers
        self._cipher = cipher
        self._random = random

    def invite(self, desk: Desk, meant_for: str, days: int, by: str) -> Made:
        """Make an invitation.

        Args:
            desk: The floor.
            meant_for: The other center's name, for people; may be empty.
            days: How long it can be accepted.
            by: Whoever makes it.

        Raises:
            Invalid: Too many days, or a name that is no name.
            Conflicting: Too many are open.
        """
        if not 1 <= days <= MAX_DAYS:
            raise Invalid(
                f"邀请有效期为1至{MAX_DAYS}天", f"an invitation is open for 1 to {MAX_DAYS} days"
            )
        connection = desk.ledger.connection
        if invitations.count_open(connection, desk.now_ms) >= MAX_OPEN:
            raise Conflicting(
                f"未答复的邀请已有{MAX_OPEN}份,请先撤回不用的",
                f"{MAX_OPEN} invitations are open; withdraw those that are not needed",
            )
        invitation = Invitation(
            protocol=PROTOCOL,
            invitation_id=desk.new_id(),
            descriptors=carried(desk.identity.chain),
            meant_for=meant_for.strip(),
            made_at_ms=desk.now_ms,
            expires_at_ms=desk.now_ms + days * DAY_MS,
            secret=self._random(32),
        )
        paper = INVITATION.encode(invitation)
        try:
            INVITATION.decode(paper)
        except Malformed as error:
            raise Invalid(
                "对方名称应为一行文字,不超过255个字符",
                f"the other center's name is one line of at most 255 characters ({error})",
            ) from error
        signed = sign(desk, invitation_type, paper, desk.identity.suites[0])
        fingerprint = signed.fingerprint(desk.identity.center)
        invitations.add(
            connection,
            InvitationRow(
                id=invitation.invitation_id,
                digest=signed.digest,
                suite=signed.suite.suite_id,
                answer_key=answer_key(signed.suite, invitation.secret),
                fingerprint=fingerprint,
                meant_for=invitation.meant_for,
                made_by=by,
                made_at_ms=desk.now_ms,
                expires_at_ms=invitation.expires_at_ms,
            ),
        )
        text = armour.wrap(
            Paper.INVITATION,
            invitation_lines(desk.identity.descriptor, invitation),
            encode_signed(signed),
        )
        return Made(invitation.invitation_id, text, fingerprint, invitation.expires_at_ms)

    def withdraw(self, desk: Desk, invitation: bytes, by: str) -> None:
        """Let an invitation of ours be answered no more.

        Raises:
            NotFound: There is none.
            Conflicting: It was answered or withdrawn.
        """
        row = invitations.get(desk.ledger.connection, invitation)
        if row is None:
            raise NotFound("没有这份邀请", "there is no such invitation")
        if row.closed_at_ms is not None:
            raise closed(row)
        invitations.close(desk.ledger.connection, invitation, by=by, at_ms=desk.now_ms)

    def read(self, desk: Desk, text: str) -> Reading:
        """Check a file in every way that needs no person. Stores nothing.

        Raises:
            Invalid: Damaged, too large, not signed by its maker, of another protocol, expired,
                or our own.
            NotAllowed: No suite in common.
            Conflicting: It was accepted before, or does not fit what is pinned.
        """
        return self._open(desk, text).reading

    def accept(self, desk: Desk, text: str, fingerprint: str, by: str) -> Joined:
        """Pin the maker of a file whose fingerprint a person confirmed.

        Args:
            desk: The floor.
            text: The file.
            fingerprint: What they read to us, as it was typed; blanks do not matter.
            by: Whoever confirms.

        Raises:
            Conflicting: The fingerprint is another; nothing was stored. Or as ``read``.
            Invalid, NotAllowed: As ``read``.
        """
        opened = self._open(desk, text)
        reading = opened.reading
        if normal(fingerprint) != reading.theirs:
            raise Conflicting(
                "指纹不一致,未登记任何内容:文件可能被调包,请用已知的电话号码与对方核对,"
                "并重新索取文件",
                "the fingerprint differs, and nothing was stored: the file may have been swapped; "
                "call the center at a number you know, and ask for the file again",
            )
        peer = CenterId(self._peers.pin(desk, opened.chain).center_id)
        connection = desk.ledger.connection
        if reading.paper is Paper.INVITATION:
            invitations.accept(
                connection,
                AcceptanceRow(
                    invitation=opened.invitation,
                    peer=peer,
                    reply=opened.reply,
                    our_fingerprint=reading.ours,
                    peer_fingerprint=reading.theirs,
                    accepted_by=by,
                    accepted_at_ms=desk.now_ms,
                ),
            )
        else:
            invitations.close(
                connection,
                opened.invitation,
                by=by,
                at_ms=desk.now_ms,
                peer=peer,
                peer_fingerprint=reading.theirs,
            )
        return Joined(peer, opened.reply, reading.theirs, reading.ours)

    @staticmethod
    def every(desk: Desk) -> list[InvitationRow]:
        """Our invitations, newest first."""
        return invitations.every(desk.ledger.connection, MAX_OPEN)

    @staticmethod
    def how(desk: Desk, peer: CenterId) -> Joined | None:
        """How a peer was joined: both fingerprints, and our reply if we gave one."""
        connection = desk.ledger.connection
        accepted = invitations.accepted_of(connection, peer)
        if accepted is not None:
            return Joined(peer, accepted.reply, accepted.peer_fingerprint, accepted.our_fingerprint)
        answered = invitations.answered_by(connection, peer)
        if answered is None:
            return None
        return Joined(peer, "", answered.peer_fingerprint or "", answered.fingerprint)

    # What is in a file

    def _open(self, desk: Desk, text: str) -> _Opened:
        paper, content = armour.unwrap(text)
        if paper is Paper.DESCRIPTORS:
            raise Invalid(
                "这是名片文件,不是邀请或回执:伙伴更新密钥时用 lianping peer accept FILE 采用",
                "this is a file of descriptors, neither invitation nor reply: it renews the keys "
                "of a partner that is known, with `lianping peer accept FILE`",
            )
        try:
            signed = decode_signed(content)
            if paper is Paper.INVITATION:
                return self._invitation(desk, signed, INVITATION.decode(signed.paper))
            return self._reply(desk, signed, ACCEPTANCE.decode(signed.paper))
        except Malformed as error:
            raise Invalid(
                "文件内容已损坏,请向对方重新索取",
                f"the file is damaged ({error.detail}); ask for it again",
            ) from error

    def _invitation(self, desk: Desk, signed: SignedPaper, said: Invitation) -> _Opened:
        connection = desk.ledger.connection
        check_protocol(said.protocol)
        them = made_by(signed, invitation_type, said.descriptors, desk.now_ms)
        if invitations.get(connection, said.invitation_id) is not None:
            raise Invalid(
                "这是本中心自己发出的邀请,请交给对方中心",
                "this is an invitation of this center's own; give it to the other center",
            )
        check_identity(desk, them)
        if said.expires_at_ms <= desk.now_ms:
            raise Invalid(
                "邀请已过期,请对方重新执行 lianping peer invite",
                "the invitation has expired; they must run `lianping peer invite` again",
            )
        if said.made_at_ms > desk.now_ms + SKEW_MS:
            raise Invalid(
                "邀请的签发时间晚于本机时间,请双方校对时钟",
                "the invitation was made in the future; both must check their clocks",
            )
        known = invitations.accepted(connection, said.invitation_id)
        if known is not None:
            raise Conflicting(
                f"这份邀请已接受过;如回执丢失,执行 lianping peer show {known.peer} --reply FILE",
                "this invitation was accepted before; if the reply got lost, run "
                f"`lianping peer show {known.peer} --reply FILE`",
            )
        self._peers.check_fits(desk, said.descriptors)
        own = self._answer(desk, signed, said, them)
        return _Opened(
            Reading(
                Paper.INVITATION,
                them,
                signed.fingerprint(them.center_id),
                own.fingerprint(desk.identity.center),
                said.expires_at_ms,
            ),
            signed,
            said.descriptors,
            said.invitation_id,
            armour.wrap(
                Paper.REPLY,
                reply_lines(desk.identity.descriptor, them, said.expires_at_ms),
                encode_signed(own),
            ),
        )

    def _answer(
        self, desk: Desk, signed: SignedPaper, said: Invitation, them: Descriptor
    ) -> SignedPaper:
        """Our answer: the same paper however often the invitation is read."""
        paper = ACCEPTANCE.encode(
            Acceptance(
                protocol=PROTOCOL,
                invitation_id=said.invitation_id,
                invitation_digest=signed.digest,
                descriptors=carried(desk.identity.chain),
                nonce=self._cipher.blind("acceptance.nonce", signed.digest.hex()),
            )
        )
        key = answer_key(signed.suite, said.secret)
        proof = proof_of(signed.suite, key, paper)
        return sign(desk, acceptance_type, paper, common(desk, them), proof)

    def _reply(self, desk: Desk, signed: SignedPaper, said: Acceptance) -> _Opened:
        connection = desk.ledger.connection
        check_protocol(said.protocol)
        them = made_by(signed, acceptance_type, said.descriptors, desk.now_ms)
        check_identity(desk, them)
        row = invitations.get(connection, said.invitation_id)
        if row is None or row.digest != said.invitation_digest:
            raise Invalid(
                "这份回执答复的不是本中心的邀请,请核对文件",
                "this reply does not answer an invitation of this center; check the file",
            )
        if row.closed_at_ms is not None:
            raise closed(row)
        if row.expires_at_ms <= desk.now_ms:
            raise Invalid(
                "邀请已过期,请重新执行 lianping peer invite",
                "the invitation has expired; run `lianping peer invite` again",
            )
        if proof_of(suite(row.suite), row.answer_key, signed.paper) != signed.proof:
            raise Invalid(
                "回执不能证明其出自持有邀请文件的中心,不予接受",
                "the reply does not prove that its maker had the invitation; it is not accepted",
            )
        common(desk, them)
        self._peers.check_fits(desk, said.descriptors)
        return _Opened(
            Reading(
                Paper.REPLY,
                them,
                signed.fingerprint(them.center_id),
                row.fingerprint,
                row.expires_at_ms,
            ),
            signed,
            said.descriptors,
            said.invitation_id,
            "",
        )
