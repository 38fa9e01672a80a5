"""Projects: the road from draft to accepted, and the tenderee's representatives."""

from collections.abc import Callable
from functools import partial

import pytest

from adapters.experts.synthetic import uscc
from node.domain import codes
from node.domain.project import Party, ProjectState
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.projects import Projects
from node.services.todos import Todos
from node.store import projects as store
from tests.support.pair import DAY_MS, TwoCenters, two_centers
from tests.support.planning import AGENCY, STAFF, person, project, request


async def drafted(pair: TwoCenters) -> tuple[Projects, bytes]:
    projects = Projects(pair.host.cipher)
    return projects, await pair.host.do(lambda desk: projects.create(desk, project(), AGENCY))


async def test_a_project_is_read_back_as_it_was_entered() -> None:
    async with two_centers() as pair:
        projects, project_id = await drafted(pair)
        row = await pair.host.do(lambda desk: projects.get(desk, project_id))
        assert row.project == project()
        assert (row.state, row.plan, row.created_by) == (ProjectState.DRAFT, None, AGENCY)
        assert row.lot_code == project().lots[0].code
        assert await pair.host.do(projects.all) == [row]


async def test_a_project_without_an_agency_stays_without_one() -> None:
    async with two_centers() as pair:
        projects = Projects(pair.host.cipher)
        own = project(agency=None)
        project_id = await pair.host.do(lambda desk: projects.create(desk, own, AGENCY))
        row = await pair.host.do(lambda desk: projects.get(desk, project_id))
        assert row.project.parties == (own.tenderee, *own.competent)


async def test_competent_units_are_replaced_by_those_named_last() -> None:
    async with two_centers() as pair:
        projects, project_id = await drafted(pair)
        units = tuple(
            Party(f"某主管部门{n}", codes.uscc(uscc("360800", 44444440 + n))) for n in range(2)
        )
        for named in (units, units[:1], ()):
            await pair.host.do(
                lambda desk, named=named: projects.name_competent(desk, project_id, named)  # type: ignore[misc]
            )
            row = await pair.host.do(lambda desk: projects.get(desk, project_id))
            assert row.project == project(competent=named)


async def test_one_competent_unit_twice_is_refused_and_nothing_is_stored() -> None:
    async with two_centers() as pair:
        projects, project_id = await drafted(pair)
        (unit,) = project().competent
        with pytest.raises(Invalid, match="named twice"):
            await pair.host.do(lambda desk: projects.name_competent(desk, project_id, (unit, unit)))
        row = await pair.host.do(lambda desk: projects.get(desk, project_id))
        assert row.project == project()


async def test_a_plan_is_read_back_as_it_was_asked_for() -> None:
    async with two_centers() as pair:
        projects, project_id = await drafted(pair)
        asked = request(pair.sub.id)
        await pair.host.do(lambda desk: store.set_plan(desk.ledger.connection, project_id, asked))
        row = await pair.host.do(lambda desk: projects.get(desk, project_id))
        assert row.plan == asked


async def test_staff_hears_of_a_submitted_project_and_accepts_it() -> None:
    async with two_centers() as pair:
        projects, project_id = await drafted(pair)
        await pair.host.do(lambda desk: projects.submit(desk, project_id, AGENCY))
        (todo,) = await pair.host.do(lambda desk: Todos().open_for(desk, "staff"))
        assert (todo.kind, todo.subject) == ("rule_project", project_id)
        assert project().name not in todo.zh + todo.en
        await pair.host.do(lambda desk: projects.accept(desk, project_id, STAFF))
        row = await pair.host.do(lambda desk: projects.get(desk, project_id))
        assert (row.state, row.ruled_by) == (ProjectState.ACCEPTED, STAFF)
        assert await pair.host.do(lambda desk: Todos().open_for(desk, "staff")) == []


async def test_a_rejected_project_may_be_submitted_again() -> None:
    async with two_centers() as pair:
        projects, project_id = await drafted(pair)

        def run(desk: Desk) -> None:
            projects.submit(desk, project_id, AGENCY)
            projects.reject(desk, project_id, "缺少批复文件", STAFF)
            row = projects.get(desk, project_id)
            assert (row.state, row.reason) == (ProjectState.REJECTED, "缺少批复文件")
            projects.submit(desk, project_id, AGENCY)
            assert len(Todos().open_for(desk, "staff")) == 1
            projects.accept(desk, project_id, STAFF)
            assert projects.get(desk, project_id).reason == ""

        await pair.host.do(run)


Step = Callable[[Projects, Desk, bytes], object]
SUBMIT: Step = lambda projects, desk, at: projects.submit(desk, at, AGENCY)  # noqa: E731
ACCEPT: Step = lambda projects, desk, at: projects.accept(desk, at, STAFF)  # noqa: E731
REJECT: Step = lambda projects, desk, at: projects.reject(desk, at, "理由", STAFF)  # noqa: E731


