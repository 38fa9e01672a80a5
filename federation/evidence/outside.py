"""What the agreement demands of others in a draw: contributors, escrow, leave to draw again.

Part of step 9. Whether the values themselves are as pledged is the auditor's question
(``federation.lottery.outside``); here is whether those were asked whom both centers had agreed
on, whether enough of them answered, whether the sealer's value was given into escrow, and
whether a draw that supersedes another one was allowed to.
"""

from collections.abc import Mapping

from federation.evidence import supplementing
from federation.evidence.case import Case, Refuted, Step, Told, examining, refute
from federation.lottery.audit import DrawAudit
from federation.lottery.ranking import open_hash
from federation.protocol.conversation import Kind
from federation.protocol.draw import VOID, Commit, Open, Rescue
from federation.protocol.oversight import MIN_OFFICERS, Permit, Unseal


def check_named(case: Case, told: Told, opening: Open) -> None:
    """Were those asked whom the agreement names, and is the sealer's value in escrow?

    Args:
        case: The dossier.
        told: The draw's ``Open``.
        opening: What it says.

    Raises:
        Refuted: Others were asked, or the escrow is missing.
    """
    terms, named = case.terms, opening.outside
    if named != tuple(each for each in terms.outside_contributors if each in named):
        refute(
            Step.DRAWS,
            told.where,
            "外部随机数提供方与协议约定不符",
            "outside contributors are not those of the agreement",
        )
    commits = case.find(told.statement.conversation_id, Commit)
    given = all(word.escrow for said, word in commits if said.sender == told.sender)
    if terms.regulator and not given:
        refute(
            Step.DRAWS,
            told.where,
            "封定方未向监管节点托管随机数",
            "the sealer gave nothing into escrow with the regulator",
        )


def check_enough(case: Case, told: Told, audit: DrawAudit) -> None:
    """Did as many outside contributors open their values as the agreement demands?

    Args:
        case: The dossier.
        told: The draw's ``Open``.
        audit: What the draw came to.

    Raises:
        Refuted: Fewer did.
    """
    least = case.terms.min_outside_contributors
    if audit.outside_values < least:
        refute(
            Step.DRAWS,
            told.where,
            f"外部随机数仅{audit.outside_values}个, 协议要求{least}个",
            f"{audit.outside_values} outside values, the agreement demands {least}",
        )


def check_unsealed(case: Case, told: Told, word: Rescue) -> None:
    """Did two officers open the escrow of this draw for its owner?

    Args:
        case: The dossier.
        told: The ``Rescue`` that shows it.
        word: What it says.

    Raises:
        Refuted: It is another draw's, not by two officers, or not the regulator's word.
    """
    with examining(Step.DRAWS, told.where, "启封不是监管部门对专家库所属方所言"):
        unsealed = case.others.told(told.sender)(word.unsealed, case.terms.regulator)
    if not isinstance(unsealed, Unseal) or unsealed.draw_id != told.statement.conversation_id:
        raise Refuted(
            Step.DRAWS,
            told.where,
            "监管部门启封的是另一抽取",
            "the regulator opened the escrow of another draw",
            rule="V7",
        )
    _check_officers(told, unsealed.officers)


def _check_officers(told: Told, officers: tuple[bytes, ...]) -> None:
    if len(set(officers)) < MIN_OFFICERS:
        refute(
            Step.DRAWS,
            told.where,
            "监管部门的决定须由两名监管人员作出",
            "the regulator's word is not by two officers",
        )


def check_superseding(case: Case, opened: Mapping[bytes, tuple[Told, Open]]) -> None:
    """Does each draw supersede the last one from the same pool, and may it?

    In place of one that came to nothing: with the regulator's permit, where one is agreed. Beside
    those that stand: only what adds to a list that is short (``supplementing``).

    Args:
        case: The dossier.
        opened: The ``Open`` of every draw that was opened.

    Raises:
        Refuted: One was drawn again without saying so, without cause, or without the permit.
    """
    last: dict[str, bytes] = {}
    for draw in sorted(opened, key=lambda each: opened[each][1].sequence):
        told, word = opened[draw]
        named = last.get(told.hearer, b"")
        before = supplementing.earlier(case, told)
        if word.supersedes != named or (before[-1][0] if before else b"") != named:
            refute(
                Step.DRAWS,
                told.where,
                "未如实说明所取代的抽取",
                f"supersedes {word.supersedes.hex() or 'none'}, the draw before is "
                f"{named.hex() or 'none'}",
            )
        supplementing.check_added(case, told, word)
        if before and before[-1][1].void and case.terms.regulator:
            _check_permit(case, told, word, opened[named][0])
        last[told.hearer] = draw
    left = set(case.of_kind(Kind.DRAW)) - set(opened)
    for draw in left:
        if case.phases[draw] != VOID:
            refute(Step.DRAWS, f"draw {draw.hex()}", "抽取未开启", "was never opened")


def _check_permit(case: Case, told: Told, word: Open, before: Told) -> None:
    with examining(Step.DRAWS, told.where, "重新抽取未经监管部门准许"):
        _, permit = case.others.read(word.permit, case.terms.regulator)
    if not isinstance(permit, Permit) or permit.draw_id != word.supersedes:
        refute(
            Step.DRAWS,
            told.where,
            "监管部门的准许属于另一抽取",
            "the regulator's permit is for another draw",
        )
    if permit.open_hash != open_hash(case.suite, before.payload):
        refute(
            Step.DRAWS,
            told.where,
            "监管部门的准许所针对的不是被取代抽取的开启内容",
            "the regulator's permit is for another opening of the draw",
        )
    _check_officers(told, permit.officers)
