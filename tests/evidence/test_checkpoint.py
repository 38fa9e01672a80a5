"""Signed notes: C2SP's text to the letter, and not one byte of it can be changed."""

import base64
import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from federation.evidence import checkpoint as ckpt
from federation.evidence.checkpoint import BadCheckpoint, Checkpoint, NoteKey
from federation.trust.suite import GM_1, INTL_1, SUITES, Suite

LOG_PRIVATE, WITNESS_PRIVATE, REGULATOR_PRIVATE = b"\x11" * 32, b"\x22" * 32, b"\x33" * 32
AT = 1_679_315_147


def public(private: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


ORIGIN = "example.a.gov.cn/fednode/log/1"
LOG_KEY = NoteKey(INTL_1, ORIGIN, ckpt.LOG, public(LOG_PRIVATE))
WITNESS_NAME = "example.b.gov.cn/fednode/witness/1"
WITNESS_KEY = NoteKey(INTL_1, WITNESS_NAME, ckpt.WITNESS, public(WITNESS_PRIVATE))
REGULATOR_KEY = NoteKey(INTL_1, "监管.gov.cn/witness", ckpt.WITNESS, public(REGULATOR_PRIVATE))
BY_LOG, BY_WITNESS, BY_REGULATOR = (
    INTL_1.signer(private) for private in (LOG_PRIVATE, WITNESS_PRIVATE, REGULATOR_PRIVATE)
)

HEAD = Checkpoint(
    ORIGIN, 20852163, base64.b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
)
BODY = f"{ORIGIN}\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
NOTE = ckpt.sign_log(HEAD, LOG_KEY, BY_LOG)
COSIGNED = ckpt.cosign(NOTE, WITNESS_KEY, BY_WITNESS, AT)

# Verifier key and note of Go's golang.org/x/mod/sumdb/note, the format's first implementation.
GO_KEY_ID, GO_KEY = "c74f20a3", "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
GO_NOTE = (
    f"{GO_TEXT}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSN"
    "XgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def go_key() -> NoteKey:
    kind, *key = base64.b64decode(GO_KEY)
    assert bytes([kind]) == INTL_1.note_log_type
    return NoteKey(INTL_1, "PeterNeumann", ckpt.LOG, bytes(key))


def head_of(note: str, key: NoteKey) -> Checkpoint:
    head, fitted = ckpt.verify_note(note, [key])
    assert fitted == key
    return head


def time_of(note: str, key: NoteKey) -> int:
    at, fitted = ckpt.cosigned_at(note, [key])
    assert fitted == key
    return at


def text_of(note: str, key: NoteKey) -> str:
    return ckpt.signed_text(note, [key])[0]


def spliced(note: str, line: str) -> str:
    """Add a signature line as anyone on the way could."""
    return f"{note}{line}\n"


def refused_by_someone(note: str) -> bool:
    """Tell whether the log's verifier or the witness's verifier refuses; both is fine as well."""
    try:
        return (head_of(note, LOG_KEY), time_of(note, WITNESS_KEY)) != (HEAD, AT)
    except BadCheckpoint:
        return True


def test_the_note_of_gos_sumdb_verifies() -> None:
    assert go_key().key_id.hex() == GO_KEY_ID
    assert text_of(GO_NOTE, go_key()) == GO_TEXT


def test_a_signed_note_that_is_no_checkpoint_is_not_taken_for_one() -> None:
    with pytest.raises(BadCheckpoint, match="not 2"):
        head_of(GO_NOTE, go_key())


def test_the_body_is_three_lines_and_reads_back() -> None:
    assert HEAD.body() == BODY
    assert ckpt.parse_body(BODY) == HEAD


def test_the_body_of_an_empty_log_says_0() -> None:
    empty = Checkpoint("a/log", 0, hashlib.sha256(b"").digest())
    assert empty.body() == "a/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    assert ckpt.parse_body(empty.body()) == empty


def test_a_note_is_exactly_what_c2sp_describes() -> None:
    key_id = hashlib.sha256(ORIGIN.encode() + b"\n\x01" + public(LOG_PRIVATE)).digest()[:4]
    signature = Ed25519PrivateKey.from_private_bytes(LOG_PRIVATE).sign(BODY.encode())
    line = f"— {ORIGIN} {base64.b64encode(key_id + signature).decode()}\n"
    assert f"{BODY}\n{line}" == NOTE
    assert head_of(NOTE, LOG_KEY) == HEAD


def test_a_cosignature_is_exactly_what_c2sp_describes() -> None:
    named = WITNESS_KEY.name.encode() + b"\n\x04" + public(WITNESS_PRIVATE)
    message = f"cosignature/v1\ntime {AT}\n{BODY}".encode()
    signature = Ed25519PrivateKey.from_private_bytes(WITNESS_PRIVATE).sign(message)
    payload = hashlib.sha256(named).digest()[:4] + AT.to_bytes(8, "big") + signature
    line = f"— {WITNESS_KEY.name} {base64.b64encode(payload).decode()}\n"
    assert NOTE + line == COSIGNED
    assert time_of(COSIGNED, WITNESS_KEY) == AT


def test_log_and_every_witness_are_verified_on_the_same_note() -> None:
    note = ckpt.cosign(COSIGNED, REGULATOR_KEY, BY_REGULATOR, AT + 5)
    assert head_of(note, LOG_KEY) == HEAD
    assert time_of(note, WITNESS_KEY) == AT
    assert time_of(note, REGULATOR_KEY) == AT + 5


@pytest.mark.parametrize("at", [0, 1, ckpt.MAX_TIME])
def test_any_posix_time_survives(at: int) -> None:
    note = ckpt.cosign(NOTE, WITNESS_KEY, BY_WITNESS, at)
    assert time_of(note, WITNESS_KEY) == at


@pytest.mark.parametrize("at", [-1, ckpt.MAX_TIME + 1])
def test_a_time_outside_the_format_is_not_signed(at: int) -> None:
    with pytest.raises(BadCheckpoint, match="is not a POSIX time"):
        ckpt.cosign(NOTE, WITNESS_KEY, BY_WITNESS, at)


def test_no_bit_of_a_note_can_be_changed() -> None:
    raw = COSIGNED.encode()
    for place in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[place] ^= 1 << bit
            # Bytes that are no UTF-8 become lone surrogates: they, too, must be refused.
            note = bytes(changed).decode(errors="surrogateescape")
            assert refused_by_someone(note), (place, bit)


def test_no_byte_of_a_note_can_be_lost_or_doubled() -> None:
    for place in range(len(COSIGNED)):
        assert refused_by_someone(COSIGNED[:place] + COSIGNED[place + 1 :]), place
        assert refused_by_someone(COSIGNED[:place] + COSIGNED[place] + COSIGNED[place:]), place
        assert refused_by_someone(COSIGNED[:place]), place


def test_no_bit_of_a_note_without_witnesses_can_be_changed() -> None:
    raw = NOTE.encode()
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1
        with pytest.raises(BadCheckpoint):
            head_of(bytes(changed).decode(errors="surrogateescape"), LOG_KEY)


@given(place=st.integers(0, len(COSIGNED) - 1), char=st.characters())
def test_no_character_of_a_note_can_be_replaced(place: int, char: str) -> None:
    note = COSIGNED[:place] + char + COSIGNED[place + 1 :]
    assert note == COSIGNED or refused_by_someone(note)


@given(place=st.integers(0, len(COSIGNED)), more=st.text(min_size=1, max_size=8))
def test_nothing_can_be_slipped_into_a_note(place: int, more: str) -> None:
    assert refused_by_someone(COSIGNED[:place] + more + COSIGNED[place:])


@given(noise=st.text(st.sampled_from("\n\r— a0=+é")))
def test_noise_is_refused_with_a_sentence(noise: str) -> None:
    for check in (head_of, text_of):
        with pytest.raises(BadCheckpoint):
            check(noise, LOG_KEY)
    with pytest.raises(BadCheckpoint):
        time_of(noise, WITNESS_KEY)
    with pytest.raises(BadCheckpoint):
        ckpt.parse_body(noise)


@given(
    origin=st.text(st.characters(codec="utf-8"), max_size=20),
    size=st.integers(-1, 2**63),
    root=st.binary(min_size=31, max_size=33),
)
def test_what_can_be_written_can_be_read(origin: str, size: int, root: bytes) -> None:
    try:
        head = Checkpoint(origin, size, root)
    except BadCheckpoint:
        return
    assert ckpt.parse_body(head.body()) == head
    key = NoteKey(INTL_1, origin, ckpt.LOG, public(LOG_PRIVATE))
    assert head_of(ckpt.sign_log(head, key, BY_LOG), key) == head


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BODY[:-1], "does not end with a newline"),
        (BODY + "extension\n", "not 4"),
        (BODY + "\n", "not 4"),
        ("", "does not end with a newline"),
        (BODY.replace("20852163", "020852163"), "without leading zeros"),
        (BODY.replace("20852163", "00"), "without leading zeros"),
        (BODY.replace("20852163", "-1"), "without leading zeros"),
        (BODY.replace("20852163", "+1"), "without leading zeros"),
        (BODY.replace("20852163", "1_0"), "without leading zeros"),
        (BODY.replace("20852163", " 1"), "without leading zeros"),
        (BODY.replace("20852163", "٣"), "without leading zeros"),
        (BODY.replace("20852163", ""), "without leading zeros"),
        (BODY.replace("20852163", str(2**63)), "cannot have 9223372036854775808 leaves"),
        (BODY.replace("20852163", "9" * 5000), "without leading zeros"),
        (BODY.replace("q2I=", "q2J="), "not in canonical base64"),
        (BODY.replace("q2I=", "q2I"), "not base64"),
        (BODY.replace("/X", "_X"), "not base64"),
        (BODY.replace("q2I=", "q2I= "), "not base64"),
        (BODY.replace("q2I=", "q2é="), "not base64"),
        (BODY.replace("CsUY", ""), "32 bytes, not 29"),
        (BODY.replace(ORIGIN, ""), "origin is empty"),
        (BODY.replace(ORIGIN, "a b"), "contains a space"),
        (BODY.replace(ORIGIN, "a\u3000b"), "contains a space"),
        (BODY.replace(ORIGIN, "a+b"), "a plus"),
        (BODY.replace(ORIGIN, "a\u202eb"), "unprintable"),
        (BODY.replace(ORIGIN, "a\rb"), "contains a space"),
    ],
)
def test_a_body_has_only_one_spelling(text: str, sentence: str) -> None:
    with pytest.raises(BadCheckpoint, match=sentence):
        ckpt.parse_body(text)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Checkpoint("a\nb", 1, bytes(32)),
        lambda: Checkpoint("a", -1, bytes(32)),
        lambda: Checkpoint("a", ckpt.MAX_SIZE + 1, bytes(32)),
        lambda: Checkpoint("a", 1, bytes(31)),
        lambda: NoteKey(INTL_1, "", ckpt.LOG, bytes(32)),
        lambda: NoteKey(INTL_1, "a+b", ckpt.LOG, bytes(32)),
        lambda: NoteKey(INTL_1, "a", ckpt.LOG, bytes(33)),
        lambda: NoteKey(GM_1, "a", ckpt.LOG, bytes(32)),
        lambda: NoteKey(GM_1, "a", ckpt.LOG, b"\4" + bytes(64)),
    ],
)
def test_what_cannot_be_written_cannot_be_made(make: Callable[[], object]) -> None:
    with pytest.raises(BadCheckpoint):
        make()


