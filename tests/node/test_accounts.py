"""Accounts, tokens, second factors and throttling, on a real store."""

import asyncio
import random

import pyotp
import pytest
from argon2 import PasswordHasher

from node.services import accounts as services
from node.services.accounts import (
    ACCOUNT_TOKEN_MS,
    FREE_TRIES,
    TRIES_WINDOW_MS,
    Accounts,
    Role,
    Throttled,
    TotpRequired,
    WrongCredentials,
    WrongTotp,
)
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.totp import STEP_MS, code_at, new_secret, step_of
from node.store.cipher import KEY_BYTES, NONCE_BYTES, ColumnCipher
from tests.support.pair import Center, two_centers

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"


SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def accounts_of(center: Center) -> Accounts:
    cipher = ColumnCipher(bytes(KEY_BYTES), lambda: center.random.bytes(NONCE_BYTES))
    return Accounts(random=center.random.bytes, cipher=cipher, center="吉安中心", hasher=CHEAP)


async def make(center: Center, totp_secret: str | None = None) -> Accounts:
    accounts = accounts_of(center)
    await accounts.create(
        center.negotiator.transact, "zhang", Role.STAFF, "张工", PASSWORD, totp_secret
    )
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


async def test_tries_at_cards_and_codes_make_no_account_s_tries_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services, "MAX_WATCHED", 10)
    async with two_centers() as pair:
        accounts = await make(pair.host)
        for at in range(FREE_TRIES):
            with pytest.raises(WrongCredentials):
                await accounts.log_in(pair.host.negotiator, "zhang", f"wrong {at}")
        for at in range(100):
            accounts.count_try(f"code:{at}", pair.watch.now_ms)
            accounts.count_try(f"card:{at}", pair.watch.now_ms)
        with pytest.raises(Throttled):
            await accounts.log_in(pair.host.negotiator, "zhang", PASSWORD)
        for _ in range(FREE_TRIES):
            accounts.count_try("code:one", pair.watch.now_ms)
        with pytest.raises(Throttled):
            accounts.count_try("code:one", pair.watch.now_ms)


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
        accounts = accounts_of(pair.host)
        with pytest.raises(Invalid):
            await accounts.create(pair.host.negotiator.transact, name, role, "x", password)


def shown(center: Center, steps: int = 0) -> str:
    """What the phone shows now, or some steps later."""
    return code_at(SECRET, center.negotiator.clock.now_ms() + steps * STEP_MS)


def test_codes_are_those_of_the_standard() -> None:
    # RFC 6238, appendix B: the last six digits of its eight, for SHA-1.
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        assert code_at(secret, seconds * 1_000) == code
        assert step_of(secret, code, seconds * 1_000) == seconds // 30


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "٠١٢٣٤٥"])
def test_what_is_no_code_fits_no_step(code: str) -> None:
    assert step_of(SECRET, code, 0) is None


def test_a_secret_is_one_that_an_authenticator_takes() -> None:
    secret = new_secret(random.Random(1).randbytes)
    assert len(secret) == 32
    assert pyotp.TOTP(secret).at(59) == code_at(secret, 59_000)


async def test_an_account_with_codes_is_not_opened_by_its_password_alone() -> None:
    async with two_centers() as pair:
        accounts = await make(pair.host, SECRET)
        with pytest.raises(TotpRequired):
            await accounts.log_in(pair.host.negotiator, "zhang", PASSWORD)
        with pytest.raises(WrongCredentials):
            await accounts.log_in(pair.host.negotiator, "zhang", "wrong", shown(pair.host))
        token = await accounts.log_in(pair.host.negotiator, "zhang", PASSWORD, shown(pair.host))
        assert token.subject == "zhang"


async def test_a_code_is_never_accepted_twice() -> None:
    async with two_centers() as pair:
        accounts = await make(pair.host, SECRET)
        code = shown(pair.host)
        await accounts.log_in(pair.host.negotiator, "zhang", PASSWORD, code)
        with pytest.raises(WrongTotp):
            await accounts.log_in(pair.host.negotiator, "zhang", PASSWORD, code)
        pair.watch.pass_ms(STEP_MS)
        with pytest.raises(WrongTotp):
            await accounts.log_in(pair.host.negotiator, "zhang", PASSWORD, code)
        await accounts.log_in(pair.host.negotiator, "zhang", PASSWORD, shown(pair.host))


