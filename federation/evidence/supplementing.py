"""Draws that add to a list which stayed short (补抽于其他专业): part of steps 8 and 9.

What counts is how things stood in the log of the pool's owner when a word of it was there: it
says who was asked, who is on a list and which stratum is exhausted, so that its log has all of
that in order, also across draws. What makes a supplement right is
``federation.lottery.supplement``'s to say. That nobody is drawn twice is the walk's to see,
which is told here whom other draws have taken.
"""

from collections.abc import Iterable, Mapping

from federation.evidence.case import Case, Step, Told, examining, refute
from federation.lottery import supplement
from federation.lottery.supplement import Standing, Taken
from federation.protocol.booking import Hold
from federation.protocol.conversation import Kind
from federation.protocol.draw import Open, Slot
from federation.protocol.enforcement import check_specialties
from federation.protocol.execution import check_pool_size
from federation.protocol.peering import AnnouncePool
from federation.protocol.session import Convene


def earlier(case: Case, told: Told) -> list[tuple[bytes, Standing]]:
    """Draws from the same pool that were opened before one, as they stood then, oldest first.

    Args:
        case: The dossier.
        told: The ``Open`` of the one.
    """
    owner, at = told.hearer, told.index(told.hearer)
    opened = [
        (first.index(owner), draw)
        for draw in case.of_kind(Kind.DRAW)
        for first, _ in case.find(draw, Open)
        if first.hearer == owner and first.index(owner) < at
    ]
    found = [(draw, _stood(case, draw, owner, at)) for _, draw in sorted(opened)]
    return [(draw, stood) for draw, stood in found if stood is not None]


def adds(case: Case, told: Told) -> bool:
    """Whether a draw adds to others that stand, by its ``Open``."""
    return any(not stood.void for _, stood in earlier(case, told))


def beside(case: Case, draw: bytes, owner: str) -> list[bytes]:
    """The other draws from the same pool that were ever opened."""
    return [
        other
        for other in case.of_kind(Kind.DRAW)
        if other != draw and any(first.hearer == owner for first, _ in case.find(other, Open))
    ]


def taken(case: Case, draw: bytes, told: Told, owner: str) -> Taken:
    """Whom the other draws from its pool had asked when a word of a draw was said."""
    return taken_by(case, beside(case, draw, owner), told, owner)


def taken_by(case: Case, others: Iterable[bytes], told: Told, owner: str) -> Taken:
    """Whom other draws from a pool had asked when a word was said.

    Args:
        case: The dossier.
        others: The draws beside the one that it is a word of, see ``beside``.
        told: The word.
        owner: Whose pool.
    """
    stood = [_stood(case, other, owner, told.index(owner)) for other in others]
    return supplement.taken(each for each in stood if each is not None)


def check_added(case: Case, told: Told, word: Open) -> None:
    """May it add to the draws that stood when it was opened?

    Args:
        case: The dossier.
        told: The draw's ``Open``.
        word: What it says.

    Raises:
        Refuted: No list was short then, or it draws too many, or from a stratum of which
            everybody had been asked, or from another pool.
    """
    chain = [stood for _, stood in earlier(case, told) if not stood.void]
    problem = supplement.wrong(chain, word) if chain else None
    if problem is not None:
        refute(
            Step.DRAWS,
            told.where,
            f"有效的抽取被取代: {problem.zh}",
            f"a draw that stands was superseded: {problem.en}",
        )


def check_slots(case: Case, told: Told, word: Open, pool: AnnouncePool, hold: Hold) -> None:
    """Are the specialties and numbers those that were booked, from strata that are large enough?

    Else two that collude would draw from a stratum so small that its shortfall is certain, and
    the missing seats from one that hardly anybody but a friend is in.

    Args:
        case: The dossier.
        told: The draw's ``Open``.
        word: What it says.
        pool: What it is drawn from, as it was announced.
        hold: What was booked.

    Raises:
        Refuted: A sub's pool is drawn from for another need than the booking's, and no list is
            short; or the agreement forbids to draw so many from a stratum.
    """
    booked = tuple(Slot(need.specialty, need.count) for need in hold.experts)
    if told.hearer != _host(case) and word.slots != booked and not adds(case, told):
        refute(
            Step.DRAWS,
            told.where,
            "抽取的专业和人数与预约不符",
            "the slots are not those of the booking",
        )
    if len({slot.specialty for slot in word.slots}) < len(word.slots):
        refute(Step.DRAWS, told.where, "同一专业重复列出", "one specialty has two slots")
    with examining(Step.DRAWS, told.where, "抽取的专业或人数不合协议约定"):
        check_specialties(case.terms, word.slots)
        check_pool_size(case.terms, {one.specialty: one.size for one in pool.strata}, word.slots)


def check_convened(
    case: Case, convene: Convene, fair: Mapping[bytes, object], opened: Mapping[bytes, Told]
) -> None:
    """Are the draws those that were convened, and else only what was added since?

    Args:
        case: The dossier.
        convene: What the host convened.
        fair: The draws that stand.
        opened: The ``Open`` of every draw.

    Raises:
        Refuted: One was convened that is not there, or the other way round.
    """
    convened, _ = case.last(case.dossier.session, Convene, Step.DRAWS, _host(case))
    since = {
        draw
        for draw in set(fair) - set(convene.draw_ids)
        if adds(case, opened[draw])
        and all(opened[draw].index(each) > convened.index(each) for each in case.parties)
    }
    if set(fair) - since != set(convene.draw_ids):
        refute(Step.DRAWS, "Convene", "召集所列抽取与卷宗不符", "draw_ids are not the draws given")


def _stood(case: Case, draw: bytes, owner: str, at: int) -> Standing | None:
    words = sorted(case.talks[draw], key=lambda said: said.index(owner))
    return supplement.tell(said.word for said in words if said.index(owner) < at)


def _host(case: Case) -> str:
    return case.find(case.dossier.session, Convene)[0][0].sender