LINE = NOTE.rpartition("\n\n")[2][:-1]


@pytest.mark.parametrize(
    ("note", "sentence"),
    [
        (BODY, "no text followed by a blank line"),
        (f"\n\n{LINE}\n", "no text followed by a blank line"),
        (f"{BODY}\n", "does not end with a signature line"),
        (f"{BODY}\n{LINE}", "does not end with a signature line"),
        (NOTE + "\n", "does not end with a signature line"),
        (NOTE.replace("— ", "- "), "does not begin with an em dash"),
        (NOTE.replace("— ", "—"), "does not begin with an em dash"),
        (NOTE + "— a\n", "not a name, a space and a signature"),
        (NOTE + "—  AAAAAAA=\n", "key name is empty"),
        (NOTE + "— a+b AAAAAAA=\n", "a plus"),
        (NOTE + "— a\u00a0b AAAAAAA=\n", "a space"),
        (NOTE + "— a b AAAAAAA=\n", "not base64"),
        (NOTE + "— a AAAAAA==\n", "no longer than a key id"),
        (NOTE + "— a AAAAAAB=\n", "not in canonical base64"),
        (NOTE.replace("\n", "\r\n"), "control character"),
        (NOTE + "\x00", "control character"),
        (NOTE + "\ud800", "not valid Unicode"),
    ],
)
def test_a_note_has_only_one_form(note: str, sentence: str) -> None:
    with pytest.raises(BadCheckpoint, match=sentence):
        head_of(note, LOG_KEY)


