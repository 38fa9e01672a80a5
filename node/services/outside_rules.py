"""Who else has a part in a draw, and may it be drawn again: contributors, regulator, permit.

Here: the questions that a draw's words raise about others than its two centers, asked before a
word changes anything; a refusal names the clause of the agreement. What contributors have
signed is verified here, once; ``draw_view`` reads it again without. Source: ``proto/README.md``
Draw and Contribution; ``draw-and-evidence.md`` §1.5, §1.8.
"""

from collections.abc import Sequence
from typing import Final

from federation.engine.shown import shown
from federation.errors import Malformed, Refused
from federation.ids import CenterId
from federation.lottery import outside, supplement
from federation.protocol import draw as words
from federation.protocol.agreement import AgreementTerms
from federation.protocol.conversation import REFUSED, Conversation
from federation.protocol.draw import Commit, Fault, Open, RequestDraw, Reveal
from federation.protocol.oversight import MIN_OFFICERS, Permit
from node.services.draw_files import DrawFiles, verified_in
from node.services.draw_view import DrawView
from node.services.errors import Conflicting
from node.services.house import Desk
from node.services.session_replacing import SIGNED
from node.store import draws, sessions
from node.store.draws import DrawRow

_NOTHING: Final = frozenset({words.VOID, REFUSED})


def check_ours(desk: Desk, terms: AgreementTerms) -> None:
    """Our own people's question: are those joined whom the agreement names? Raises Conflicting."""
    try:
        _check_known(desk, terms, (*terms.outside_contributors, terms.regulator))
    except Refused as error:
        raise Conflicting(
            "协议指定的外部随机数提供方或监管节点尚未与本中心建立联系: "
            "请先交换邀请文件(lianping peer invite)",
            f"{error.detail}; join it first (lianping peer invite)",
        ) from error


def check_contributors(desk: Desk, peer: str, terms: AgreementTerms, word: Open) -> None:
    """Who gives randomness: the two centers, and between them whom the agreement names.

    Args:
        desk: The floor; we are the owner of the pool.
        peer: The sealer.
        terms: The agreement.
        word: What the sealer opens.

    Raises:
        Malformed: They are not from the owner to the sealer.
        Refused: Others than the agreement names, too few, or some whom we do not know.
    """
    named = word.outside
    if word.contributors != (desk.identity.center, *named, peer):
        raise Malformed("contributors must be from the owner to the sealer", clause="V6")
    if named != tuple(each for each in terms.outside_contributors if each in named):
        raise Refused(
            "outside contributors must be those of the agreement, in its order",
            clause="outside_contributors",
        )
    if len(named) < terms.min_outside_contributors:
        raise Refused(
            f"the draw names {len(named)} outside contributors, the agreement demands "
            f"{terms.min_outside_contributors}",
            clause="min_outside_contributors",
        )
    _check_known(desk, terms, (*named, terms.regulator))


