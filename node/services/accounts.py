"""Who may log in at this node, and what a log-in gives.

Passwords are kept as argon2id (RFC 9106, low-memory profile of the library). A log-in takes
the same work whether the name exists or not. Tries are throttled per name, in memory: an
attacker who can restart the node has no need to guess.

Hashing takes tens of milliseconds, so it is done off the event loop and never inside a
transaction: ``Accounts`` is asynchronous where the other services are functions on a desk.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from federation.engine.negotiator import Negotiator
from node.services.errors import Conflicting, Invalid, NotAllowed
from node.services.house import Desk
from node.store import accounts
from node.store.accounts import Account, Login
from node.store.ledger import SqlLedger

TOKEN_BYTES: Final = 32  # nobody guesses 256 bits, so a plain hash of it is enough at rest
ACCOUNT_TOKEN_MS: Final = 12 * 3_600_000  # a working day
MEMBER_TOKEN_MS: Final = 12 * 3_600_000  # one session; a long one checks in again
MIN_PASSWORD_CHARS: Final = 10
MAX_PASSWORD_CHARS: Final = 256  # argon2's work grows with it
MAX_NAME_CHARS: Final = 64
FREE_TRIES: Final = 5  # a person mistypes; a program does not stop at five
TRIES_WINDOW_MS: Final = 5 * 60_000
MAX_WATCHED: Final = 10_000  # names under throttling; the oldest is forgotten first
MAX_HASHING: Final = 2  # each takes 64 MiB; more at once would fill a small machine

_ROLE_ZH: Final = {
    "agency": "代理机构",
    "staff": "中心工作人员",
    "expert": "评标专家",
    "supervisor": "监督人员",
    "operator": "运维人员",
}


class Role(StrEnum):
    """What somebody may do here."""

    AGENCY = "agency"
    STAFF = "staff"
    EXPERT = "expert"
    SUPERVISOR = "supervisor"
    OPERATOR = "operator"

    @property
    def zh(self) -> str:
        """The word people use."""
        return _ROLE_ZH[self.value]


@dataclass(frozen=True, slots=True)
class Token:
    """What a log-in gives; ``text`` is shown once and kept nowhere."""

    text: str
    role: Role
    subject: str
    expires_at_ms: int


class Throttled(NotAllowed):
    """Too many tries under one name."""

    code = "TOO_MANY_TRIES"


class WrongCredentials(NotAllowed):
    """Name and password do not fit; which of them is not said."""

    code = "WRONG_CREDENTIALS"


Transact = Callable[[Callable[[Desk], bool]], Awaitable[bool]]


class Accounts:
    """Makes accounts and logs people in.

    Args:
        random: Gives that many bytes fit for keys.
        hasher: argon2id; tests take a cheaper one.
    """

    def __init__(
        self, *, random: Callable[[int], bytes], hasher: PasswordHasher | None = None
    ) -> None:
        self._random = random
        self._hasher = hasher or PasswordHasher()
        self._tries: OrderedDict[str, list[int]] = OrderedDict()
        self._room = asyncio.Semaphore(MAX_HASHING)
        # Verified against when there is no such name, so that both answers take as long.
        self._nobody = self._hasher.hash(random(TOKEN_BYTES))

    async def create(
        self,
        transact: Transact,
        name: str,
        role: Role,
        display_name: str,
        password: str,
    ) -> None:
        """Make an account.

        Raises:
            Invalid: The name, or a password that is too short or long.
            Conflicting: The name is taken.
        """
        if not 1 <= len(name) <= MAX_NAME_CHARS or not name.isprintable() or name != name.strip():
            raise Invalid(
                f"账号名应为1至{MAX_NAME_CHARS}个可见字符,首尾无空格",
                f"an account's name has 1 to {MAX_NAME_CHARS} visible characters, no blanks around",
            )
        if role is Role.EXPERT:
            raise Invalid(
                "专家凭身份证和人脸签到,不设账号", "experts check in with ID and face; no account"
            )
        if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
            raise Invalid(
                f"密码应为{MIN_PASSWORD_CHARS}至{MAX_PASSWORD_CHARS}个字符",
                f"a password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters",
            )
        async with self._room:
            hashed = await asyncio.to_thread(self._hasher.hash, password)
        account = Account(name, role.value, display_name, hashed)

        def store(desk: Desk) -> bool:
            return accounts.add(desk.ledger.connection, account, desk.now_ms)

        if not await transact(store):
            raise Conflicting(
                f"账号“{name}”已存在,请换一个名字", f"there is an account {name!r} already"
            )

    async def log_in(self, negotiator: Negotiator[SqlLedger], name: str, password: str) -> Token:
        """Check a password and give a token.

        Raises:
            WrongCredentials: They do not fit.
            Throttled: Too many tries; wait a few minutes.
        """
        self._count(name, negotiator.clock.now_ms())
        account = await negotiator.transact(lambda desk: accounts.get(desk.ledger.connection, name))
        hashed = self._nobody if account is None else account.password_hash
        async with self._room:
            fits = await asyncio.to_thread(self._fits, hashed, password[:MAX_PASSWORD_CHARS])
        if account is None or not fits:
            raise WrongCredentials("账号或密码不正确", "name or password is wrong")
        self._tries.pop(name, None)
        role = Role(account.role)
        return await negotiator.transact(
            lambda desk: self.admit(desk, role, account.name, ACCOUNT_TOKEN_MS)
        )

    def admit(self, desk: Desk, role: Role, subject: str, lasts_ms: int) -> Token:
        """Give a token to somebody whose identity was checked."""
        text = self._random(TOKEN_BYTES).hex()
        expires = desk.now_ms + lasts_ms
        accounts.put_login(
            desk.ledger.connection,
            _hash(text),
            Login(role.value, subject, expires),
            desk.now_ms,
        )
        return Token(text, role, subject, expires)

    def count_try(self, name: str, now_ms: int) -> None:
        """Count a try of another kind, e.g. at the check-in desk. Raises Throttled."""
        self._count(name, now_ms)

    @staticmethod
    def who(desk: Desk, text: str) -> Login | None:
        """Who a token speaks for, or None."""
        return accounts.login_of(desk.ledger.connection, _hash(text), desk.now_ms)

    @staticmethod
    def log_out(desk: Desk, text: str) -> None:
        """Forget a token."""
        accounts.drop_login(desk.ledger.connection, _hash(text))

    def _fits(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    def _count(self, name: str, now_ms: int) -> None:
        tries = [at for at in self._tries.pop(name, []) if at > now_ms - TRIES_WINDOW_MS]
        self._tries[name] = tries
        if len(tries) >= FREE_TRIES:
            wait_s = (tries[0] + TRIES_WINDOW_MS - now_ms) // 1000 + 1
            raise Throttled(
                f"尝试次数过多,请{wait_s}秒后再试", f"too many tries; try again in {wait_s} s"
            )
        tries.append(now_ms)
        while len(self._tries) > MAX_WATCHED:
            self._tries.popitem(last=False)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
