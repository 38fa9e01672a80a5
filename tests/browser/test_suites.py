"""What the page checks signatures with agrees with what a node does, also where libraries differ.

The primitives run in node.js; what they are compared with is libsodium, libcrypto and hashlib.
"""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from browser import build, modules, packages
from federation.trust import intl, sm2

Ask = Callable[[list[tuple[str, ...]]], list[Any]]

N: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
"""The order of SM2's curve, GB/T 32918.5."""

# Points of small order and their second spellings (RFC 8032 §5.1.3; Chalkias et al., "Taming the
# many EdDSAs", table 1), where libraries are known to differ.
SMALL_ORDER: Final = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
)
ORDER_25519: Final = 2**252 + 27742317777372353535851937790883648493


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    node = shutil.which("node")
    assert node, "no node.js on this machine: make test-tools (Debian: apt-get install nodejs npm)"
    folder = tmp_path_factory.mktemp("suites")
    for name, package in packages.listed().items():
        if name == "pyodide":
            continue
        for path, content in package.files(build.KEPT).items():
            target = folder / "node_modules" / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    (folder / "package.json").write_text('{"type": "module"}')
    for name in ("sm2.js", "sm3.js", "ed25519.js"):
        shutil.copy(modules.HERE / name, folder)
    script = shutil.copy(Path(__file__).with_name("suites.mjs"), folder)

    def run(cases: list[tuple[str, ...]]) -> list[Any]:
        said = subprocess.run(
            [node, script], input=json.dumps(cases), capture_output=True, text=True, check=True,
            timeout=120,
        )  # fmt: skip
        answers: list[Any] = json.loads(said.stdout)
        return answers

    return run


def test_sm3_of_every_length_is_that_of_openssl(ask: Ask) -> None:
    random = Random(3)
    texts = [random.randbytes(length) for length in [*range(200), 1_000, 65_537]]
    expected = [sm2.sm3(text).digest().hex() for text in texts]
    assert ask([("sm3", text.hex()) for text in texts]) == expected


def spelled(r: int, s: int) -> bytes:
    """A signature in DER, for libcrypto."""
    numbers = b"".join(
        b"\x02" + bytes([len(each)]) + each
        for each in (number.to_bytes(number.bit_length() // 8 + 1, "big") for number in (r, s))
    )
    return b"\x30" + bytes([len(numbers)]) + numbers


def test_sm2_answers_as_libcrypto_for_good_and_spoilt_signatures(ask: Ask) -> None:
    random = Random(2)
    cases, expected = [], []
    for _ in range(12):
        private = sm2.new_private(random.randbytes)
        public, message = sm2.public_of(private), random.randbytes(random.randrange(200))
        found = sm2.signature_numbers(sm2.signer(private)(message))
        assert found
        r, s = found
        e = int.from_bytes(sm2.sm3(sm2.z(public) + message).digest(), "big")
        d = int.from_bytes(private, "big")
        vanishing = e % N  # r and s for which sG + tP is the point at infinity, which has no x
        for first, second, text in (
            (r, s, message),
            (r ^ 1, s, message),
            (r, s ^ 1, message),
            (s, r, message),
            (r, s, message + b"."),
            (r, N - r, message),  # t is 0
            (vanishing, -vanishing * d * pow(1 + d, -1, N) % N, message),
        ):
            digest = sm2.sm3(sm2.z(public) + text).digest()
            numbers = (number.to_bytes(32, "big").hex() for number in (first, second))
            cases.append(("sm2", public.hex(), *numbers, digest.hex()))
            expected.append(sm2.verify(public, spelled(first, second), text))
    assert ask(cases) == expected
    assert expected.count(True) == 12


def test_ed25519_answers_as_libsodium_also_for_points_of_small_order(ask: Ask) -> None:
    random = Random(1)
    cases = []
    for _ in range(20):
        private = random.randbytes(32)
        public, message = intl.public_signing(private), random.randbytes(random.randrange(200))
        signature = intl.signer(private)(message)
        scalar = int.from_bytes(signature[32:], "little")
        cases += [
            (public, signature, message),
            (public, signature, message + b"."),
            (public, bytes([signature[0] ^ 1]) + signature[1:], message),
            (public, signature[:32] + (scalar + ORDER_25519).to_bytes(32, "little"), message),
            (random.randbytes(32), signature, message),
            (public, signature[:-1], message),
            (public[:-1], signature, message),
        ]
    for key in SMALL_ORDER:
        for point in SMALL_ORDER:
            cases.append((bytes.fromhex(key), bytes.fromhex(point) + bytes(32), b"any message"))
        good = intl.public_signing(b"\1" * 32)
        cases.append((good, bytes.fromhex(key) + bytes(32), b"any message"))
    expected = [intl.verify(*case) for case in cases]
    asked = [("ed25519", *(each.hex() for each in case)) for case in cases]
    assert ask(asked) == expected
    assert expected.count(True) == 20