def test_signatures_of_strangers_are_ignored_even_under_a_known_name() -> None:
    stranger = NoteKey(INTL_1, WITNESS_KEY.name, ckpt.WITNESS, public(REGULATOR_PRIVATE))
    note = ckpt.cosign(COSIGNED, stranger, BY_REGULATOR, AT + 9)
    note = spliced(note, "— someone.else/key AAAAAAA=")
    assert head_of(note, LOG_KEY) == HEAD
    assert time_of(note, WITNESS_KEY) == AT


def test_a_note_without_the_witness_is_not_cosigned() -> None:
    for note, key in ((NOTE, WITNESS_KEY), (COSIGNED, REGULATOR_KEY)):
        with pytest.raises(BadCheckpoint, match=f"no signature of {key.name}"):
            time_of(note, key)


def test_a_witness_with_another_key_is_another_witness() -> None:
    impostor = NoteKey(INTL_1, WITNESS_KEY.name, ckpt.WITNESS, public(REGULATOR_PRIVATE))
    with pytest.raises(BadCheckpoint, match="no signature of"):
        time_of(COSIGNED, impostor)


def forged(key: NoteKey, payload: bytes) -> str:
    return f"— {key.name} {base64.b64encode(key.key_id + payload).decode()}"


def witness_payload(note: str) -> bytes:
    return base64.b64decode(note.rstrip("\n").rpartition(" ")[2])[4:]


