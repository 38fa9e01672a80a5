"""Units to avoid (回避): what the two sides of a draw know of tenderee, agency, competent units.

The host commits to their credit codes in ``Open`` and seals the list to the owner of the pool,
whose node opens it in memory for each entry that it rules on, and never stores or shows it: to
the people of a sub the project stays unknown until the start (四不知). Of a draw from its own pool
the host is the owner and knows the list itself; then nothing is sealed, and the sealer learns
it with the dossier. Bidders are never in it; of them see ``recusal``.
"""

from dataclasses import dataclass

from federation.errors import Malformed
from federation.ids import CenterId, ConversationId
from federation.lottery import recusal
from federation.lottery.audit import exclusion_commitment
from federation.lottery.recusal import Codes
from federation.protocol.draw import OWNER, Open
from federation.protocol.peering import AnnouncePool
from federation.trust.keys import Purpose
from federation.trust.suite import CannotOpen, Suite
from federation.wire.envelopes import decode_statement
from federation.wire.words import PAYLOAD_TYPES, decode_word
from node.services.errors import Conflicting
from node.services.house import Desk
from node.store import projects, transcripts
from node.store.draws import DrawRow
from node.store.projects import ProjectRow


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What ``Open`` says of units to avoid: their commitment, and the list under a seal."""

    commitment: bytes = b""
    sealed: bytes = b""


NONE = Exclusion()


def excluded_employers(row: ProjectRow) -> tuple[str, ...]:
    """Employers that must recuse before the bids are open: tenderee, agency, competent units."""
    return tuple(sorted({party.uscc for party in row.project.parties}))


def sealed_to(
    desk: Desk, chosen: Suite, owner: str, booking: bytes, announced: AnnouncePool, told: Codes
) -> Exclusion:
    """Commit to the units to avoid, and seal them to the owner of the pool.

    Raises:
        Conflicting: The owner's descriptor has no sealing key of that suite that counts now.
    """
    pinned = desk.keyring.peers[CenterId(owner)]
    key = pinned.key_for(Purpose.SEALING, chosen.suite_id, desk.now_ms)
    if key is None:
        raise Conflicting(
            f"对方中心{owner}没有可用的加密公钥,不能告知回避单位",
            f"{owner} has no sealing key of {chosen.suite_id} that counts now",
        )
    info = recusal.exclusion_info(chosen, booking, announced.pool, announced.epoch)
    return Exclusion(
        exclusion_commitment(chosen, told.salt, told.codes),
        chosen.seal(key.key, info, recusal.encode_codes(told)),
    )


def opened(desk: Desk, chosen: Suite, opening: Open) -> Codes | None:
    """What the sealer has sealed to us; None if it commits to nothing.

    Raises:
        Malformed: It does not open with our keys, is no list, or not the one committed to.
    """
    if not opening.exclusion_commitment and not opening.exclusion_sealed:
        return None
    info = recusal.exclusion_info(chosen, opening.booking_id, opening.pool, opening.epoch)
    try:
        plain = desk.identity.face(chosen.suite_id).unseal(info, opening.exclusion_sealed)
    except CannotOpen as error:
        raise Malformed(
            "the units to avoid do not open with our keys: seal them to our newest descriptor",
            clause="V13",
        ) from error
    told = recusal.decode_codes(plain)
    recusal.check_codes(chosen, told, opening.exclusion_commitment)
    return told


def known(desk: Desk, row: DrawRow) -> Codes | None:
    """The units to avoid in a draw, where this side of it knows them. Raises as ``opened``."""
    if row.project is not None:
        if row.exclusion_salt is None:
            return None
        project = projects.get(desk.ledger.connection, row.project)
        assert project is not None, "a draw of ours belongs to a project of ours"
        return Codes(excluded_employers(project), row.exclusion_salt)
    if row.role != OWNER:
        return None
    for line in transcripts.of_conversation(desk.ledger.connection, row.id):
        if line.payload_type == PAYLOAD_TYPES[Open]:
            opening = decode_word(line.payload_type, decode_statement(line.payload).body)
            assert isinstance(opening, Open), "by its payload type"
            return opened(desk, desk.suite_of(ConversationId(row.id)), opening)
    return None
