"""What a regulator's node (监督部门) does, and what only a center's does.

A regulator has no venues, experts, projects, draws or evaluations. Whoever asks its node for
one is told so, and what it does instead; a route that is not named here is a center's. The
other way round, what only a regulator does is refused by ``access.of_a_regulator``.
"""

from typing import Final

from starlette.responses import JSONResponse

from node.api import faults

REGULATORS: Final = (
    "/api/accounts",
    "/api/backup",
    "/api/calendar/holidays",
    "/api/calendar/office-hours",
    "/api/descriptor",
    "/api/invitations",
    "/api/keys",
    "/api/login",
    "/api/logout",
    "/api/node",
    "/api/openapi.json",
    "/api/oversight",
    "/api/peers",
    "/api/recovery",
    "/api/todos",
    "/api/whoami",
    "/api/why",
    "/api/witness",
)
"""Beginnings of what a regulator's node answers."""


def is_a_centers(path: str) -> bool:
    """Whether a path is for centers only."""
    known = any(path == each or path.startswith(f"{each}/") for each in REGULATORS)
    return path.startswith("/api/") and not known


def not_a_center() -> JSONResponse:
    """What a regulator's node answers to all of those."""
    return faults.answer(
        403,
        "NOT_A_CENTER",
        "这是监管节点,没有场地、专家、项目、抽取和评标;它提供外部随机数、见证日志、保管托管值,"
        "并由两名监管人员办理各中心的申请:GET /api/oversight/requests",
        "this is a regulator's node: it has no venues, experts, projects, draws or evaluations. It "
        "gives random values, cosigns logs, keeps escrows, and two officers decide what centers "
        "ask: GET /api/oversight/requests",
    )
