"""SM2 against a slow second opinion, published answers, and everything that is not DER."""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.trust import sm2
from federation.trust.errors import BadKey, CannotOpen, SuiteUnavailable

# GB/T 32918.5: the curve, once more, so that a slip in the module cannot hide.
P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
PRIVATE = bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
PUBLIC = sm2.public_of(PRIVATE)
SIGN = sm2.signer(PRIVATE)

Point = tuple[int, int] | None


def added(one: Point, other: Point) -> Point:
    """Affine addition, from the textbook."""
    if one is None or other is None:
        return one or other
    if one[0] == other[0] and (one[1] + other[1]) % P == 0:
        return None
    if one == other:
        slope = (3 * one[0] * one[0] - 3) * pow(2 * one[1], -1, P) % P
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, P) % P
    x = (slope * slope - one[0] - other[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P


def times(scalar: int, point: Point) -> Point:
    total: Point = None
    while scalar:
        if scalar & 1:
            total = added(total, point)
        point, scalar = added(point, point), scalar >> 1
    return total


def encoded(point: Point) -> bytes:
    assert point is not None
    return b"\4" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


def digest_for(public: bytes, message: bytes) -> int:
    """Work out e of GB/T 32918.2 §6.1, written out."""
    a, b = P - 3, 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
    named = b"\x00\x80" + b"1234567812345678"
    z = hashlib.new("sm3", named + b"".join(n.to_bytes(32, "big") for n in (a, b, *G)) + public[1:])
    return int.from_bytes(hashlib.new("sm3", z.digest() + message).digest(), "big")


def integer(number: int) -> bytes:
    body = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return bytes([2, len(body)]) + body


def der(*parts: bytes) -> bytes:
    body = b"".join(parts)
    return b"\x30" + (bytes([len(body)]) if len(body) < 128 else bytes([0x81, len(body)])) + body


def numbers_of(signature: bytes) -> tuple[int, int]:
    length = signature[3]
    return int.from_bytes(signature[4 : 4 + length], "big"), int.from_bytes(
        signature[6 + length :], "big"
    )


@given(st.integers(1, N - 2))
def test_public_keys_are_what_the_textbook_says(scalar: int) -> None:
    assert sm2.public_of(scalar.to_bytes(32, "big")) == encoded(times(scalar, G))


@given(st.binary(max_size=200))
def test_signatures_satisfy_the_equation_of_the_standard(message: bytes) -> None:
    r, s = numbers_of(SIGN(message))
    public = (int.from_bytes(PUBLIC[1:33], "big"), int.from_bytes(PUBLIC[33:], "big"))
    point = added(times(s, G), times((r + s) % N, public))
    assert point is not None
    assert (digest_for(PUBLIC, message) + point[0]) % N == r


@given(st.binary(max_size=200), st.integers(1, N - 1))
def test_signatures_by_the_textbook_verify(message: bytes, chance: int) -> None:
    private = int.from_bytes(PRIVATE, "big")
    point = times(chance, G)
    assert point is not None
    r = (digest_for(PUBLIC, message) + point[0]) % N
    s = pow(1 + private, -1, N) * (chance - r * private) % N
    assert sm2.verify(PUBLIC, der(integer(r), integer(s)), message)
    # r + s = n and every number out of range are refused before any arithmetic.
    for wrong in ((r, N - r), (r, s + N), (r + N, s), (0, s), (r, 0), (r, N), (N, s)):
        assert not sm2.verify(PUBLIC, der(integer(wrong[0]), integer(wrong[1])), message)


def respelled(signature: bytes) -> Iterator[bytes]:
    """Give the same numbers in every other way that a lax parser would take."""
    r, s = (integer(number) for number in numbers_of(signature))
    body = r + s
    yield b"\x30\x81" + bytes([len(body)]) + body
    yield b"\x30\x82\x00" + bytes([len(body)]) + body
    yield b"\x30\x80" + body + b"\0\0"
    yield b"\x31" + signature[1:]
    yield signature + b"\0"
    yield der(r, s, b"")[:-1]
    yield der(r, s, b"\x05\x00")
    yield der(b"\2" + bytes([r[1] + 1]) + b"\0" + r[2:], s)
    yield der(r, b"\2" + bytes([s[1] + 1]) + b"\0" + s[2:])
    yield der(b"\x02\x81" + r[1:], s)
    yield der(s)
    yield der(r, b"\2\0")
    yield der(r, b"\x02\x01\xff")


def test_a_signature_has_one_spelling() -> None:
    signature = SIGN(b"message")
    assert sm2.verify(PUBLIC, signature, b"message")
    for other in respelled(signature):
        assert not sm2.verify(PUBLIC, other, b"message"), other.hex()


@given(st.binary(max_size=40))
def test_no_other_signature_follows_from_one(message: bytes) -> None:
    """ECDSA's (r, n-s) is a second signature; SM2 has none, so a signature cannot be disguised."""
    signature = SIGN(message)
    r, s = numbers_of(signature)
    for other in ((r, N - s), (N - r, s), (N - r, N - s), (s, r), (r, N - r), (1, N - 1)):
        assert not sm2.verify(PUBLIC, der(*map(integer, other)), message), other


def test_points_off_the_curve_and_other_spellings_are_no_keys() -> None:
    x, y = PUBLIC[1:33], PUBLIC[33:]
    signature = SIGN(b"m")
    beyond = (int.from_bytes(x, "big") + P).to_bytes(33, "big")
    for wrong in (
        bytes(65),
        b"\4" + bytes(64),
        b"\4" + x + x,
        b"\4" + x + y[:-1] + bytes([y[-1] ^ 1]),
        bytes([2 + (y[-1] & 1)]) + x,
        bytes([6 + (y[-1] & 1)]) + x + y,
        b"\0",
        b"\4" + beyond[-32:] + y,
        b"\4" + b"\xff" * 64,
        PUBLIC + b"\0",
    ):
        with pytest.raises(BadKey):
            sm2.check_public(wrong)
        with pytest.raises(BadKey):
            sm2.encrypt(wrong, b"z")
        assert not sm2.verify(wrong, signature, b"m")


@pytest.mark.parametrize("scalar", [0, N - 1, N, N + 1, 2**256 - 1])
def test_a_private_key_is_from_1_to_n_minus_2(scalar: int) -> None:
    with pytest.raises(BadKey, match="between 1 and n-2"):
        sm2.signer(scalar.to_bytes(32, "big"))


@pytest.mark.parametrize("scalar", [1, 2, N - 2])
def test_the_smallest_and_the_largest_private_keys_work(scalar: int) -> None:
    private = scalar.to_bytes(32, "big")
    assert sm2.verify(sm2.public_of(private), sm2.signer(private)(b"m"), b"m")


def test_randomness_that_is_none_makes_no_key() -> None:
    draws = iter([bytes(32), b"\xff" * 32, PRIVATE])
    assert sm2.new_private(lambda _count: next(draws)) == PRIVATE
    for constant in (b"\0", b"\xff"):
        with pytest.raises(BadKey, match="not random"):
            sm2.new_private(lambda count, byte=constant: byte * count)  # type: ignore[misc]


@given(st.binary(min_size=1, max_size=32))
def test_what_is_encrypted_opens(plaintext: bytes) -> None:
    sealed = sm2.encrypt(PUBLIC, plaintext)
    assert sm2.ciphertext_length(sealed + b"more") == len(sealed)
    assert sm2.decrypt(PRIVATE, sealed) == plaintext


@pytest.mark.parametrize("length", [0, 33])
def test_only_keys_are_encrypted(length: int) -> None:
    with pytest.raises(ValueError, match="1 to 32 bytes"):
        sm2.encrypt(PUBLIC, bytes(length))


def test_a_ciphertext_has_one_spelling_and_parts_of_their_length() -> None:
    sealed = sm2.encrypt(PUBLIC, b"z" * 32)
    x, y = encrypted_point(sealed)
    check, hidden = sealed[-68:-34], sealed[-34:]
    assert der(integer(x), integer(y), check, hidden) == sealed
    for wrong in (
        der(integer(x), integer(P - y), check, hidden),
        der(integer(x + P), integer(y), check, hidden),
        der(integer(x), integer(y + P), check, hidden),
        der(integer(x), integer(y ^ 1), check, hidden),
        der(integer(0), integer(0), check, hidden),
        der(integer(x), integer(y), check[:1] + b"\x1f" + check[2:-1], hidden),
        der(integer(x), integer(y), check, b"\4\0"),
        der(integer(x), integer(y), check, b"\4\x21" + bytes(33)),
        der(integer(x), integer(y), check, hidden, b"\5\0"),
        der(integer(x), integer(y), hidden, check),
        b"\x30\x82\x00" + sealed[2:],
        sealed + b"\0",
        sealed[:-1],
        b"",
        b"\x30",
        b"\x30\x81",
    ):
        with pytest.raises(CannotOpen):
            sm2.decrypt(PRIVATE, wrong)


def encrypted_point(sealed: bytes) -> tuple[int, int]:
    return numbers_of(sealed[1 : 3 + sealed[4] + 2 + sealed[4 + sealed[4] + 2] + 2])


@given(place=st.integers(0, 10_000), byte=st.integers(1, 255))
def test_no_byte_of_a_ciphertext_can_be_changed(place: int, byte: int) -> None:
    sealed = bytearray(sm2.encrypt(PUBLIC, b"z" * 32))
    sealed[place % len(sealed)] ^= byte
    with pytest.raises(CannotOpen):
        sm2.decrypt(PRIVATE, bytes(sealed))


class Counting:
    """libcrypto, with its calls counted by name; what answers nothing is not counted."""

    def __init__(self) -> None:
        self.library = sm2._libcrypto()
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Callable[..., object]:
        function = getattr(self.library, name)

        def counted(*arguments: object) -> object:
            answer = function(*arguments)
            self.calls[name] += answer is None or bool(answer)
            return answer

        return counted


def test_whatever_comes_everything_is_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting()
    monkeypatch.setattr(sm2, "_libcrypto", lambda: counting)
    sm2._public_key.cache_clear()
    sealed = sm2.encrypt(PUBLIC, b"z" * 32)
    for number in range(50):
        private = (number + 1).to_bytes(32, "big")
        public = sm2.public_of(private)
        assert sm2.verify(public, sm2.signer(private)(b"m"), b"m")
        assert not sm2.verify(public, SIGN(b"m"), b"m")
        assert not sm2.verify(bytes(65), SIGN(b"m"), b"m")
        with pytest.raises(CannotOpen):
            sm2.decrypt(private, sealed)
    sm2._public_key.cache_clear()
    calls = counting.calls
    assert calls["EVP_PKEY_CTX_new"] == calls["EVP_PKEY_CTX_free"] > 100
    loaded = calls["d2i_PUBKEY"] + calls["d2i_AutoPrivateKey"]
    assert loaded == calls["EVP_PKEY_free"] > 100


def test_keys_are_kept_loaded_but_not_for_ever() -> None:
    sm2._public_key.cache_clear()
    signature = SIGN(b"m")
    for _ in range(5):
        assert sm2.verify(PUBLIC, signature, b"m")
    kept = sm2._public_key.cache_info()
    assert (kept.misses, kept.hits, kept.maxsize) == (1, 4, sm2.MAX_REMEMBERED_KEYS)


def test_refusals_leave_no_error_for_tls_to_stumble_over() -> None:
    library = sm2._libcrypto()
    sealed = sm2.encrypt(PUBLIC, b"z" * 32)
    assert not sm2.verify(PUBLIC, SIGN(b"m"), b"other")
    with pytest.raises(CannotOpen):
        sm2.decrypt((5).to_bytes(32, "big"), sealed)
    assert library.ERR_peek_error() == 0


def test_many_threads_may_use_it_at_once() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        sign = sm2.signer((number + 1).to_bytes(32, "big"))
        public = sm2.public_of((number + 1).to_bytes(32, "big"))
        for turn in range(40):
            message = b"%d %d" % (number, turn)
            signature = sign(message)
            good = sm2.verify(public, signature, message) and not sm2.verify(
                PUBLIC, signature, message
            )
            shared = sm2.verify(PUBLIC, SIGN(message), message)
            opened = sm2.decrypt(PRIVATE, sm2.encrypt(PUBLIC, message)) == message
            if good and shared and opened:
                done.append(turn)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 6 * 40


@pytest.fixture
def unloaded() -> Iterator[None]:
    """Forget libcrypto and SM3 for the time of a test."""
    sm2._libcrypto.cache_clear()
    sm2._empty_sm3.cache_clear()
    yield
    sm2._libcrypto.cache_clear()
    sm2._empty_sm3.cache_clear()


@pytest.mark.usefixtures("unloaded")
def test_without_libcrypto_the_package_to_install_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sm2, "LIBRARIES", ("libcrypto.so.none",))
    with pytest.raises(SuiteUnavailable, match=r"libcrypto\.so\.none can be loaded.*libssl3"):
        sm2.verify(PUBLIC, SIGN(b"m"), b"m")


@pytest.mark.usefixtures("unloaded")
def test_a_library_that_is_not_openssl_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sm2, "LIBRARIES", ("libm.so.6",))
    with pytest.raises(SuiteUnavailable, match="is not OpenSSL"):
        sm2.public_of(PRIVATE)


@pytest.mark.usefixtures("unloaded")
def test_a_python_without_sm3_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_such(name: str) -> object:
        raise ValueError(f"unsupported hash type {name}")

    monkeypatch.setattr(hashlib, "new", none_such)
    with pytest.raises(SuiteUnavailable, match="hashlib has no SM3"):
        sm2.sm3(b"abc")
