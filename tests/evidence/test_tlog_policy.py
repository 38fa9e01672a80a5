"""Policies: who must have signed and cosigned, as tlog-policy writes it."""

import pytest

from federation.evidence.checkpoint import (
    LOG,
    WITNESS,
    BadCheckpoint,
    Checkpoint,
    NoteKey,
    NoteKind,
    cosign,
    sign_log,
)
from federation.evidence.tlog_policy import (
    MAX_EACH,
    BadPolicy,
    Group,
    Policy,
    read_policy,
    read_vkey,
    vkey,
)
from federation.trust.suite import GM_1, INTL_1, Suite

ORIGIN = "example.a.gov.cn/log/1"


def key(number: int, name: str, kind: NoteKind = WITNESS, suite: Suite = INTL_1) -> NoteKey:
    return NoteKey(suite, name, kind, suite.public_signing(bytes([number]) * 32))


LOG_KEY = key(1, ORIGIN, LOG)
X1, X2, X3, Y1, Y2 = (key(number, f"witness/{number}") for number in range(2, 7))
EVERY = {"X1": X1, "X2": X2, "X3": X3, "Y1": Y1, "Y2": Y2}

# The shape of tlog-policy's own example, with keys of ours.
TEXT = f"""\
# two organisations
log {vkey(LOG_KEY)} https://example.a.gov.cn

witness X1 {vkey(X1)}
witness X2 {vkey(X2)}
  witness X3\t{vkey(X3)}
group X-witnesses 2 X1 X2 X3

witness Y1 {vkey(Y1)} https://example.y.gov.cn/
witness Y2 {vkey(Y2)}
group Y-witnesses any Y1 Y2

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def note(*names: str) -> str:
    """A checkpoint, cosigned by these."""
    signer = INTL_1.signer(bytes([1]) * 32)
    text = sign_log(Checkpoint(ORIGIN, 3, bytes(32)), LOG_KEY, signer)
    for name in names:
        number = 2 + [*EVERY].index(name)
        text = cosign(text, EVERY[name], INTL_1.signer(bytes([number]) * 32), 1_790_000_000)
    return text


def test_the_published_example_is_read() -> None:
    policy = read_policy(TEXT)
    assert policy.logs == (LOG_KEY,)
    assert policy.witnesses == EVERY
    assert policy.groups["X-witnesses"] == Group(2, ("X1", "X2", "X3"))
    assert policy.groups["X-and-Y"].at_least == 2
    assert read_policy(policy.write()) == policy


@pytest.mark.parametrize(
    ("names", "good"),
    [
        ((), False), (("X1", "X2"), False), (("X1", "Y1"), False), (("Y1", "Y2"), False),
        (("X1", "X3", "Y2"), True), (("X1", "X2", "X3", "Y1", "Y2"), True),
    ],
)  # fmt: skip
def test_the_quorum_is_reached_or_not(names: tuple[str, ...], good: bool) -> None:
    policy = read_policy(TEXT)
    if good:
        head, who = policy.check(note(*names))
        assert (head.size, who) == (3, frozenset(names))
    else:
        with pytest.raises(BadCheckpoint, match="quorum"):
            policy.check(note(*names))


def test_without_a_quorum_the_log_alone_counts() -> None:
    assert read_policy(f"log {vkey(LOG_KEY)}\nquorum none\n").check(note())[1] == frozenset()
    other = read_policy(f"log {vkey(key(9, ORIGIN, LOG))}\nquorum none\n")
    with pytest.raises(BadCheckpoint):
        other.check(note())
    with pytest.raises(BadCheckpoint):
        read_policy("quorum none\n").check(note())


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("", "no quorum"),
        (TEXT + "quorum X1\n", "line 15"),
        (TEXT.replace("quorum X-and-Y", "quorum Z"), "defined on no line"),
        (TEXT.replace("group Y-witnesses any Y1 Y2", "group Y-witnesses any Y1 Z"), "no line"),
        (TEXT.replace("any Y1 Y2", "3 Y1 Y2"), "never be reached"),
        (TEXT.replace("any Y1 Y2", "0 Y1 Y2"), "threshold"),
        (TEXT.replace("any Y1 Y2", "any Y1 Y1"), "member of a group once"),
        (TEXT.replace("any Y1 Y2", "any Y1 X1"), "member of a group once"),
        (TEXT.replace("any Y1 Y2", "any"), "members"),
        (TEXT.replace("witness Y2 ", "witness Y1 "), "taken"),
        (TEXT.replace("witness Y2 ", "witness none "), "taken"),
        (TEXT.replace(vkey(Y2), vkey(Y1)), "listed twice"),
        (TEXT.replace(vkey(Y2), vkey(LOG_KEY)), "not that of a witness"),
        (TEXT.replace(vkey(Y2), "nonsense"), "no verifier key"),
        (TEXT.replace("log ", "blog "), "line 2"),
        (TEXT.replace("log ", "log\r"), "control"),
        (TEXT + "log x y z\n", "a log has"),
        (TEXT + "witness x\n", "a witness has"),
        (TEXT + "#" * 70_000, "too long"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(wrong: str, why: str) -> None:
    with pytest.raises(BadPolicy, match=why):
        read_policy(wrong)


def test_too_many_are_refused() -> None:
    lines = [f"log {vkey(key(1 + at, f'log/{at}', LOG))}" for at in range(MAX_EACH + 1)]
    with pytest.raises(BadPolicy, match="more than"):
        read_policy("\n".join([*lines, "quorum none", ""]))


@pytest.mark.parametrize("suite", [INTL_1, GM_1])
@pytest.mark.parametrize("kind", [LOG, WITNESS])
def test_verifier_keys_of_both_suites_are_written_and_read(suite: Suite, kind: NoteKind) -> None:
    ours = key(7, "example/key", kind, suite)
    assert read_vkey(vkey(ours), kind) == ours
    with pytest.raises(BadPolicy):
        read_vkey(vkey(ours), LOG if kind is WITNESS else WITNESS)


def test_a_verifier_key_with_another_id_is_refused() -> None:
    name, key_id, encoded = vkey(LOG_KEY).split("+", 2)
    other = f"{int(key_id, 16) ^ 1:08x}"
    with pytest.raises(BadPolicy, match="key id"):
        read_vkey(f"{name}+{other}+{encoded}", LOG)
    with pytest.raises(BadPolicy, match=r"base64|no verifier"):
        read_vkey(f"{name}+{key_id}+{encoded[:-1]}", LOG)


def test_the_go_implementations_key_is_read_and_written() -> None:
    """golang.org/x/mod/sumdb/note, the format's first implementation."""
    published = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert vkey(read_vkey(published, LOG)) == published


def test_a_policy_without_groups_is_written() -> None:
    assert read_policy(Policy((LOG_KEY,), {"X1": X1}, quorum="X1").write()).quorum == "X1"
