"""All partners are asked at once, and each answer is told as it comes."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from typing_extensions import override

from federation.engine.outbox import AnswerRefused
from federation.ids import CenterId
from federation.ports import Unreachable
from federation.protocol import booking
from federation.wire.questions import AvailabilityAnswer, Cursor
from node.domain.calendar import Window
from node.domain.codes import Specialty
from node.domain.project import ExpertSlots, SelectionMode
from node.domain.venue import Requirement
from node.services import availability
from node.services.availability import Asker, Availability, Finding, Outcome, Wish
from node.services.errors import Invalid
from tests.support.pair import DAY_MS, TwoCenters, two_centers
from tests.support.planning import WINDOW, Offices, held, in_force

CHOSEN = booking.SelectionMode.CHOSEN
WISH = Wish(WINDOW, Requirement(2), (ExpertSlots(Specialty("A08"), 2),))
FREE = AvailabilityAnswer(2, 1, 60_000)


async def ignored(_finding: Finding) -> None:
    return


def asking(pair: TwoCenters, outbox: Asker | None = None, **changes: Any) -> Availability:
    host = pair.host
    usual: dict[str, Any] = {
        "negotiator": host.negotiator,
        "keyring": host.keyring,
        "outbox": outbox or host.outbox,
        "partners": lambda _desk: [pair.sub.id],
        "in_force": in_force,
        "tested": lambda *_: True,
    }
    return Availability(**{**usual, **changes})


async def only(service: Availability, wish: Wish) -> Finding:
    (finding,) = await service.find(wish, ignored)
    return finding


async def test_a_partner_with_enough_seats_is_free_and_one_with_too_few_says_when() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await held(pair, offices)  # 3 of 8 seats are left
        finding = await only(asking(pair), WISH)
        assert (finding.outcome, finding.center) == (Outcome.FREE, pair.sub.id)
        assert finding.name == pair.sub.identity.descriptor.name
        assert finding.answer is not None
        assert (finding.answer.free_seats, finding.answer.as_of_ms) == (3, pair.watch.now_ms)
        finding = await only(asking(pair), replace(WISH, venue=Requirement(5)))
        assert finding.outcome is Outcome.TAKEN
        assert finding.answer is not None
        assert finding.answer.next_start_ms == WINDOW.start_ms + DAY_MS


@pytest.mark.parametrize(
    ("terms", "wish", "clause"),
    [
        ({"max_seats_per_session": 1}, WISH, "max_seats_per_session"),
        ({"project_kinds": ("C",)}, WISH, "project_kinds"),
        ({"value_until_fen": 1_000_000}, WISH, "value_from_fen"),
        (
            {"selection_modes": (CHOSEN,)},
            replace(WISH, mode=SelectionMode.BLIND),
            "selection_modes",
        ),
    ],
)
async def test_whom_the_agreement_does_not_cover_is_not_asked_and_the_clause_is_named(
    terms: dict[str, Any], wish: Wish, clause: str
) -> None:
    async with two_centers(Offices()) as pair:
        await pair.agree(**terms)
        finding = await only(asking(pair, Silent()), wish)
        assert (finding.outcome, finding.clause) == (Outcome.NOT_COVERED, clause)
        assert finding.zh
        assert finding.en


async def test_a_partner_that_cannot_be_reached_or_refuses_is_named_with_the_cause() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await held(pair, offices)
        pair.cut()
        finding = await only(asking(pair), WISH)
        assert (finding.outcome, finding.en) == (Outcome.UNREACHABLE, "the request was lost")
        refusing = Said(lambda: AnswerRefused("no agreement"))
        finding = await only(asking(pair, refusing), WISH)
        assert (finding.outcome, finding.en) == (Outcome.REFUSED, "no agreement")
        finding = await only(asking(pair, Said(lambda: Cursor(1))), WISH)
        assert (finding.outcome, finding.en) == (Outcome.REFUSED, "answered with Cursor")


async def test_whoever_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "ANSWER_SECONDS", 0.02)
    async with two_centers(Offices()) as pair:
        await pair.agree()
        finding = await only(asking(pair, Silent()), WISH)
        assert finding.outcome is Outcome.UNREACHABLE
        assert "0.02 s" in finding.en


async def test_nobody_waits_for_the_slowest_partner() -> None:
    """Ten are asked at once; they answer in the reverse order, and are told as they answer."""
    centers = [CenterId("lp1" + letter * 32) for letter in "abcdefghij"]
    async with two_centers(Offices()) as pair:
        await pair.agree()
        known = await pair.host.do(lambda desk: in_force(desk, pair.sub.id))
        told: list[CenterId] = []

        async def tell(finding: Finding) -> None:
            told.append(finding.center)

        service = asking(
            pair,
            Backwards(centers),
            partners=lambda _desk: centers,
            in_force=lambda _desk, peer: (known[0], between(known[1], pair, peer)),
        )
        found = await service.find(WISH, tell)
        assert told == [finding.center for finding in found] == centers[::-1]
        assert {finding.outcome for finding in found} == {Outcome.FREE}


def between(terms: Any, pair: TwoCenters, peer: CenterId) -> Any:
    """The same terms with another partner."""
    (ours, theirs) = [each for each in terms.directions if each.host == pair.host.id] * 2
    del theirs
    return replace(terms, directions=(replace(ours, sub=peer),))


async def test_a_window_that_is_over_is_asked_of_nobody() -> None:
    async with two_centers(Offices()) as pair:
        await pair.agree()
        with pytest.raises(Invalid):
            await asking(pair, Silent()).find(replace(WISH, window=Window(1, 2)), ignored)


class Said(Asker):
    """Answers with one thing, or raises it."""

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make

    @override
    async def ask(self, peer: CenterId, question: object) -> object:
        del peer, question
        made = self._make()
        if isinstance(made, Exception):
            raise made
        return made


class Silent(Asker):
    """Never answers."""

    @override
    async def ask(self, peer: CenterId, question: object) -> object:
        del question
        await asyncio.Event().wait()
        raise Unreachable(peer)


class Backwards(Asker):
    """Each waits until the one after it has answered."""

    def __init__(self, centers: list[CenterId]) -> None:
        self._after = {center: asyncio.Event() for center in [*centers, CenterId("")]}
        self._next = dict(zip(centers, [*centers[1:], CenterId("")], strict=True))
        self._after[CenterId("")].set()

    @override
    async def ask(self, peer: CenterId, question: object) -> object:
        del question
        await self._after[self._next[peer]].wait()
        self._after[peer].set()
        return FREE
