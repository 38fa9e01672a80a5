"""What a blind selection drew is covered where it belongs, and nowhere else."""

from typing import Any

from node.domain.project import SelectionMode
from node.services.house import Desk
from node.services.selection_view import SelectionStatus
from node.services.selections import Selections
from node.services.veil import OPEN, SOME_PARTNER, Veil, label, veil
from node.store.todos import overdue_subject
from tests.support.federation import federation
from tests.support.lots import Lots, answer, ask, lots, lottery, prepared

SUB = "lp1" + "s" * 32
PROJECT, BOOKING, OTHER = "01" * 16, "02" * 16, "03" * 16
VEIL = Veil(
    {subject: {SUB: label(1), "长乐": label(1)} for subject in (PROJECT, BOOKING)},
    frozenset({"0a" * 16}),
    (SUB, "济阳", "长乐"),
)


def test_only_what_is_about_the_covered_project_is_covered() -> None:
    rows = [
        {"id": BOOKING, "peer": SUB, "note": f"副场{SUB}(长乐)拒绝"},
        {"id": OTHER, "peer": SUB, "note": "长乐"},
    ]
    covered, plain = VEIL.over(rows)
    assert covered["peer"] == label(1)
    assert covered["note"] == f"副场{SOME_PARTNER}({SOME_PARTNER})拒绝"
    assert plain == rows[1]


def test_what_is_inside_a_covered_thing_is_covered_however_deep() -> None:
    inside: dict[str, Any] = {"id": PROJECT, "draws": [{"id": OTHER, "owner": SUB, "of": [SUB]}]}
    assert VEIL.over(inside) == {
        "id": PROJECT,
        "draws": [{"id": OTHER, "owner": label(1), "of": [SOME_PARTNER]}],
    }


def test_an_error_about_a_covered_thing_is_covered_by_its_path() -> None:
    fault = {"error": {"code": "CONFLICT", "zh": f"副场{SUB}未就绪"}}
    assert VEIL.over(fault) == fault
    assert VEIL.over(fault, [BOOKING])["error"]["zh"] == f"副场{SOME_PARTNER}未就绪"


def test_who_writes_every_partner_into_a_text_does_not_read_off_which_was_drawn() -> None:
    (told,) = VEIL.over([{"id": PROJECT, "name": "长乐", "reason": "济阳或长乐"}])
    assert told["name"] == SOME_PARTNER
    assert told["reason"] == f"{SOME_PARTNER}或{SOME_PARTNER}"


def test_who_is_chosen_openly_after_a_blind_lottery_failed_is_shown_as_such() -> None:
    (told,) = VEIL.over([{"id": PROJECT, "peer": "济阳", "note": "济阳"}])
    assert told["peer"] == "济阳"
    assert told["note"] == SOME_PARTNER


def test_what_is_overdue_about_a_covered_thing_is_covered() -> None:
    subject = overdue_subject("site_not_ready", bytes.fromhex(BOOKING)).hex()
    (told,) = VEIL.over([{"id": 7, "subject": subject, "zh": f"逾期:{SUB}"}])
    assert SUB not in told["zh"]


def test_a_day_of_usage_that_counts_a_covered_booking_is_left_out() -> None:
    days = [{"id": "0a" * 16, "peer": SUB}, {"id": "0b" * 16, "peer": SUB}]
    assert VEIL.over(days) == days[1:]
    assert VEIL.over(days[0]) is None


def test_nothing_covered_changes_nothing() -> None:
    assert OPEN.over({"peer": SUB}, [PROJECT]) == {"peer": SUB}


async def test_a_blind_lottery_is_covered_and_a_random_one_is_not() -> None:
    for mode, expected in ((SelectionMode.BLIND, True), (SelectionMode.RANDOM, False)):
        offices = Lots()
        async with federation(offices, subs=2) as them:
            project_id = await prepared(them, offices)
            selection_id = await ask(them, offices, project_id, lots(mode=mode))
            await them.settle()
            drawn = (await lottery(them, selection_id)).ranked[0]
            found = await them.host.do(veil)
            assert (project_id.hex() in found.names) == expected
            service = offices.lotteries["host"]

            def look(
                desk: Desk, service: Selections = service, project_id: bytes = project_id
            ) -> list[SelectionStatus]:
                return service.of_project(desk, project_id)

            status = await them.host.do(look)
            if not expected:
                assert status[0].ranked[0] == drawn
                continue
            assert status[0].ranked == ()
            told = found.names[project_id.hex()]
            (sub,) = [each for each in them.subs if each.id == drawn]
            assert {drawn, sub.identity.descriptor.name} <= set(told)
            await answer(them, offices, sub, yes=True)
            assert (await them.host.do(veil)).names
            # The sub knows its host, as in any booking.
            assert not (await sub.do(veil)).names
