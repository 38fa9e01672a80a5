"""Who is calling: bearer tokens, and which roles a route is for."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from node.api.caller import LOCAL, NODE, Caller
from node.api.faults import Unauthorised
from node.api.parts import Parts
from node.services.accounts import LOCAL_SUBJECT, OWN, Accounts, Role
from node.services.errors import NotAllowed

_BEARER: Final = HTTPBearer(
    auto_error=False, description="POST /api/login 或 /api/check-in 所得令牌 · the token from there"
)


class NotARegulator(NotAllowed):
    """Only a regulator's node does this."""

    code = "NOT_A_REGULATOR"


def parts_of(request: Request) -> Parts:
    """The running node."""
    return cast("Parts", request.scope[NODE])


NodeParts = Annotated[Parts, Depends(parts_of)]


async def caller(
    parts: NodeParts,
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
) -> Caller:
    """The caller, whatever the role. Without a token: on the node's own socket its operator.

    Raises:
        Unauthorised: No valid token.
    """
    if credentials is not None:
        text = credentials.credentials
        login = await parts.negotiator.transact(lambda desk: Accounts.who(desk, text))
        if login is not None:
            return Caller(Role(login.role), login.subject, text)
    elif request.scope.get(LOCAL) is True:
        return Caller(Role.OPERATOR, LOCAL_SUBJECT, "")
    raise Unauthorised("请先登录", "log in first")


def needs(*roles: Role) -> Callable[[Caller], Awaitable[Caller]]:
    """A dependency that lets only these roles in."""

    async def check(who: Annotated[Caller, Depends(caller)]) -> Caller:
        if who.role not in roles:
            allowed_zh = "、".join(role.zh for role in roles)
            allowed_en = ", ".join(role.value for role in roles)
            raise NotAllowed(
                f"此操作仅限{allowed_zh}", f"only {allowed_en} may do this, not {who.role}"
            )
        return who

    return check


async def of_a_regulator(parts: NodeParts, _: Annotated[Caller, Depends(caller)]) -> None:
    """A dependency that lets nobody in where the node is a center's. Raises NotARegulator."""
    if not parts.config.regulates:
        raise NotARegulator(
            "这是交易中心的节点,不是监管节点;中心向监管部门申请:POST /api/oversight/asked",
            "this is a center's node, not a regulator's; a center asks its regulator: "
            "POST /api/oversight/asked",
        )


async def _officer(
    _: Annotated[None, Depends(of_a_regulator)],
    who: Annotated[Caller, Depends(needs(Role.OFFICER))],
) -> Caller:
    return who


async def _seated(who: Annotated[Caller, Depends(needs(Role.EXPERT))]) -> Caller:
    if who.subject.startswith(OWN):
        raise NotAllowed("请先在签到台签到", "check in first: this is for seated members")
    return who


async def _registered(who: Annotated[Caller, Depends(needs(Role.EXPERT))]) -> Caller:
    if not who.subject.startswith(OWN):
        raise NotAllowed(
            "请用 POST /api/own/log-in 登录", "log in with POST /api/own/log-in for this"
        )
    return who


AnyCaller = Annotated[Caller, Depends(caller)]
Agency = Annotated[Caller, Depends(needs(Role.AGENCY))]
Staff = Annotated[Caller, Depends(needs(Role.STAFF))]
AgencyOrStaff = Annotated[Caller, Depends(needs(Role.AGENCY, Role.STAFF))]
ExpertMember = Annotated[Caller, Depends(_seated)]
RegisteredExpert = Annotated[Caller, Depends(_registered)]
Supervisor = Annotated[Caller, Depends(needs(Role.SUPERVISOR))]
Operator = Annotated[Caller, Depends(needs(Role.OPERATOR))]
Officer = Annotated[Caller, Depends(_officer)]
AccountHolder = Annotated[
    Caller,
    Depends(needs(Role.AGENCY, Role.STAFF, Role.SUPERVISOR, Role.OPERATOR, Role.OFFICER)),
]
Watcher = Annotated[Caller, Depends(needs(Role.STAFF, Role.SUPERVISOR))]