async def test_of_two_log_ins_at_once_one_gets_the_code() -> None:
    async with two_centers() as pair:
        accounts = await make(pair.host, SECRET)
        code = shown(pair.host)
        both = await asyncio.gather(
            *(accounts.log_in(pair.host.negotiator, "zhang", PASSWORD, code) for _ in range(2)),
            return_exceptions=True,
        )
        assert sum(isinstance(each, WrongTotp) for each in both) == 1


@pytest.mark.parametrize(("steps", "taken"), [(-2, False), (-1, True), (1, True), (2, False)])
async def test_a_phone_may_be_one_step_early_or_late(steps: int, taken: bool) -> None:
    async with two_centers() as pair:
        accounts = await make(pair.host, SECRET)
        code = shown(pair.host, steps)
        if taken:
            await accounts.log_in(pair.host.negotiator, "zhang", PASSWORD, code)
        else:
            with pytest.raises(WrongTotp):
                await accounts.log_in(pair.host.negotiator, "zhang", PASSWORD, code)


async def test_guessing_codes_is_throttled() -> None:
    async with two_centers() as pair:
        accounts = await make(pair.host, SECRET)
        wrong = "000000" if shown(pair.host) != "000000" else "000001"
        for _ in range(FREE_TRIES):
            with pytest.raises(WrongTotp):
                await accounts.log_in(pair.host.negotiator, "zhang", PASSWORD, wrong)
        with pytest.raises(Throttled):
            await accounts.log_in(pair.host.negotiator, "zhang", PASSWORD, shown(pair.host))


async def test_an_offered_second_factor_counts_after_it_was_confirmed() -> None:
    async with two_centers() as pair:
        accounts = await make(pair.host)
        node = pair.host.negotiator
        with pytest.raises(Conflicting):
            await accounts.confirm_totp(node, "zhang", "123456")
        offer = await accounts.offer_totp(node, "zhang")
        assert offer.secret in offer.address
        await accounts.log_in(node, "zhang", PASSWORD)
        code = code_at(offer.secret, node.clock.now_ms())
        await accounts.confirm_totp(node, "zhang", code)
        with pytest.raises(TotpRequired):
            await accounts.log_in(node, "zhang", PASSWORD)
        with pytest.raises(WrongTotp):
            await accounts.log_in(node, "zhang", PASSWORD, code)
        pair.watch.pass_ms(STEP_MS)
        code = code_at(offer.secret, node.clock.now_ms())
        await accounts.log_in(node, "zhang", PASSWORD, code)


async def test_a_second_factor_is_replaced_only_by_who_has_it() -> None:
    async with two_centers() as pair:
        accounts = await make(pair.host, SECRET)
        node = pair.host.negotiator
        with pytest.raises(TotpRequired):
            await accounts.offer_totp(node, "zhang")
        offer = await accounts.offer_totp(node, "zhang", shown(pair.host))
        pair.watch.pass_ms(STEP_MS)
        await accounts.confirm_totp(node, "zhang", code_at(offer.secret, node.clock.now_ms()))
        pair.watch.pass_ms(STEP_MS)
        with pytest.raises(WrongTotp):
            await accounts.log_in(node, "zhang", PASSWORD, shown(pair.host))


async def test_who_has_no_account_has_no_second_factor() -> None:
    async with two_centers() as pair:
        with pytest.raises(NotFound):
            await accounts_of(pair.host).offer_totp(pair.host.negotiator, "local")


async def test_no_secret_of_codes_is_readable_in_the_database() -> None:
    async with two_centers() as pair:
        accounts = await make(pair.host, SECRET)
        offer = await accounts.offer_totp(pair.host.negotiator, "zhang", shown(pair.host))
        (row,) = await pair.host.sql("SELECT totp_sealed, totp_offered FROM account")
        for sealed in row:
            assert SECRET.encode() not in sealed
            assert offer.secret.encode() not in sealed
