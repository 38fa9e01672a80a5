"""Projects at their host: entered by the agency, accepted or rejected by staff.

    DRAFT ─submit→ SUBMITTED ─accept→ ACCEPTED
                        └─reject→ REJECTED ─submit→ SUBMITTED

Here: that order, the tenderee's representatives and the competent units. What an accepted
project asks other centers for is ``node.services.bookings``.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from node.domain.codes import resident_id
from node.domain.expert import person_name
from node.domain.project import Party, Project, ProjectState, check_deadline
from node.domain.refusal import Inadmissible
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.todos import RULE_PROJECT
from node.store import draws, projects, todos
from node.store.cipher import ColumnCipher
from node.store.projects import ProjectRow, Representative


class Projects:
    """The projects of this host.

    Args:
        cipher: Seals the representatives' columns.
    """

    def __init__(self, cipher: ColumnCipher) -> None:
        self._cipher = cipher

    def create(self, desk: Desk, project: Project, by: str) -> bytes:
        """Enter a project as a draft; answers its id, 16 bytes.

        Raises:
            Invalid: The bid deadline has passed.
            Conflicting: A project of that code was entered before.
        """
        _check_deadline(project, desk.now_ms)
        project_id = desk.new_id()
        try:
            projects.add(desk.ledger.connection, project_id, project, by, desk.now_ms)
        except sqlite3.IntegrityError as error:
            raise Conflicting(
                f"项目编号{project.code}已存在,请勿重复录入",
                f"project {project.code} was entered before",
            ) from error
        return project_id

    def add_representatives(
        self, desk: Desk, project_id: bytes, people: Sequence[tuple[str, str]]
    ) -> list[bytes]:
        """Name representatives of the tenderee; answers their codes, 32 bytes each.

        Args:
            desk: The floor.
            project_id: The project.
            people: (name, identity number) of each.

        Raises:
            NotFound: No such project.
            Invalid: A name or number is not one; or more than the plan asks for.
            Conflicting: A person is named twice, or the project was rejected.
        """
        row = self.get(desk, project_id)
        if row.state is ProjectState.REJECTED:
            raise Conflicting("项目已退回,请先重新提交", "the project was rejected; submit it anew")
        connection = desk.ledger.connection
        named = len(projects.representatives(connection, project_id)) + len(people)
        if row.plan is not None and named > row.plan.representatives:
            raise Invalid(
                f"招标人代表共{named}人,超过方案中的{row.plan.representatives}人",
                f"{named} representatives, but the plan has {row.plan.representatives}",
            )
        codes: list[bytes] = []
        for name, number in people:
            code = desk.new_secret()  # a member's code has the size of a digest
            try:
                projects.add_representative(
                    connection,
                    self._cipher,
                    Representative(code, project_id),
                    person_name(name),
                    resident_id(number),
                )
            except Inadmissible as error:
                raise Invalid(error.zh, error.en) from error
            except sqlite3.IntegrityError as error:
                raise Conflicting(
                    f"第{len(codes) + 1}名招标人代表重复登记",
                    f"representative {len(codes) + 1} is named twice",
                ) from error
            codes.append(code)
        return codes

    def name_competent(self, desk: Desk, project_id: bytes, units: Sequence[Party]) -> None:
        """Replace the competent units (主管部门、监督部门), as long as no draw was opened.

        Draws commit to the units to avoid when they are opened; what was verified before is
        verified anew.

        Raises:
            NotFound: No such project.
            Invalid: Too many units, or one twice.
            Conflicting: A draw of the project was opened.
        """
        row = self.get(desk, project_id)
        connection = desk.ledger.connection
        if draws.of_project(connection, project_id):
            raise Conflicting(
                "抽取已开始,回避单位已封存承诺,不能再改主管部门和监督部门",
                "a draw was opened and has committed to the units to avoid: they stay",
            )
        try:
            changed = replace(row.project, competent=tuple(units))
        except Inadmissible as error:
            raise Invalid(error.zh, error.en) from error
        projects.set_competent(connection, project_id, changed.competent)

    def submit(self, desk: Desk, project_id: bytes, by: str) -> None:
        """Hand a draft, or a rejected project, to the staff.

        Raises:
            NotFound: No such project, or of another agency's account.
            Conflicting: It was submitted or accepted before.
            Invalid: The bid deadline has passed.
        """
        row = self.get(desk, project_id)
        if row.created_by != by:
            raise NotFound("没有该项目", "there is no such project")
        if row.state not in {ProjectState.DRAFT, ProjectState.REJECTED}:
            raise Conflicting("项目已提交", "the project has been submitted")
        _check_deadline(row.project, desk.now_ms)
        connection = desk.ledger.connection
        projects.set_state(connection, project_id, ProjectState.SUBMITTED)
        todos.add(
            connection,
            role="staff",
            kind=RULE_PROJECT,
            subject=project_id,
            zh=f"受理远程异地评标项目 {row.project.code}",
            en=f"accept or reject project {row.project.code} for remote evaluation",
            now_ms=desk.now_ms,
        )

    def accept(self, desk: Desk, project_id: bytes, by: str) -> None:
        """Accept a submitted project.

        Raises:
            NotFound: No such project.
            Conflicting: It is not waiting for an answer.
            Invalid: The bid deadline has passed meanwhile.
        """
        row = self._submitted(desk, project_id)
        _check_deadline(row.project, desk.now_ms)
        self._rule(desk, project_id, ProjectState.ACCEPTED, by, "")

    def reject(self, desk: Desk, project_id: bytes, reason: str, by: str) -> None:
        """Give a submitted project back.

        Raises:
            NotFound: No such project.
            Conflicting: It is not waiting for an answer.
            Invalid: No reason is given.
        """
        self._submitted(desk, project_id)
        if not reason.strip():
            raise Invalid("退回项目须说明理由", "say why the project is rejected")
        self._rule(desk, project_id, ProjectState.REJECTED, by, reason.strip())

    def get(self, desk: Desk, project_id: bytes) -> ProjectRow:
        """A project by id.

        Raises:
            NotFound: There is none.
        """
        return found_project(desk, project_id)

    def all(self, desk: Desk) -> list[ProjectRow]:
        """Every project, the newest first."""
        return projects.all(desk.ledger.connection)

    def _submitted(self, desk: Desk, project_id: bytes) -> ProjectRow:
        row = self.get(desk, project_id)
        if row.state is not ProjectState.SUBMITTED:
            raise Conflicting(
                f"项目当前状态为{row.state},不在待受理状态",
                f"the project is {row.state}, not SUBMITTED",
            )
        return row

    def _rule(
        self, desk: Desk, project_id: bytes, state: ProjectState, by: str, reason: str
    ) -> None:
        connection = desk.ledger.connection
        projects.rule(connection, project_id, state, by=by, reason=reason, now_ms=desk.now_ms)
        todos.done(connection, kind=RULE_PROJECT, subject=project_id, by=by, now_ms=desk.now_ms)


def found_project(desk: Desk, project_id: bytes) -> ProjectRow:
    """A project by id.

    Raises:
        NotFound: There is none.
    """
    row = projects.get(desk.ledger.connection, project_id)
    if row is None:
        raise NotFound("没有该项目", "there is no such project")
    return row


def _check_deadline(project: Project, now_ms: int) -> None:
    try:
        check_deadline(project, now_ms)
    except Inadmissible as error:
        raise Invalid(error.zh, error.en) from error
