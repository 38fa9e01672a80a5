"""Holidays of a center: seeded, imported, edited, and missed before they matter."""

from datetime import date

from node.domain.holidays import DayKind, Holiday, known_years
from node.domain.todo_rules import RULES
from node.services.holidays import UNKNOWN, Holidays, seed
from node.services.house import Desk
from node.store import todos, workdays
from tests.support.pair import DAY_MS, Center, Furniture, two_centers

NONE: frozenset[date] = frozenset()
YEAR = [
    Holiday(date(2027, 1, 1), DayKind.OFF, "元旦"),
    Holiday(date(2027, 10, 1), DayKind.OFF, "国庆节"),
    Holiday(date(2027, 10, 9), DayKind.WORK, "国庆节"),
]


def furnish(_center: Center) -> Furniture:
    return Furniture(handlers=Holidays().handlers())


def asked(desk: Desk) -> list[bytes]:
    found = todos.open_for(desk.ledger.connection, "operator")
    return [each.subject for each in found if each.kind == UNKNOWN]


async def test_a_new_node_knows_what_came_out_before_it_and_misses_the_next_year_in_time() -> None:
    async with two_centers(furnish) as pair:  # May 2026
        await pair.host.do(lambda desk: Holidays().start(desk, NONE, NONE))
        assert await pair.host.do(Holidays().years) == [2025, 2026]
        assert await pair.host.do(asked) == []
        pair.watch.pass_ms(196 * DAY_MS)  # 18 November: 45 days reach into 2027
        await pair.settle()
        assert await pair.host.do(Holidays().unknown) == [2027]
        assert await pair.host.do(asked) == [b"2027"]
        change = await pair.host.do(lambda desk: Holidays().take(desk, YEAR))
        assert (change.years, change.unknown) == ((2025, 2026, 2027), ())
        assert await pair.host.do(asked) == []


async def test_a_preview_says_what_the_import_then_does_and_changes_nothing() -> None:
    async with two_centers() as pair:
        await pair.host.do(lambda desk: Holidays().take(desk, YEAR))
        later = [YEAR[1], Holiday(YEAR[2].day, DayKind.OFF, "国庆节"), seed()[0]]
        preview = await pair.host.do(lambda desk: Holidays().preview(desk, later))
        assert await pair.host.do(Holidays().days) == YEAR
        assert (preview.added, preview.changed) == ((seed()[0],), (later[1],))
        assert (preview.removed, preview.same) == ((YEAR[0],), 1)
        assert await pair.host.do(lambda desk: Holidays().take(desk, later)) == preview
        assert await pair.host.do(Holidays().days) == sorted(later, key=lambda each: each.day)


async def test_a_table_without_a_whole_year_only_adds() -> None:
    async with two_centers() as pair:

        def run(desk: Desk) -> list[Holiday]:
            Holidays().take(desk, YEAR)
            extra = Holiday(date(2027, 12, 31), DayKind.OFF, "元旦")
            assert Holidays().take(desk, [extra]).removed == ()
            return Holidays().days(desk, 2027)

        assert len(await pair.host.do(run)) == 4


async def test_what_was_edited_by_hand_survives_a_restart() -> None:
    async with two_centers() as pair:

        def run(desk: Desk) -> None:
            service = Holidays()
            service.start(desk, NONE, NONE)
            day = date(2026, 5, 5)
            service.edit(desk, day, None)
            moved = Holiday(date(2026, 5, 6), DayKind.OFF, "本省")
            service.edit(desk, moved.day, moved)
            service.start(desk, NONE, NONE)
            calendar = workdays.calendar(desk.ledger.connection)
            assert calendar.works(day)
            assert not calendar.works(moved.day)

        await pair.host.do(run)


async def test_the_centers_own_days_count_before_the_notices() -> None:
    async with two_centers() as pair:

        def run(desk: Desk) -> None:
            service = Holidays()
            off, work = date(2026, 5, 7), date(2026, 5, 1)
            service.start(desk, frozenset({off}), frozenset({work}))
            calendar = workdays.calendar(desk.ledger.connection)
            assert not calendar.works(off)
            assert calendar.works(work)
            assert [each.day for each in service.own(desk)] == [work, off]
            service.start(desk, NONE, NONE)
            calendar = workdays.calendar(desk.ledger.connection)
            assert calendar.works(off)
            assert not calendar.works(work)

        await pair.host.do(run)


def test_the_seed_is_whole_years() -> None:
    assert known_years(seed()) == {each.day.year for each in seed()}
    assert UNKNOWN in RULES