def test_the_time_of_a_cosignature_cannot_be_moved() -> None:
    signature = witness_payload(COSIGNED)[8:]
    for at in (AT - 1, AT + 1, 0):
        note = spliced(NOTE, forged(WITNESS_KEY, at.to_bytes(8, "big") + signature))
        with pytest.raises(BadCheckpoint, match="does not fit the checkpoint"):
            time_of(note, WITNESS_KEY)


def test_a_time_beyond_the_format_is_refused_even_if_signed() -> None:
    at = ckpt.MAX_TIME + 1
    message = f"cosignature/v1\ntime {at}\n{BODY}".encode()
    signature = Ed25519PrivateKey.from_private_bytes(WITNESS_PRIVATE).sign(message)
    note = spliced(NOTE, forged(WITNESS_KEY, at.to_bytes(8, "big") + signature))
    with pytest.raises(BadCheckpoint, match=r"dated after 2\^63-1"):
        time_of(note, WITNESS_KEY)


def test_a_cosignature_does_not_pass_to_another_checkpoint() -> None:
    longer = Checkpoint(ORIGIN, HEAD.size + 1, HEAD.root)
    line = COSIGNED.removeprefix(NOTE).rstrip("\n")
    note = spliced(ckpt.sign_log(longer, LOG_KEY, BY_LOG), line)
    assert head_of(note, LOG_KEY) == longer
    with pytest.raises(BadCheckpoint, match="does not fit the checkpoint"):
        time_of(note, WITNESS_KEY)


