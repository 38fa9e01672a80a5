"""The receipt as a file: written and read again, and what is not one."""

import pytest

from federation.evidence.dossier import Logged
from federation.evidence.receipt_file import (
    HEADER,
    MAX_RECEIPT_BYTES,
    InvitedPart,
    OwnEntry,
    PoolPart,
    Proven,
    ReceiptFile,
    Reported,
    is_receipt,
    read,
    write,
)
from federation.evidence.shape import Misshapen
from federation.lottery.pool import ATTRIBUTES
from federation.protocol.draw import Opening
from federation.trust.envelope import Envelope

PROVEN = Proven(
    "lp1" + "b" * 32,
    Envelope(b"payload", "type", b"k" * 16, b"s" * 64, 0, 1, ()),
    Logged(5, 1_000, (b"p" * 32,)),
)
ENTRY = OwnEntry("A08", {name: Opening(name, b"salt", b"value") for name in ATTRIBUTES}, 3, ())
RECEIPT = ReceiptFile(
    maker="lp1" + "a" * 32,
    uid="FJ-0001",
    made_at_ms=1_000,
    descriptors={"lp1" + "a" * 32: b"descriptor"},
    checkpoints={"intl-1": {"lp1" + "b" * 32: "note"}},
    pools=(PoolPart("intl-1", "experts", "e", (PROVEN,), (ENTRY,)),),
    invited=(
        InvitedPart("intl-1", "experts", "e", b"d" * 16, b"e" * 32, 1, (Reported(PROVEN, b"r"),)),
    ),
)
FILE = write(RECEIPT, lambda _message: b"seal")


def test_what_was_written_is_read_again() -> None:
    receipt, body, seal = read(FILE)
    assert (receipt, seal) == (RECEIPT, b"seal")
    assert body + b"seal c2VhbA==\n" == FILE
    assert is_receipt(FILE)
    assert not is_receipt(b"lianping dossier 1\n")


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "first line"),
        (b"lianping dossier 1\n{}\nseal AA==\n", "first line"),
        (f"{HEADER}\n{{}}\n".encode(), "no seal"),
        (f"{HEADER}\n{{}}\nseal AA==".encode(), "no seal"),
        (f"{HEADER}\n{{}}\nseal ??\n".encode(), "base64"),
        (f"{HEADER}\n{{}}\nseal AA==\n".encode(), "exactly the fields"),
        (f"{HEADER}\n[\nseal AA==\n".encode(), "not JSON"),
        (FILE.replace(b'"uid"', b'"uid": "x", "uid"'), "given twice"),
        (FILE.replace(b'"FJ-0001"', b"1"), "must be a text"),
        (FILE.replace(b'"status": {', b'"state": {'), "exactly the fields"),
        (bytes(MAX_RECEIPT_BYTES + 1), "more than"),
    ],
)
def test_what_is_no_receipt_is_refused_in_a_sentence(file: bytes, words: str) -> None:
    with pytest.raises(Misshapen, match=words):
        read(file)
