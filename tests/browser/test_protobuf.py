"""Protobuf's Python half, which the page runs, reads what its compiled half reads, and no more.

A verdict must not depend on it: every message of a dossier, spoilt in many ways, is read by both,
and what is read, or the words of the refusal, must be the same.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import pytest

from federation.evidence.dossier import read
from federation.wire.evidence import DECODE
from tests.evidence.evaluated import made

ROOT: Final = Path(__file__).resolve().parents[2]
SPOILT: Final = 40  # ways, of each message
IMPLEMENTATION: Final = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"

Case = tuple[str, str, bytes]


def messages() -> Iterator[Case]:
    """One message of each type in a dossier, and each as it lies in a statement."""
    seen = set()
    dossier = read(made("host", "intl-1").file)[0]
    yield "terms", "", dossier.document
    for talk in dossier.conversations:
        for line in talk.lines:
            for kind, envelope in (("word", line.envelope), ("receipt", line.receipt)):
                if envelope.payload_type not in seen:
                    seen.add(envelope.payload_type)
                    yield "statement", "", envelope.payload
                    yield kind, envelope.payload_type, DECODE.statement(envelope.payload).body


def spoilt(raw: bytes, random: Random) -> bytes:
    """The bytes with something wrong, as a forger or a bad disk would leave them."""
    at, other = random.randrange(len(raw) + 1), random.randrange(len(raw) + 1)
    match random.randrange(7):
        case 0:
            return raw[:at] + bytes([random.randrange(256)]) + raw[at + 1 :]
        case 1:
            return (
                raw[:at] + bytes([raw[at] ^ 1 << random.randrange(8)]) + raw[at + 1 :]
                if (at < len(raw))
                else raw
            )
        case 2:
            return raw[:at]
        case 3:
            return raw[:at] + random.randbytes(random.randrange(1, 4)) + raw[at:]
        case 4:
            return raw[:at] + raw[other:]
        case 5:  # unknown fields of every wire type, groups among them, and fields without number
            return raw + random.choice([
                b"\xf8\x7f\x01", b"\xfa\x7f\x01x", b"\xfb\x7f\xfc\x7f", b"\xfb\x7f", b"\xfc\x7f",
                b"\xf9\x7f12345678", b"\xfd\x7f1234", b"\x00\x01", b"\xfe\x7f", b"\xff\x7f",
                b"\x08" + b"\xff" * 9 + b"\x01", b"\x08" + b"\xff" * 10, b"\x08\x80\x00",
                b"\x0a\x80\x80\x80\x80\x08", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x02\xc3\x28",
            ])  # fmt: skip
        case _:
            return raw + raw[:at]


def told(cases: list[Case], implementation: str) -> list[str]:
    asked = json.dumps([(kind, payload_type, raw.hex()) for kind, payload_type, raw in cases])
    said = subprocess.run(
        [sys.executable, "-m", "tests.browser.read_cases"],
        input=asked, capture_output=True, text=True, check=True, timeout=200, cwd=ROOT,
        env={**os.environ, IMPLEMENTATION: implementation, "PYTHONPATH": str(ROOT / "proto/gen")},  # noqa: TID251 - the other half is chosen there
    )  # fmt: skip
    found, answers = json.loads(said.stdout)
    assert found == implementation
    return [str(answer) for answer in answers]


@pytest.mark.parametrize("seed", [1])
def test_both_halves_of_protobuf_read_alike_and_refuse_in_the_same_words(seed: int) -> None:
    random = Random(seed)
    whole = list(messages())
    cases = whole + [
        (kind, payload_type, spoilt(raw, random))
        for kind, payload_type, raw in whole
        for _ in range(SPOILT)
    ]
    compiled, python = told(cases, "upb"), told(cases, "python")
    different = [
        (kind, payload_type, raw.hex(), one, two)
        for (kind, payload_type, raw), one, two in zip(cases, compiled, python, strict=True)
        if one != two
    ]
    assert different == []
    refused = sum(answer.startswith("Malformed") for answer in compiled)
    assert len(cases) // 10 < refused < len(cases)
