"""The e-trading system's contract, by the REST client against the stand-in server."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.errors import Rejected, Unreachable
from adapters.trading.port import INFO_BYTES_MAX, SEALED_BYTES_MAX, RosterReceipt, TradingSystem
from adapters.trading.rest import RestTradingSystem
from adapters.trading.stand_in import RosterStore, create_app
from federation.trust.suite import SUITES, Suite
from node.outside import stand_in_schemes
from tests.support.outside import connect, free_address, serving

DRAW = "draw:福州/2026 001"
INFO = b"roster for the e-trading system"
MEMBERS = [
    {"entry": "00ff", "uid": "E1", "name": "王伟", "salt": "aa" * 16, "phone": "x"},
    {"entry": "01ff", "uid": "E2", "name": "李娜", "salt": "bb" * 16},
]


def roster(draw: str = DRAW, **changes: Any) -> bytes:
    return json.dumps({"draw": draw, "owner": "吉安", "members": MEMBERS, **changes}).encode()


async def deliver(
    trading: TradingSystem, suite: Suite, draw: str, revision: int, info: bytes, sealed: bytes
) -> RosterReceipt:
    return await trading.deliver_roster(suite.suite_id, draw, revision, info, sealed)


@pytest.fixture
def base_url(tmp_path: Path) -> Iterator[str]:
    with serving(create_app(tmp_path, schemes=stand_in_schemes())) as url:
        yield url


@pytest.fixture
def public_keys(tmp_path: Path) -> dict[str, bytes]:
    store = RosterStore(tmp_path, stand_in_schemes())
    return {suite: store.public_key(suite) for suite in SUITES}


@pytest.fixture
async def trading(base_url: str, public_keys: dict[str, bytes]) -> AsyncIterator[TradingSystem]:
    system = RestTradingSystem(http=connect(base_url), pinned_keys=public_keys, stand_in=True)
    yield system
    await system.aclose()


@pytest.fixture(params=list(SUITES.values()), ids=list(SUITES))
def suite(request: pytest.FixtureRequest) -> Suite:
    chosen: Suite = request.param
    return chosen


async def test_a_roster_sealed_to_its_key_is_opened_there(
    trading: TradingSystem, base_url: str, suite: Suite
) -> None:
    sealed = suite.seal(await trading.sealing_key(suite.suite_id), INFO, roster())

    receipt = await deliver(trading, suite, DRAW, 0, INFO, sealed)

    assert receipt.opened
    assert receipt.members == 2
    assert "stand-in" in receipt.by
    async with httpx.AsyncClient(base_url=base_url, trust_env=False) as audience:
        (held,) = (await audience.get("/rosters")).json()
        opened = (await audience.get(f"/rosters/{DRAW}")).json()
    assert held["receipt_id"] == receipt.receipt_id
    assert held["members"] == 2
    assert opened["members"] == MEMBERS


async def test_a_second_delivery_gets_the_same_receipt(
    trading: TradingSystem, suite: Suite
) -> None:
    sealed = suite.seal(await trading.sealing_key(suite.suite_id), INFO, roster())

    first = await deliver(trading, suite, DRAW, 0, INFO, sealed)

    assert await deliver(trading, suite, DRAW, 0, INFO, sealed) == first


async def test_other_bytes_for_the_same_revision_are_rejected_and_the_next_revision_is_not(
    trading: TradingSystem, suite: Suite
) -> None:
    key = await trading.sealing_key(suite.suite_id)
    first = await trading.deliver_roster(
        suite.suite_id, DRAW, 0, INFO, suite.seal(key, INFO, roster())
    )
    other = suite.seal(key, INFO, roster(members=MEMBERS[:1]))

    with pytest.raises(Rejected, match=r"409 \(other_roster\)"):
        await deliver(trading, suite, DRAW, 0, INFO, other)

    second = await deliver(trading, suite, DRAW, 1, INFO, other)
    assert second.members == 1
    assert second.receipt_id != first.receipt_id


async def test_what_does_not_open_is_rejected(trading: TradingSystem, suite: Suite) -> None:
    key = await trading.sealing_key(suite.suite_id)
    stranger = suite.public_sealing(bytes(range(1, 33)))
    sealed = suite.seal(key, INFO, roster())

    for info, bad in (
        (INFO, suite.seal(stranger, INFO, roster())),
        (b"another purpose", sealed),
        (INFO, sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (INFO, sealed[:10]),
    ):
        with pytest.raises(Rejected, match=r"422 \(does_not_open\)"):
            await deliver(trading, suite, DRAW, 0, info, bad)


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
    trading: TradingSystem, suite: Suite, plaintext: bytes, code: str
) -> None:
    sealed = suite.seal(await trading.sealing_key(suite.suite_id), INFO, plaintext)

    with pytest.raises(Rejected, match=rf"422 \({code}\)"):
        await deliver(trading, suite, DRAW, 0, INFO, sealed)


async def test_the_self_test_passes_when_the_keys_are_the_pinned_ones(
    trading: TradingSystem,
) -> None:
    await trading.self_test()

    assert trading.stand_in


async def test_a_changed_key_is_rejected(
    base_url: str, public_keys: dict[str, bytes], suite: Suite
) -> None:
    pins = {**public_keys, suite.suite_id: suite.public_sealing(bytes(range(1, 33)))}
    system = RestTradingSystem(http=connect(base_url), pinned_keys=pins, stand_in=True)

    with pytest.raises(Rejected, match="not the one pinned"):
        await system.sealing_key(suite.suite_id)
    with pytest.raises(Rejected, match="not the one pinned"):
        await system.self_test()
    for other in set(SUITES) - {suite.suite_id}:
        assert await system.sealing_key(other) == public_keys[other]
    await system.aclose()


async def test_nothing_is_sealed_for_a_suite_without_a_pin(
    base_url: str, public_keys: dict[str, bytes]
) -> None:
    pins = {"intl-1": public_keys["intl-1"]}
    system = RestTradingSystem(http=connect(base_url), pinned_keys=pins, stand_in=True)

    with pytest.raises(Rejected, match="no sealing key is pinned for the suite gm-1"):
        await system.sealing_key("gm-1")
    await system.aclose()


async def test_a_system_without_the_suite_says_so(tmp_path: Path) -> None:
    pins = {"gm-1": SUITES["gm-1"].public_sealing(bytes(range(1, 33)))}
    with serving(create_app(tmp_path)) as url:
        system = RestTradingSystem(http=connect(url), pinned_keys=pins, stand_in=True)
        with pytest.raises(Rejected, match=r"404 \(unknown_suite\)"):
            await system.sealing_key("gm-1")
        await system.aclose()


async def test_a_list_sealed_under_one_suite_does_not_open_under_the_other(
    trading: TradingSystem, suite: Suite
) -> None:
    sealed = suite.seal(await trading.sealing_key(suite.suite_id), INFO, roster())
    for other in set(SUITES) - {suite.suite_id}:
        with pytest.raises(Rejected, match=r"422 \(does_not_open\)"):
            await trading.deliver_roster(other, DRAW, 0, INFO, sealed)
    assert (await deliver(trading, suite, DRAW, 0, INFO, sealed)).opened


async def test_the_pins_are_checked_at_once() -> None:
    http = connect(free_address())
    for pins, words in (
        ({}, "no sealing key"),
        ({"intl-1": bytes(64)}, "must have 32 bytes, not 64"),
        ({"gm-1": bytes(32)}, "must have 65 bytes, not 32"),
        ({"intl-2": bytes(32)}, "for intl-2 must have None"),
    ):
        with pytest.raises(ValueError, match=words):
            RestTradingSystem(http=http, pinned_keys=pins)
    await http.aclose()


async def test_a_stand_in_is_refused_where_the_real_system_is_expected(
    base_url: str, public_keys: dict[str, bytes]
) -> None:
    system = RestTradingSystem(http=connect(base_url), pinned_keys=public_keys)

    assert not system.stand_in
    with pytest.raises(Rejected, match="stand-in"):
        await system.self_test()
    await system.aclose()


async def test_a_system_that_is_down_is_unreachable(public_keys: dict[str, bytes]) -> None:
    system = RestTradingSystem(http=connect(free_address()), pinned_keys=public_keys)

    with pytest.raises(Unreachable):
        await system.sealing_key("intl-1")
    with pytest.raises(Unreachable):
        await system.deliver_roster("intl-1", DRAW, 0, INFO, b"sealed")
    await system.aclose()


async def test_sizes_out_of_bounds_are_our_own_mistake(
    trading: TradingSystem, suite: Suite
) -> None:
    for revision, info, sealed in (
        (-1, INFO, b"x"),
        (0, bytes(INFO_BYTES_MAX + 1), b"x"),
        (0, INFO, b""),
        (0, INFO, bytes(SEALED_BYTES_MAX + 1)),
    ):
        with pytest.raises(ValueError, match=r"revision|bytes"):
            await deliver(trading, suite, DRAW, revision, info, sealed)


def test_the_keys_of_the_stand_in_are_its_own_and_readable_by_its_owner_alone(
    tmp_path: Path, public_keys: dict[str, bytes]
) -> None:
    for suite, key in public_keys.items():
        key_file = tmp_path / f"sealing-key.{suite}"
        assert key_file.stat().st_mode & 0o777 == 0o600
        assert RosterStore(tmp_path, stand_in_schemes()).public_key(suite) == key
