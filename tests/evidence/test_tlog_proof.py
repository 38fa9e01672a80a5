"""Proofs of one entry: written as tlog-proof says, read in no other spelling, in both suites."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.evidence.checkpoint import LOG, WITNESS, Checkpoint, NoteKey, cosign, sign_log
from federation.evidence.tlog_policy import Policy
from federation.evidence.tlog_proof import (
    MAGIC,
    BadProof,
    LogProof,
    check_proof,
    read_proof,
    same_head,
)
from federation.trust import merkle
from federation.trust.suite import GM_1, INTL_1, Suite

# tlog-proof, the example in its introduction; the signatures there are abridged.
HEAD_OF_EXAMPLE = """\
c2sp.org/tlog-proof@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
"""
NOTE_OF_EXAMPLE = """\
example.com/fancylog
109482
sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

— example.com/fancylog hI2DJw==
"""


def entry(number: int) -> bytes:
    return f'{{"word":"{number}"}}'.encode()


def proven(suite: Suite, size: int, index: int) -> tuple[LogProof, Policy]:
    leaves = [merkle.leaf_hash(suite, entry(number)) for number in range(size)]
    secret, other = bytes([1]) * 32, bytes([2]) * 32
    log = NoteKey(suite, "example.a/log", LOG, suite.public_signing(secret))
    witness = NoteKey(suite, "example.b/witness", WITNESS, suite.public_signing(other))
    head = Checkpoint("example.a/log", size, merkle.root(suite, leaves))
    note = cosign(sign_log(head, log, suite.signer(secret)), witness, suite.signer(other), 9)
    path = merkle.audit_paths(suite, leaves)[index]
    return LogProof(index, path, note), Policy((log,), {"b": witness}, quorum="b")


def test_the_published_example_is_read_and_written() -> None:
    found = read_proof(f"{HEAD_OF_EXAMPLE}\n{NOTE_OF_EXAMPLE}")
    assert (found.index, len(found.path)) == (73894, 2)
    assert found.extra == b"age-v1.2.1-darwin-arm64.tar.gz"
    assert found.write() == f"{HEAD_OF_EXAMPLE}\n{NOTE_OF_EXAMPLE}"


@pytest.mark.parametrize("suite", [INTL_1, GM_1])
@pytest.mark.parametrize(("size", "index"), [(1, 0), (2, 1), (7, 6), (13, 4)])
def test_an_entry_is_proven_by_its_file_alone(suite: Suite, size: int, index: int) -> None:
    proof, policy = proven(suite, size, index)
    head, who = check_proof(read_proof(proof.write()), entry(index), policy)
    assert (head.size, who) == (size, frozenset({"b"}))


def test_another_entry_place_or_key_is_not() -> None:
    proof, policy = proven(INTL_1, 7, 3)
    with pytest.raises(BadProof, match="not leaf 3"):
        check_proof(proof, entry(4), policy)
    with pytest.raises(BadProof, match="not leaf 2"):
        check_proof(LogProof(2, proof.path, proof.note), entry(3), policy)
    _, stranger = proven(GM_1, 7, 3)
    with pytest.raises(BadProof):
        check_proof(proof, entry(3), stranger)
    alone = proof.note.rpartition("— example.b")[0]
    with pytest.raises(BadProof, match="quorum"):
        check_proof(LogProof(3, proof.path, alone), entry(3), policy)


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63),
       st.binary(max_size=40))  # fmt: skip
def test_what_is_written_is_read(index: int, path: list[bytes], extra: bytes) -> None:
    proof = LogProof(index, tuple(path), NOTE_OF_EXAMPLE, extra)
    assert read_proof(proof.write()) == proof


@pytest.mark.parametrize(
    "wrong",
    [
        HEAD_OF_EXAMPLE,
        f"{HEAD_OF_EXAMPLE}\n",
        f"{HEAD_OF_EXAMPLE}\n{NOTE_OF_EXAMPLE}".replace("@v1", "@v2"),
        f"{HEAD_OF_EXAMPLE}\n{NOTE_OF_EXAMPLE}".replace("index 7", "index 07"),
        f"{HEAD_OF_EXAMPLE}\n{NOTE_OF_EXAMPLE}".replace("index 73894\n", ""),
        f"{HEAD_OF_EXAMPLE}\n{NOTE_OF_EXAMPLE}".replace("index 73894", f"index {2**63}"),
        f"{HEAD_OF_EXAMPLE}\n{NOTE_OF_EXAMPLE}".replace("gSKy", "gSK"),
        f"{HEAD_OF_EXAMPLE}\n{NOTE_OF_EXAMPLE}".replace("extra YW", "extra Y"),
        f"{MAGIC}\nextra {base64.b64encode(bytes(16_385)).decode()}\nindex 1\n\nx\n",
        f"{MAGIC}\nindex 1\n" + f"{base64.b64encode(bytes(32)).decode()}\n" * 64 + "\nx\n",
        f"{MAGIC}\n\nx\n",
    ],
)
def test_another_spelling_is_refused(wrong: str) -> None:
    with pytest.raises(BadProof):
        read_proof(wrong)


def test_cosignatures_of_one_head_are_put_under_one_note() -> None:
    one = "a\n1\nb\n\n— log x\n— w1 y\n"
    other = "a\n1\nb\n\n— log x\n— w2 z\n"
    assert same_head([one, other]) == "a\n1\nb\n\n— log x\n— w1 y\n— w2 z\n"
