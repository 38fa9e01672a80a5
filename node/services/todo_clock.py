"""Reminds people of to-dos half-way to their deadlines, and tells the operator of overdue ones.

One errand looks at all to-dos whose time has come and leaves itself for the next such time, so
a node that was down catches up at once, and what is done meanwhile is not spoken of. A look
sends one text for reminders and one for what is overdue, however many there are.

Here: looking, and what is said. When a to-do is due is ``node.domain.todo_rules``.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from node.domain.todo_rules import OVERDUE, rule_of
from node.domain.workday import local_time
from node.services.accounts import Role
from node.services.errands import Handler, Result
from node.services.house import Desk
from node.services.notices import Notice
from node.store import todos
from node.store.todos import CLOCK, Todo

_OPERATOR: Final = Role.OPERATOR.value


class TodoClock:
    """Keeps an eye on the to-dos.

    Args:
        notice: Texts the phones on duty; None for nobody.
    """

    def __init__(self, notice: Notice | None = None) -> None:
        self._notice = notice

    def handlers(self) -> Mapping[str, Handler]:
        """How the errand is run."""
        return {CLOCK: self._look}

    def look(self, desk: Desk) -> None:
        """Remind of what is half-way, escalate what is overdue, and see when to look again."""
        connection, now_ms = desk.ledger.connection, desk.now_ms
        late = todos.to_escalate(connection, now_ms)
        for todo in late:
            todos.set_escalated(connection, todo.id, now_ms)
            if todo.role != _OPERATOR:
                _tell_operator(desk, todo)
        halfway = todos.to_remind(connection, now_ms)
        for todo in halfway:
            todos.set_reminded(connection, todo.id, now_ms)
        if self._notice is not None:
            if late:
                self._notice.leave(desk, f"overdue:{now_ms}".encode(), _overdue(late))
            if halfway:
                self._notice.leave(desk, f"remind:{now_ms}".encode(), _halfway(halfway))
        todos.look_next(connection, now_ms)

    async def _look(self, _key: str, _argument: dict[str, Any]) -> Result:
        return self.look


def _tell_operator(desk: Desk, todo: Todo) -> None:
    role = Role(todo.role)
    todos.add(
        desk.ledger.connection,
        role=_OPERATOR,
        kind=OVERDUE,
        subject=todos.overdue_subject(todo.kind, todo.subject),
        zh=f"{role.zh}的待办已逾期(应于{local_time(todo.due_ms)}前办理),请督办:{todo.zh}",
        en=f"overdue since {local_time(todo.due_ms)} with the {role.value}; see to it: {todo.en}",
        now_ms=desk.now_ms,
    )


def _overdue(late: Sequence[Todo]) -> str:
    if len(late) == 1:
        return f"待办已逾期:{rule_of(late[0].kind).zh},请立即登录处理"
    return f"{len(late)}项待办已逾期,请立即登录处理"


def _halfway(halfway: Sequence[Todo]) -> str:
    until = local_time(halfway[0].due_ms)
    if len(halfway) == 1:
        return f"待办提醒:{rule_of(halfway[0].kind).zh},请于{until}前办理"
    return f"{len(halfway)}项待办即将到期,最早{until},请登录办理"
