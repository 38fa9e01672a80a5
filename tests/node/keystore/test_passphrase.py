"""What guards a root key: weak ones are refused, the proposed one never is."""

import random

import pytest

from node.keystore import passphrase
from node.keystore.passphrase import WeakPassphrase


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        "Lianping2026!",
        "password12345678",
        "a" * 200,
        "1234567890123456",
        "abcdefghijklmnopqrstuvwxyz",
        "吉安吉安吉安吉安",
        "公共资源",
    ],
)
def test_weak_ones_are_refused(text: str) -> None:
    with pytest.raises(WeakPassphrase, match="too weak"):
        passphrase.check(text)


@pytest.mark.parametrize(
    "text",
    [
        "correct horse battery staple",
        "月落乌啼霜满天江枫渔火",
        "x7Q!pL2#vR9@tW4$",
        "梅塘 gravel 旧下 orbit",
    ],
)
def test_strong_ones_are_taken(text: str) -> None:
    passphrase.check(text)


@pytest.mark.parametrize(
    "text", ["correct horse\nbattery staple", "correct horse\x00 battery", "x" * 1025]
)
def test_what_cannot_be_typed_is_refused(text: str) -> None:
    with pytest.raises(WeakPassphrase, match="visible characters"):
        passphrase.check(text)


def test_the_proposed_one_is_strong_and_another_every_time() -> None:
    chance = random.Random(1)
    proposed = {passphrase.propose(chance.randbytes) for _ in range(100)}
    assert len(proposed) == 100
    for each in proposed:
        passphrase.check(each)