def _take(step: Step, projects: Projects, project_id: bytes, desk: Desk) -> object:
    return step(projects, desk, project_id)


@pytest.mark.parametrize(
    ("before", "step"),
    [
        ([], ACCEPT),
        ([], REJECT),
        ([SUBMIT], SUBMIT),
        ([SUBMIT, ACCEPT], SUBMIT),
        ([SUBMIT, ACCEPT], REJECT),
        ([SUBMIT, REJECT], ACCEPT),
    ],
)
async def test_a_step_out_of_order_is_refused(before: list[Step], step: Step) -> None:
    async with two_centers() as pair:
        projects, project_id = await drafted(pair)
        for earlier in before:
            await pair.host.do(partial(_take, earlier, projects, project_id))
        with pytest.raises(Conflicting):
            await pair.host.do(partial(_take, step, projects, project_id))


async def test_another_agency_does_not_submit_it() -> None:
    async with two_centers() as pair:
        projects, project_id = await drafted(pair)
        with pytest.raises(NotFound):
            await pair.host.do(lambda desk: projects.submit(desk, project_id, "agency-2"))
        with pytest.raises(NotFound):
            await pair.host.do(lambda desk: projects.get(desk, bytes(16)))


async def test_a_rejection_needs_a_reason() -> None:
    async with two_centers() as pair:
        projects, project_id = await drafted(pair)
        await pair.host.do(lambda desk: projects.submit(desk, project_id, AGENCY))
        with pytest.raises(Invalid, match="why"):
            await pair.host.do(lambda desk: projects.reject(desk, project_id, " ", STAFF))


async def test_after_the_bid_deadline_it_is_too_late() -> None:
    async with two_centers() as pair:
        projects, project_id = await drafted(pair)
        await pair.host.do(lambda desk: projects.submit(desk, project_id, AGENCY))
        pair.watch.pass_ms(2 * DAY_MS)
        with pytest.raises(Invalid, match="deadline"):
            await pair.host.do(lambda desk: projects.accept(desk, project_id, STAFF))
        with pytest.raises(Invalid, match="deadline"):
            await pair.host.do(lambda desk: projects.create(desk, project(code="N"), AGENCY))


async def test_a_code_is_entered_once() -> None:
    async with two_centers() as pair:
        projects, _ = await drafted(pair)
        with pytest.raises(Conflicting, match="entered before"):
            await pair.host.do(lambda desk: projects.create(desk, project(), AGENCY))


async def test_representatives_are_found_by_number_and_sealed() -> None:
    async with two_centers() as pair:
        projects, project_id = await drafted(pair)
        people = [person(1), person(2)]
        codes = await pair.host.do(
            lambda desk: projects.add_representatives(desk, project_id, people)
        )

        def look(desk: Desk) -> None:
            connection, cipher = desk.ledger.connection, pair.host.cipher
            assert sorted(codes) == [
                one.code for one in store.representatives(connection, project_id)
            ]
            for code, (name, number) in zip(codes, people, strict=True):
                assert len(code) == 32
                found = store.representative_by_id_number(connection, cipher, project_id, number)
                assert found is not None
                assert found.code == code
                assert store.person(connection, cipher, code) == (name, number)
            assert store.person(connection, cipher, bytes(32)) is None

        await pair.host.do(look)
        rows = await pair.host.sql("SELECT sealed_name, sealed_id_number FROM representative")
        assert not any("代表".encode() in sealed for row in rows for sealed in row)


async def test_a_representative_is_one_person_with_a_real_number() -> None:
    async with two_centers() as pair:
        projects, project_id = await drafted(pair)
        with pytest.raises(Conflicting, match="representative 2 is named twice"):
            await pair.host.do(
                lambda desk: projects.add_representatives(desk, project_id, [person(1), person(1)])
            )
        with pytest.raises(Invalid, match="identity number"):
            await pair.host.do(
                lambda desk: projects.add_representatives(desk, project_id, [("张三", "1")])
            )
        assert await pair.host.sql("SELECT count(*) FROM representative") == [(0,)]


async def test_no_more_representatives_than_the_plan_has() -> None:
    async with two_centers() as pair:
        projects, project_id = await drafted(pair)
        await pair.host.do(
            lambda desk: store.set_plan(desk.ledger.connection, project_id, request(pair.sub.id))
        )
        three = [person(number) for number in (1, 2, 3)]
        with pytest.raises(Invalid, match="the plan has 2"):
            await pair.host.do(lambda desk: projects.add_representatives(desk, project_id, three))
