"""The e-trading system's contract, by the REST client against the stand-in server."""

import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from adapters.errors import Rejected, Unreachable
from adapters.trading.port import INFO_BYTES_MAX, SEALED_BYTES_MAX, TradingSystem
from adapters.trading.rest import RestTradingSystem
from adapters.trading.stand_in import RosterStore, create_app
from federation.trust import suite
from tests.support.outside import connect, free_address, serving

DRAW = "draw:福州/2026 001"
INFO = b"roster for the e-trading system"
MEMBERS = [
    {"entry": "00ff", "uid": "E1", "name": "王伟", "salt": "aa" * 16, "phone": "x"},
    {"entry": "01ff", "uid": "E2", "name": "李娜", "salt": "bb" * 16},
]


def roster(draw: str = DRAW, **changes: Any) -> bytes:
    return json.dumps({"draw": draw, "owner": "吉安", "members": MEMBERS, **changes}).encode()


@pytest.fixture
def base_url(tmp_path: Path) -> Iterator[str]:
    with serving(create_app(tmp_path)) as url:
        yield url


@pytest.fixture
def public_key(tmp_path: Path) -> bytes:
    return RosterStore(tmp_path).public_key()


@pytest.fixture
async def trading(base_url: str, public_key: bytes) -> AsyncIterator[TradingSystem]:
    system = RestTradingSystem(http=connect(base_url), pinned_key=public_key, stand_in=True)
    yield system
    await system.aclose()


async def test_a_roster_sealed_to_its_key_is_opened_there(
    trading: TradingSystem, base_url: str
) -> None:
    sealed = suite.seal(await trading.sealing_key(), INFO, roster())

    receipt = await trading.deliver_roster(DRAW, 0, INFO, sealed)

    assert receipt.opened
    assert receipt.members == 2
    assert "stand-in" in receipt.by
    async with httpx.AsyncClient(base_url=base_url, trust_env=False) as audience:
        (held,) = (await audience.get("/rosters")).json()
        opened = (await audience.get(f"/rosters/{DRAW}")).json()
    assert held["receipt_id"] == receipt.receipt_id
    assert held["members"] == 2
    assert opened["members"] == MEMBERS


async def test_a_second_delivery_gets_the_same_receipt(trading: TradingSystem) -> None:
    sealed = suite.seal(await trading.sealing_key(), INFO, roster())

    first = await trading.deliver_roster(DRAW, 0, INFO, sealed)

    assert await trading.deliver_roster(DRAW, 0, INFO, sealed) == first


async def test_other_bytes_for_the_same_revision_are_rejected_and_the_next_revision_is_not(
    trading: TradingSystem,
) -> None:
    key = await trading.sealing_key()
    first = await trading.deliver_roster(DRAW, 0, INFO, suite.seal(key, INFO, roster()))
    other = suite.seal(key, INFO, roster(members=MEMBERS[:1]))

    with pytest.raises(Rejected, match=r"409 \(other_roster\)"):
        await trading.deliver_roster(DRAW, 0, INFO, other)

    second = await trading.deliver_roster(DRAW, 1, INFO, other)
    assert second.members == 1
    assert second.receipt_id != first.receipt_id


async def test_what_does_not_open_is_rejected(trading: TradingSystem) -> None:
    key = await trading.sealing_key()
    stranger = X25519PrivateKey.generate().public_key().public_bytes_raw()
    sealed = suite.seal(key, INFO, roster())

    for info, bad in (
        (INFO, suite.seal(stranger, INFO, roster())),
        (b"another purpose", sealed),
        (INFO, sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (INFO, sealed[:10]),
    ):
        with pytest.raises(Rejected, match=r"422 \(does_not_open\)"):
            await trading.deliver_roster(DRAW, 0, info, bad)


@pytest.mark.parametrize(
    ("plaintext", "code"),
    [
        (roster(draw="another draw"), "other_draw"),
        (b"not json", "not_a_roster"),
        (b"[]", "not_a_roster"),
        (roster(owner=None), "not_a_roster"),
        (roster(members=None), "not_a_roster"),
        (roster(members=["E1"]), "not_a_roster"),
        (roster(members=[{**MEMBERS[0], "salt": "xyz"}]), "not_a_roster"),
        (roster(members=[{"uid": "E1"}]), "not_a_roster"),
    ],
)
async def test_what_opens_but_is_no_roster_of_this_draw_is_rejected(
    trading: TradingSystem, plaintext: bytes, code: str
) -> None:
    sealed = suite.seal(await trading.sealing_key(), INFO, plaintext)

    with pytest.raises(Rejected, match=rf"422 \({code}\)"):
        await trading.deliver_roster(DRAW, 0, INFO, sealed)


async def test_the_self_test_passes_when_the_key_is_the_pinned_one(trading: TradingSystem) -> None:
    await trading.self_test()

    assert trading.stand_in


async def test_a_changed_key_is_rejected(base_url: str) -> None:
    pinned = X25519PrivateKey.generate().public_key().public_bytes_raw()
    system = RestTradingSystem(http=connect(base_url), pinned_key=pinned, stand_in=True)

    with pytest.raises(Rejected, match="not the pinned"):
        await system.sealing_key()
    with pytest.raises(Rejected, match="not the pinned"):
        await system.self_test()
    await system.aclose()


async def test_a_stand_in_is_refused_where_the_real_system_is_expected(
    base_url: str, public_key: bytes
) -> None:
    system = RestTradingSystem(http=connect(base_url), pinned_key=public_key)

    assert not system.stand_in
    with pytest.raises(Rejected, match="stand-in"):
        await system.self_test()
    await system.aclose()


async def test_a_system_that_is_down_is_unreachable(public_key: bytes) -> None:
    system = RestTradingSystem(http=connect(free_address()), pinned_key=public_key)

    with pytest.raises(Unreachable):
        await system.sealing_key()
    with pytest.raises(Unreachable):
        await system.deliver_roster(DRAW, 0, INFO, b"sealed")
    await system.aclose()


async def test_sizes_out_of_bounds_are_our_own_mistake(trading: TradingSystem) -> None:
    for revision, info, sealed in (
        (-1, INFO, b"x"),
        (0, bytes(INFO_BYTES_MAX + 1), b"x"),
        (0, INFO, b""),
        (0, INFO, bytes(SEALED_BYTES_MAX + 1)),
    ):
        with pytest.raises(ValueError, match=r"revision|bytes"):
            await trading.deliver_roster(DRAW, revision, info, sealed)


async def test_a_pin_of_another_length_is_refused_at_once() -> None:
    http = connect(free_address())

    with pytest.raises(ValueError, match="32 bytes"):
        RestTradingSystem(http=http, pinned_key=hashlib.sha512(b"").digest())
    await http.aclose()


def test_the_key_of_the_stand_in_is_its_own_and_readable_by_its_owner_alone(
    tmp_path: Path, public_key: bytes
) -> None:
    key_file = tmp_path / "sealing-key"

    assert key_file.stat().st_mode & 0o777 == 0o600
    assert RosterStore(tmp_path).public_key() == public_key