def test_a_plain_signature_is_no_cosignature_and_the_other_way_round() -> None:
    plain = Ed25519PrivateKey.from_private_bytes(WITNESS_PRIVATE).sign(BODY.encode())
    with pytest.raises(BadCheckpoint, match="is dated after"):  # its first bytes as a time
        time_of(spliced(NOTE, forged(WITNESS_KEY, plain)), WITNESS_KEY)
    early = forged(WITNESS_KEY, bytes(8) + plain[8:])
    with pytest.raises(BadCheckpoint, match="does not fit the checkpoint"):
        time_of(spliced(NOTE, early), WITNESS_KEY)
    note = f"{BODY}\n{forged(LOG_KEY, witness_payload(COSIGNED))}\n"
    with pytest.raises(BadCheckpoint, match="72 bytes after the key id, not 1 to 64"):
        head_of(note, LOG_KEY)


def test_keys_are_used_only_for_their_purpose() -> None:
    calls: tuple[Callable[[], object], ...] = (
        lambda: head_of(COSIGNED, WITNESS_KEY),
        lambda: time_of(COSIGNED, LOG_KEY),
        lambda: ckpt.sign_log(HEAD, WITNESS_KEY, BY_WITNESS),
        lambda: ckpt.cosign(NOTE, LOG_KEY, BY_LOG, AT),
    )
    for call in calls:
        with pytest.raises(BadCheckpoint, match="is the key of a"):
            call()


def test_a_log_speaks_only_for_itself() -> None:
    other = Checkpoint("example.c.gov.cn/fednode/log/1", 5, bytes(32))
    with pytest.raises(BadCheckpoint, match="does not speak for the log"):
        ckpt.sign_log(other, LOG_KEY, BY_LOG)
    signature = Ed25519PrivateKey.from_private_bytes(LOG_PRIVATE).sign(other.body().encode())
    note = f"{other.body()}\n{forged(LOG_KEY, signature)}\n"
    with pytest.raises(BadCheckpoint, match="does not speak for the log"):
        head_of(note, LOG_KEY)


def test_a_mixed_up_private_key_never_leaves_the_house() -> None:
    with pytest.raises(BadCheckpoint, match="the signer given does not sign"):
        ckpt.sign_log(HEAD, LOG_KEY, BY_WITNESS)
    with pytest.raises(BadCheckpoint, match="the signer given does not sign"):
        ckpt.cosign(NOTE, WITNESS_KEY, BY_LOG, AT)


def test_a_witness_cosigns_a_note_once() -> None:
    with pytest.raises(BadCheckpoint, match="already bears a signature of"):
        ckpt.cosign(COSIGNED, WITNESS_KEY, BY_WITNESS, AT + 60)
    again = ckpt.cosign(NOTE, WITNESS_KEY, BY_WITNESS, AT + 60)
    both = spliced(COSIGNED, again.removeprefix(NOTE).rstrip("\n"))
    with pytest.raises(BadCheckpoint, match="bears 2 signatures"):
        time_of(both, WITNESS_KEY)


def test_only_checkpoints_are_cosigned() -> None:
    with pytest.raises(BadCheckpoint, match="a checkpoint has 3 lines"):
        ckpt.cosign(GO_NOTE, WITNESS_KEY, BY_WITNESS, AT)
    with pytest.raises(BadCheckpoint, match="a checkpoint has 3 lines"):
        time_of(GO_NOTE, WITNESS_KEY)


def test_sixteen_signatures_are_read_and_a_seventeenth_is_refused() -> None:
    full = NOTE
    for number in range(ckpt.MAX_SIGNATURES - 1):
        full = spliced(full, f"— witness/{number} AAAAAAA=")
    assert head_of(full, LOG_KEY) == HEAD
    with pytest.raises(BadCheckpoint, match="already bears 16 signatures"):
        ckpt.cosign(full, WITNESS_KEY, BY_WITNESS, AT)
    with pytest.raises(BadCheckpoint, match="17 signatures, more than 16"):
        head_of(spliced(full, "— witness/x AAAAAAA="), LOG_KEY)


def padded(size: int) -> str:
    """Return the note with a stranger's line that makes it exactly ``size`` bytes long."""
    room = size - len(NOTE.encode()) - len("—  AAAAAAA=\n".encode())
    return spliced(NOTE, f"— {'x' * room} AAAAAAA=")