def check_first(
    desk: Desk, files: DrawFiles, conversation: Conversation, word: RequestDraw | Open, owner: str
) -> None:
    """From each pool a booking is drawn for once: nobody draws again until it likes it.

    Superseded is always the last one that was opened. If it came to nothing, and the agreement
    names a regulator, only with its leave. Beside draws that stand, only what adds to a list that
    stayed short, from other strata of the same committed pool (``federation.lottery.supplement``).

    Raises:
        Refused: One stands and is not short, another one is superseded, nobody permits it, or
            it would draw from a stratum that is exhausted, or more than are missing.
        Malformed: What is shown as the regulator's leave is none.
    """
    rows = [
        row
        for row in draws.of_booking(desk.ledger.connection, word.booking_id)
        if files.owner(desk, row) == owner
        and row.id != conversation.id
        and files.was_opened(desk, row)
    ]
    standing = [row for row in rows if row.phase not in _NOTHING]
    if standing:
        problem = supplement.wrong(files.standing(desk, standing), word)
        if problem is not None:
            raise Refused(f"{problem.en} (pool of {owner})", clause=problem.clause)
        held = sessions.live_of_booking(desk.ledger.connection, word.booking_id)
        signed = held is not None and held.phase in SIGNED
        if signed or any(row.phase != words.SEALED for row in standing):
            raise Refused("only to a sealed list, before the report is signed", clause="V2")
    last = rows[-1] if rows else None
    named = b"" if last is None else last.id
    if word.supersedes != named:
        raise Refused(
            f"the draw supersedes {word.supersedes.hex() or 'none'}; the last one from the pool "
            f"of {owner} that was opened is {named.hex() or 'none'}",
            clause="supersedes",
        )
    regulator = files.terms(desk, conversation.agreement).regulator
    if last is not None and last.phase in _NOTHING and regulator:
        permit = shown(desk.identity, desk.keyring, word.permit, Permit, regulator, desk.now_ms)
        if permit.word.draw_id != last.id:
            raise Refused("the permit is for another draw", clause="permit")
        if permit.word.open_hash != files.view(desk, rows[-1]).open_hash:
            raise Refused("the permit is for another opening of that draw", clause="permit")
        if len(set(permit.word.officers)) < MIN_OFFICERS:
            raise Refused("the permit is not by two different officers", clause="permit")


def check_commit(
    desk: Desk, row: DrawRow, terms: AgreementTerms, seen: DrawView, word: Commit
) -> None:
    """Does it bring what it has to: the owner's the pledges, the sealer's its escrow?

    Raises:
        Refused: The escrow is missing.
        Malformed: A pledge is missing, or not its contributor's.
    """
    assert seen.opening is not None, "nobody commits to what was not opened"
    if row.role == words.OWNER:
        if terms.regulator and not word.escrow:
            raise Refused(
                "the sealer's value must be given into escrow with the regulator", clause="escrow"
            )
        return
    outside.pledged(verified_in(desk, row.peer), seen.opening.outside, word.outside)


def check_values(desk: Desk, terms: AgreementTerms, seen: DrawView, word: Reveal) -> None:
    """Are these the contributors' values, and enough of them?

    Raises:
        Malformed: One is not its contributor's, or does not open its pledge.
        Refused: There are fewer than the agreement demands.
    """
    assert seen.opening is not None, "nobody reveals before it"
    committed = seen.commitments or {}
    pledges = {center: committed[center] for center in seen.opening.outside}
    read = verified_in(desk, seen.opening.contributors[0])
    values = outside.given(seen.digests, seen.open_hash, read, pledges, word.outside)
    outside.require_enough(values, terms.min_outside_contributors)


def check_silence(conversation: Conversation, seen: DrawView | None, word: Fault) -> None:
    """May the owner give up for want of outside values? It knows no order: it cannot choose.

    Raises:
        Refused: It is not the owner who waits, not the time, or they are no contributors.
    """
    opening = None if seen is None else seen.opening
    # Once it has revealed it sees the order: it gives up where the draw stands, or not at all.
    stands = conversation.phase == word.phase and word.phase in {words.ACCEPTED, words.COMMITTED}
    if conversation.role == words.OWNER or not stands:
        raise Refused("only the owner waits for outside values, before Reveal", clause="silent")
    if opening is None or not set(word.silent) <= set(opening.outside):
        raise Refused("those who were silent are no contributors of this draw", clause="silent")


def _check_known(desk: Desk, terms: AgreementTerms, centers: Sequence[str]) -> None:
    for center in centers:
        if not center:
            continue
        pinned = desk.keyring.peers.get(CenterId(center))
        if pinned is None or terms.suite not in pinned.suites:
            raise Refused(
                f"{center}, which the agreement names, is not joined with us or does not speak "
                f"{terms.suite}",
                clause="regulator" if center == terms.regulator else "outside_contributors",
            )
