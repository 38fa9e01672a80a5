"""A draw starts when the staff has verified what is drawn, and only that is drawn."""

import pytest

from node.services.draw_start import DrawStart
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk
from tests.node.services.test_draws import Table, laid
from tests.support import planning


def starting(table: Table) -> DrawStart:
    return table.host.draws.starting


async def test_nobody_draws_what_the_staff_has_not_verified() -> None:
    async with laid() as table:
        host = table.host
        with pytest.raises(Conflicting, match="has not verified"):
            await host.center.do(
                lambda desk: host.draws.start(desk, table.project, planning.AGENCY)
            )
        assert await host.center.sql("SELECT 1 FROM draw") == []


async def test_what_is_verified_is_numbers_and_specialties_and_no_names() -> None:
    async with laid() as table:
        asked = await table.host.center.do(lambda desk: starting(table).asked(desk, table.project))
        (site,) = asked["sites"]
        assert site["center"] == table.pair.sub.id
        assert sum(count for _, count in site["experts"]) > 0
        assert set(asked) == {
            "project", "bid_deadline_ms", "sites", "own_experts", "excluded_employers",
        }  # fmt: skip


async def test_the_staff_is_asked_and_the_to_do_is_done_with_it() -> None:
    async with laid() as table:
        center = table.host.center
        open_ = "SELECT done_at_ms IS NULL FROM todo WHERE kind = 'verify_draw'"
        assert await center.sql(open_) == [(1,)]
        await center.do(lambda desk: starting(table).verify(desk, table.project, planning.STAFF))
        assert await center.sql(open_) == [(0,)]


async def test_what_has_changed_since_is_verified_anew() -> None:
    async with laid() as table:
        center = table.host.center

        def verify_then_change(desk: Desk) -> None:
            starting(table).verify(desk, table.project, planning.STAFF)
            desk.ledger.connection.execute(
                "UPDATE project SET bid_deadline_ms = bid_deadline_ms - 1 WHERE id = ?",
                (table.project,),
            )

        await center.do(verify_then_change)
        with pytest.raises(Conflicting, match="has changed since"):
            await center.do(lambda desk: starting(table).start(desk, table.project))

        await center.do(lambda desk: starting(table).verify(desk, table.project, planning.STAFF))
        assert await center.do(lambda desk: starting(table).start(desk, table.project))


async def test_a_competent_unit_named_after_the_staff_verified_is_verified_anew() -> None:
    async with laid() as table:
        center = table.host.center
        await center.do(lambda desk: starting(table).verify(desk, table.project, planning.STAFF))
        await center.do(
            lambda desk: table.offices.host.projects.name_competent(desk, table.project, ())
        )
        with pytest.raises(Conflicting, match="has changed since"):
            await center.do(lambda desk: starting(table).start(desk, table.project))


async def test_a_project_that_is_not_there_is_not_found() -> None:
    async with laid() as table:
        for use_case in (
            lambda desk: starting(table).verify(desk, bytes(16), planning.STAFF),
            lambda desk: starting(table).start(desk, bytes(16)),
        ):
            with pytest.raises(NotFound):
                await table.host.center.do(use_case)
