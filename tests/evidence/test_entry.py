"""A leaf of the evidence log, byte for byte."""

import json

from hypothesis import given
from hypothesis import strategies as st

from federation.evidence.entry import act_entry, log_entry
from federation.wire.words import PAYLOAD_TYPES

PEER = "lp1" + "a" * 32
digests = st.binary(min_size=32, max_size=32)


def test_the_vector() -> None:
    kind = "application/vnd.lianping.v1.booking.Hold+protobuf"

    assert log_entry("in", PEER, kind, b"\1" * 32, b"\2" * 32, 5) == (
        b'{"at":5,"dir":"in","peer":"lp1' + b"a" * 32 + b'","receipt":"' + b"02" * 32 + b'",'
        b'"type":"application/vnd.lianping.v1.booking.Hold+protobuf","v":1,"word":"'
        + b"01" * 32
        + b'"}'
    )


@given(
    st.sampled_from(["in", "out"]),
    st.sampled_from(sorted(PAYLOAD_TYPES.values())),
    digests,
    st.one_of(st.just(b""), digests),
    st.integers(0, 2**53),
)
def test_an_entry_is_the_one_line_of_json_that_it_looks_like(
    direction: str, kind: str, word: bytes, receipt: bytes, at_ms: int
) -> None:
    fields = {
        "v": 1,
        "dir": direction,
        "peer": PEER,
        "type": kind,
        "word": word.hex(),
        "receipt": receipt.hex(),
        "at": at_ms,
    }
    expected = json.dumps(fields, separators=(",", ":"), sort_keys=True).encode()

    assert log_entry(direction, PEER, kind, word, receipt, at_ms) == expected


def test_the_leaf_of_an_act_names_nobody_and_nothing_but_a_digest() -> None:
    assert act_entry(PEER, b"\5" * 32, 7) == (
        b'{"act":"' + b"05" * 32 + b'","at":7,"center":"lp1' + b"a" * 32 + b'","v":1}'
    )
