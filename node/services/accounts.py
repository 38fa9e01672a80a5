"""Who may log in at this node, and what a log-in gives.

Passwords are kept as argon2id (RFC 9106, low-memory profile of the library). A log-in takes
the same work whether the name exists or not. Tries are throttled per name, in memory: an
attacker who can restart the node has no need to guess.

An account may have a second factor: one-time codes of an authenticator (``node.services.totp``).
Its secret is sealed in the database, and a code's time step is used up in the transaction that
gives the token, so that no code is ever accepted twice, not even by two log-ins at once.

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
from node.services import totp
from node.services.errors import Conflicting, Invalid, NotAllowed, NotFound
from node.services.house import Desk
from node.store import accounts
from node.store.accounts import Account, Login
from node.store.cipher import ColumnCipher
from node.store.ledger import SqlLedger

FIRST_OPERATOR: Final = "operator"
"""The name of the account that ``lianping init`` makes."""
TOKEN_BYTES: Final = 32  # nobody guesses 256 bits, so a plain hash of it is enough at rest
ACCOUNT_TOKEN_MS: Final = 12 * 3_600_000  # a working day
MEMBER_TOKEN_MS: Final = 12 * 3_600_000  # one session; a long one checks in again
MIN_PASSWORD_CHARS: Final = 10
MAX_PASSWORD_CHARS: Final = 256  # argon2's work grows with it
MAX_NAME_CHARS: Final = 64
LOCAL_SUBJECT: Final = "local"  # whoever opens the node's own socket; no account's name
FREE_TRIES: Final = 5  # a person mistypes; a program does not stop at five
TRIES_WINDOW_MS: Final = 5 * 60_000
MAX_WATCHED: Final = 10_000  # names under throttling; the oldest is forgotten first
TOTP_COLUMN: Final = "account.totp"
MAX_HASHING: Final = 2  # each takes 64 MiB; more at once would fill a small machine

_ROLE_ZH: Final = {
    "agency": "代理机构",
    "staff": "中心工作人员",
    "expert": "评标专家",
    "supervisor": "监督人员",
    "operator": "运维人员",
    "officer": "监管人员",
}


OWN: Final = "own:"
"""How the subject of an expert begins who logged in about the register, not to a seat."""


class Role(StrEnum):
    """What somebody may do here."""

    AGENCY = "agency"
    STAFF = "staff"
    EXPERT = "expert"
    SUPERVISOR = "supervisor"
    OPERATOR = "operator"
    OFFICER = "officer"

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


class TotpRequired(NotAllowed):
    """The password fits, and the account has a second factor that was not shown."""

    code = "TOTP_REQUIRED"


class WrongTotp(NotAllowed):
    """The one-time code is wrong, of another time, or was used before."""

    code = "WRONG_TOTP"


@dataclass(frozen=True, slots=True)
class Offer:
    """The secret of one-time codes, shown once; ``address`` is the same for a QR code."""

    secret: str
    address: str


Transact = Callable[[Callable[[Desk], bool]], Awaitable[bool]]


class Accounts:
    """Makes accounts and logs people in.

    Args:
        random: Gives that many bytes fit for keys.
        cipher: Seals the secrets of one-time codes.
        center: Our name, as authenticators show it beside a code.
        hasher: argon2id; tests take a cheaper one.
    """

    def __init__(
        self,
        *,
        random: Callable[[int], bytes],
        cipher: ColumnCipher,
        center: str,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._random = random
        self._cipher = cipher
        self._center = center
        self._hasher = hasher or PasswordHasher()
        self._tries: OrderedDict[str, list[int]] = OrderedDict()
        # Apart: whoever tries cards or codes by the thousand makes no account's tries forgotten.
        self._others: dict[str, OrderedDict[str, list[int]]] = {}
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
        totp_secret: str | None = None,
    ) -> None:
        """Make an account, with a second factor if its secret is given.

        Raises:
            Invalid: The name, or a password that is too short or long.
            Conflicting: The name is taken.
        """
        account = await self.new(name, role, display_name, password, totp_secret)

        def store(desk: Desk) -> bool:
            return accounts.add(desk.ledger.connection, account, desk.now_ms)

        if not await transact(store):
            raise Conflicting(
                f"账号“{name}”已存在,请换一个名字", f"there is an account {name!r} already"
            )

    async def new(
        self,
        name: str,
        role: Role,
        display_name: str,
        password: str,
        totp_secret: str | None = None,
    ) -> Account:
        """An account as it is to be stored. Raises Invalid."""
        if not 1 <= len(name) <= MAX_NAME_CHARS or not name.isprintable() or name != name.strip():
            raise Invalid(
                f"账号名应为1至{MAX_NAME_CHARS}个可见字符,首尾无空格",
                f"an account's name has 1 to {MAX_NAME_CHARS} visible characters, no blanks around",
            )
        if name == LOCAL_SUBJECT:
            raise Invalid(
                f"账号名“{name}”保留给本机操作,请换一个名字",
                f"the name {name!r} is kept for whoever works on the node's own machine",
            )
        if role is Role.EXPERT:
            raise Invalid(
                "专家凭身份证和人脸签到,不设账号", "experts check in with ID and face; no account"
            )
        check_password(password)
        async with self._room:
            hashed = await asyncio.to_thread(self._hasher.hash, password)
        sealed = None if totp_secret is None else self._seal(name, totp_secret)
        return Account(name, role.value, display_name, hashed, sealed)

    async def log_in(
        self, negotiator: Negotiator[SqlLedger], name: str, password: str, code: str = ""
    ) -> Token:
        """Check a password, and the one-time code if the account has them; give a token.

        Raises:
            WrongCredentials: Name and password do not fit.
            TotpRequired: They do, and a one-time code is needed.
            WrongTotp: The code is wrong or was used before.
            Throttled: Too many tries; wait a few minutes.
        """
        self._count(name, negotiator.clock.now_ms())
        account = await negotiator.transact(lambda desk: accounts.get(desk.ledger.connection, name))
        hashed = self._nobody if account is None else account.password_hash
        async with self._room:
            fits = await asyncio.to_thread(self._fits, hashed, password[:MAX_PASSWORD_CHARS])
        if account is None or not fits:
            raise WrongCredentials("账号或密码不正确", "name or password is wrong")

        def enter(desk: Desk) -> Token:
            self._check_code(desk, account, code)
            return self.admit(desk, Role(account.role), account.name, ACCOUNT_TOKEN_MS)

        token = await negotiator.transact(enter)
        self._tries.pop(name, None)
        return token

    async def offer_totp(
        self, negotiator: Negotiator[SqlLedger], name: str, code: str = ""
    ) -> Offer:
        """Show an account the secret of a second factor; it counts once a code confirmed it.

        Raises:
            NotFound: There is no such account.
            TotpRequired, WrongTotp: It has a second factor, and only that may replace it.
            Throttled: Too many tries; wait a few minutes.
        """
        self._count(f"totp:{name}", negotiator.clock.now_ms())
        secret = totp.new_secret(self._random)

        def offer(desk: Desk) -> None:
            self._check_code(desk, _existing(desk, name), code)
            accounts.offer_totp(desk.ledger.connection, name, self._seal(name, secret))

        await negotiator.transact(offer)
        return Offer(secret, totp.address(secret, name, self._center))

    async def confirm_totp(self, negotiator: Negotiator[SqlLedger], name: str, code: str) -> None:
        """Put an offered second factor into force: the person's authenticator knows it.

        Raises:
            NotFound: There is no such account.
            Conflicting: Nothing was offered.
            WrongTotp: The code is wrong or was used before.
            Throttled: Too many tries; wait a few minutes.
        """
        self._count(f"totp:{name}", negotiator.clock.now_ms())

        def confirm(desk: Desk) -> None:
            account = _existing(desk, name)
            if account.totp_offered is None:
                raise Conflicting(
                    "没有待确认的动态口令,请先申请绑定", "no one-time codes wait to be confirmed"
                )
            self._use(desk, name, account.totp_offered, code)
            accounts.confirm_totp(desk.ledger.connection, name)

        await negotiator.transact(confirm)
        self._tries.pop(f"totp:{name}", None)

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
        """Count a try of another kind, e.g. at a desk: ``kind:what``. Raises Throttled."""
        kind, _, _ = name.partition(":")
        self._count(name, now_ms, self._others.setdefault(kind, OrderedDict()))

    @staticmethod
    def who(desk: Desk, text: str) -> Login | None:
        """Who a token speaks for, or None."""
        return accounts.login_of(desk.ledger.connection, _hash(text), desk.now_ms)

    @staticmethod
    def log_out(desk: Desk, text: str) -> None:
        """Forget a token."""
        accounts.drop_login(desk.ledger.connection, _hash(text))

    def _check_code(self, desk: Desk, account: Account, code: str) -> None:
        if account.totp_sealed is None:
            return
        if not code.strip():
            raise TotpRequired(
                "请输入动态口令(totp)", "this account needs a one-time code: send it as totp"
            )
        self._use(desk, account.name, account.totp_sealed, code)

    def _use(self, desk: Desk, name: str, sealed: bytes, code: str) -> None:
        secret = self._cipher.open(TOTP_COLUMN, name, sealed)
        step = totp.step_of(secret, code, desk.now_ms)
        if step is None or not accounts.use_totp_step(desk.ledger.connection, name, step):
            raise WrongTotp(
                "动态口令不正确或已用过,请等下一个口令;若一再失败,请校准手机时间",
                "the one-time code is wrong or was used before: wait for the next one; if it "
                "fails again, set the phone's clock",
            )

    def _seal(self, name: str, secret: str) -> bytes:
        return self._cipher.seal(TOTP_COLUMN, name, secret)

    def _fits(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    def _count(
        self, name: str, now_ms: int, watched: OrderedDict[str, list[int]] | None = None
    ) -> None:
        watched = self._tries if watched is None else watched
        tries = [at for at in watched.pop(name, []) if at > now_ms - TRIES_WINDOW_MS]
        watched[name] = tries
        if len(tries) >= FREE_TRIES:
            wait_s = (tries[0] + TRIES_WINDOW_MS - now_ms) // 1000 + 1
            raise Throttled(
                f"尝试次数过多,请{wait_s}秒后再试", f"too many tries; try again in {wait_s} s"
            )
        tries.append(now_ms)
        while len(watched) > MAX_WATCHED:
            watched.popitem(last=False)


def check_password(password: str) -> None:
    """Hold a new password against our limits. Raises Invalid."""
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise Invalid(
            f"密码应为{MIN_PASSWORD_CHARS}至{MAX_PASSWORD_CHARS}个字符",
            f"a password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters",
        )


def _existing(desk: Desk, name: str) -> Account:
    account = accounts.get(desk.ledger.connection, name)
    if account is None:
        raise NotFound(f"没有账号“{name}”", f"there is no account {name!r}")
    return account


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