def test_a_note_of_64_kib_is_read_and_one_byte_more_is_refused() -> None:
    assert len(padded(ckpt.MAX_NOTE_BYTES).encode()) == ckpt.MAX_NOTE_BYTES
    assert head_of(padded(ckpt.MAX_NOTE_BYTES), LOG_KEY) == HEAD
    with pytest.raises(BadCheckpoint, match="has 65537 bytes, more than 65536"):
        head_of(padded(ckpt.MAX_NOTE_BYTES + 1), LOG_KEY)
    with pytest.raises(BadCheckpoint, match="more than 65536"):
        ckpt.cosign(padded(ckpt.MAX_NOTE_BYTES), WITNESS_KEY, BY_WITNESS, AT)


def test_the_text_of_a_note_ends_at_its_last_empty_line() -> None:
    text = "one\n\ntwo\n"
    signature = Ed25519PrivateKey.from_private_bytes(LOG_PRIVATE).sign(text.encode())
    assert text_of(f"{text}\n{forged(LOG_KEY, signature)}\n", LOG_KEY) == text


# Both suites, and keys that follow one another.


class Signed:
    """A log and a witness of one suite, each with an old and a new key, and their notes."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.log, self.next_log = self.keys(ckpt.LOG, ORIGIN, b"\x11", b"\x12")
        self.witness, self.next_witness = self.keys(ckpt.WITNESS, WITNESS_NAME, b"\x21", b"\x22")
        self.by_log, self.by_next_log = self.signers(b"\x11", b"\x12")
        self.by_witness, self.by_next_witness = self.signers(b"\x21", b"\x22")
        self.note = ckpt.sign_log(HEAD, self.log, self.by_log)
        self.both = ckpt.sign_log_again(self.note, self.next_log, self.by_next_log)
        self.cosigned = ckpt.cosign(self.both, self.witness, self.by_witness, AT)

    def keys(self, kind: ckpt.NoteKind, name: str, *seeds: bytes) -> list[NoteKey]:
        publics = (self.suite.public_signing(seed * 32) for seed in seeds)
        return [NoteKey(self.suite, name, kind, key) for key in publics]

    def signers(self, *seeds: bytes) -> list[Callable[[bytes], bytes]]:
        return [self.suite.signer(seed * 32) for seed in seeds]


OF_SUITE = {name: Signed(suite) for name, suite in SUITES.items()}
BOTH = pytest.mark.parametrize("made", OF_SUITE.values(), ids=OF_SUITE)


@BOTH
def test_a_head_signed_and_cosigned_reads_back(made: Signed) -> None:
    assert ckpt.verify_note(made.note, [made.log]) == (HEAD, made.log)
    assert ckpt.cosigned_at(made.cosigned, [made.witness]) == (AT, made.witness)
    assert made.cosigned.startswith(f"{BODY}\n— {ORIGIN} ")


def test_the_signatures_of_gm_1_are_what_the_paper_describes() -> None:
    made = OF_SUITE["gm-1"]
    log_line, _, witness_line = made.cosigned.rpartition("\n\n")[2].splitlines()
    log_payload, payload = (
        base64.b64decode(line.rpartition(" ")[2]) for line in (log_line, witness_line)
    )
    named = ORIGIN.encode() + b"\n\xfflianping/sm2-note/1" + made.log.public_key
    assert log_payload[:4] == hashlib.sha256(named).digest()[:4]
    assert GM_1.verify(made.log.public_key, log_payload[4:], BODY.encode())
    named = WITNESS_NAME.encode() + b"\n\xfflianping/sm2-cosignature/1" + made.witness.public_key
    assert payload[:12] == hashlib.sha256(named).digest()[:4] + AT.to_bytes(8, "big")
    message = f"lianping-sm2-cosignature/v1\ntime {AT}\n{BODY}".encode()
    assert GM_1.verify(made.witness.public_key, payload[12:], message)


@BOTH
def test_the_answer_says_which_key_fitted(made: Signed) -> None:
    old, new = made.log, made.next_log
    assert ckpt.verify_note(made.both, [new, old]) == (HEAD, new)
    assert ckpt.verify_note(made.both, [old, new]) == (HEAD, old)
    assert ckpt.verify_note(made.both, [new]) == (HEAD, new)
    assert ckpt.verify_note(made.note, [new, old]) == (HEAD, old)
    assert ckpt.cosigned_at(made.cosigned, [made.next_witness, made.witness]) == (AT, made.witness)
    later = ckpt.cosign(made.cosigned, made.next_witness, made.by_next_witness, AT + 60)
    assert ckpt.cosigned_at(later, [made.next_witness, made.witness]) == (
        AT + 60,
        made.next_witness,
    )


@BOTH
def test_a_note_by_none_of_the_keys_is_refused(made: Signed) -> None:
    for keys in ([made.next_log], []):
        with pytest.raises(BadCheckpoint, match="bears no signature of"):
            ckpt.verify_note(made.note, keys)
    for keys in ([made.next_witness], []):
        with pytest.raises(BadCheckpoint, match="bears no signature of"):
            ckpt.cosigned_at(made.cosigned, keys)


@BOTH
def test_one_good_signature_does_not_cover_a_bad_one(made: Signed) -> None:
    wrong = made.by_next_log(b"something else")
    note = spliced(made.note, forged(made.next_log, wrong))
    assert ckpt.verify_note(note, [made.log]) == (HEAD, made.log)
    for keys in ([made.log, made.next_log], [made.next_log, made.log]):
        with pytest.raises(BadCheckpoint, match="does not fit the note"):
            ckpt.verify_note(note, keys)


@BOTH
def test_the_second_key_signs_once_and_only_its_own_log(made: Signed) -> None:
    with pytest.raises(BadCheckpoint, match="already bears a signature of"):
        ckpt.sign_log_again(made.both, made.next_log, made.by_next_log)
    (stranger,) = made.keys(ckpt.LOG, "example.c.gov.cn/log/1", b"\x12")
    with pytest.raises(BadCheckpoint, match="does not speak for the log"):
        ckpt.sign_log_again(made.note, stranger, made.by_next_log)
    with pytest.raises(BadCheckpoint, match="the signer given does not sign"):
        ckpt.sign_log_again(made.note, made.next_log, made.by_log)
    with pytest.raises(BadCheckpoint, match="is the key of a witness"):
        ckpt.sign_log_again(made.note, made.witness, made.by_witness)
    assert made.both.startswith(made.note)


def is_by(note: str, key: NoteKey) -> bool:
    try:
        return ckpt.verify_note(note, [key]) == (HEAD, key)
    except BadCheckpoint:
        return False


@BOTH
def test_no_byte_of_a_cosigned_note_of_either_suite_can_be_changed(made: Signed) -> None:
    raw = made.cosigned.encode()
    logs, witnesses = [made.log, made.next_log], [made.witness]
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1
        note = bytes(changed).decode(errors="surrogateescape")
        try:
            said = ckpt.verify_note(note, logs), ckpt.cosigned_at(note, witnesses)
        except BadCheckpoint:
            continue
        # What became a stranger's line proves nothing any more, and takes nothing away.
        (fitted,) = [key for key in logs if is_by(note, key)]
        assert said == ((HEAD, fitted), (AT, made.witness))


def test_a_note_of_one_suite_is_nothing_in_the_other() -> None:
    intl, gm = OF_SUITE["intl-1"], OF_SUITE["gm-1"]
    for one, other in ((intl, gm), (gm, intl)):
        with pytest.raises(BadCheckpoint, match="bears no signature of"):
            ckpt.verify_note(one.note, [other.log])
        with pytest.raises(BadCheckpoint, match="bears no signature of"):
            ckpt.cosigned_at(one.cosigned, [other.witness])


def test_a_signature_has_no_more_bytes_than_its_suite_allows() -> None:
    made = OF_SUITE["gm-1"]
    note = f"{BODY}\n{forged(made.log, bytes(73))}\n"
    with pytest.raises(BadCheckpoint, match="73 bytes after the key id, not 1 to 72"):
        ckpt.verify_note(note, [made.log])
