"""Accounts, tokens and throttling, on a real store."""

import pytest
from argon2 import PasswordHasher

from node.services.accounts import (
    ACCOUNT_TOKEN_MS,
    FREE_TRIES,
    TRIES_WINDOW_MS,
    Accounts,
    Role,
    Throttled,
    WrongCredentials,
)
from node.services.errors import Conflicting, Invalid
from tests.support.pair import Center, two_centers

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"


async def make(center: Center) -> Accounts:
    accounts = Accounts(random=center.random.bytes, hasher=CHEAP)
    await accounts.create(center.negotiator.transact, "zhang", Role.STAFF, "张工", PASSWORD)
    return accounts


async def test_a_token_speaks_for_its_account_until_it_expires() -> None:
    async with two_centers() as pair:
        accounts = await make(pair.host)
        token = await accounts.log_in(pair.host.negotiator, "zhang", PASSWORD)
        who = await pair.host.do(lambda desk: Accounts.who(desk, token.text))
        assert who is not None
        assert (who.role, who.subject) == ("staff", "zhang")
        pair.watch.pass_ms(ACCOUNT_TOKEN_MS)
        assert await pair.host.do(lambda desk: Accounts.who(desk, token.text)) is None


async def test_a_token_is_void_after_logging_out() -> None:
    async with two_centers() as pair:
        accounts = await make(pair.host)
        token = await accounts.log_in(pair.host.negotiator, "zhang", PASSWORD)
        await pair.host.do(lambda desk: Accounts.log_out(desk, token.text))
        assert await pair.host.do(lambda desk: Accounts.who(desk, token.text)) is None


async def test_neither_password_nor_token_is_in_the_database() -> None:
    async with two_centers() as pair:
        accounts = await make(pair.host)
        token = await accounts.log_in(pair.host.negotiator, "zhang", PASSWORD)
        rows = await pair.host.sql("SELECT * FROM account") + await pair.host.sql(
            "SELECT hex(token_hash), subject FROM login"
        )
        assert PASSWORD not in str(rows)
        assert token.text.upper() not in str(rows)


@pytest.mark.parametrize(("name", "password"), [("zhang", "wrong"), ("nobody", PASSWORD)])
async def test_a_wrong_name_and_a_wrong_password_sound_alike(name: str, password: str) -> None:
    async with two_centers() as pair:
        accounts = await make(pair.host)
        with pytest.raises(WrongCredentials, match="name or password is wrong"):
            await accounts.log_in(pair.host.negotiator, name, password)


async def test_guessing_is_throttled_per_name_and_for_a_while_only() -> None:
    async with two_centers() as pair:
        accounts = await make(pair.host)
        for _ in range(FREE_TRIES):
            with pytest.raises(WrongCredentials):
                await accounts.log_in(pair.host.negotiator, "zhang", "wrong")
        with pytest.raises(Throttled):
            await accounts.log_in(pair.host.negotiator, "zhang", PASSWORD)
        with pytest.raises(WrongCredentials):
            await accounts.log_in(pair.host.negotiator, "li", "wrong")
        pair.watch.pass_ms(TRIES_WINDOW_MS)
        await accounts.log_in(pair.host.negotiator, "zhang", PASSWORD)


async def test_a_name_is_taken_once() -> None:
    async with two_centers() as pair:
        accounts = await make(pair.host)
        with pytest.raises(Conflicting, match="zhang"):
            await accounts.create(
                pair.host.negotiator.transact, "zhang", Role.AGENCY, "x", PASSWORD
            )


@pytest.mark.parametrize(
    ("name", "role", "password"),
    [
        ("", Role.STAFF, PASSWORD),
        (" li", Role.STAFF, PASSWORD),
        ("li", Role.STAFF, "short"),
        ("li", Role.STAFF, "x" * 257),
        ("li", Role.EXPERT, PASSWORD),
    ],
)
async def test_bad_accounts_are_refused(name: str, role: Role, password: str) -> None:
    async with two_centers() as pair:
        accounts = Accounts(random=pair.host.random.bytes, hasher=CHEAP)
        with pytest.raises(Invalid):
            await accounts.create(pair.host.negotiator.transact, name, role, "x", password)
