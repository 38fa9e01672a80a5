"""The offline verifier: it believes the honest, and names what the others did."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.evidence.case import Refuted, Step
from federation.evidence.dossier import HEADER, Dossier, Line, Transcript, read, seal, write
from federation.evidence.verdict import Verdict
from federation.evidence.verify import verify
from federation.trust import gm, sm2
from federation.trust.errors import SuiteUnavailable
from federation.trust.suite import SUITES
from federation.wire.evidence import DECODE
from federation.wire.words import TERMS
from tests.evidence.evaluated import made

SAMPLED = 250
TEN_YEARS_OF_FLIPS = Random(10)


def examine(file: bytes) -> Verdict:
    return verify(file, DECODE)


def refuted(file: bytes) -> Refuted:
    with pytest.raises(Refuted) as caught:
        examine(file)
    assert caught.value.zh
    assert caught.value.en
    return caught.value


def honest() -> Dossier:
    return read(made().file)[0]


def forged(dossier: Dossier) -> bytes:
    """The maker itself forges: its seal fits."""
    return write(dossier, made().sign)


@pytest.mark.parametrize("by", ["host", "sub"])
def test_an_honest_dossier_of_either_center_holds(by: str) -> None:
    verdict = examine(made(by).file)
    assert verdict.maker == made(by).maker
    assert [party.role for party in verdict.parties] == ["HOST", "SUB"]
    assert (verdict.members, verdict.representatives) == (5, 1)
    assert [draw.members for draw in verdict.draws] == [3, 1]
    assert verdict.draws[0].supplements > 0
    assert verdict.outside_contributors == 0
    assert verdict.started_ms < verdict.finished_ms < verdict.received_ms


@pytest.mark.parametrize("suite_id", SUITES)
def test_an_honest_dossier_of_either_suite_holds_under_its_own_suite_only(suite_id: str) -> None:
    found = made("host", suite_id)
    assert examine(found.file).members == 5
    (other,) = set(SUITES) - {suite_id}
    with pytest.raises(Refuted) as caught:
        examine(write(under(read(found.file)[0], other), found.sign))
    assert caught.value.step is Step.AGREEMENT


def test_who_knows_the_excluded_employers_opens_them() -> None:
    by_host = [draw.exclusions for draw in examine(made("host").file).draws]
    by_sub = [draw.exclusions for draw in examine(made("sub").file).draws]
    assert (by_host, by_sub) == (["NONE", "CHECKED"], ["NONE", "SEALED"])


def test_the_file_holds_no_personal_data() -> None:
    # Names of the pool's experts and their employers' codes are of these forms in the tests.
    said = made().file + b"".join(
        line.envelope.payload + line.receipt.payload
        for item in honest().conversations
        for line in item.lines
    )
    assert "专家".encode() not in said.replace("评标专家".encode(), b"").replace(
        "专家库".encode(), b""
    )
    assert b"E00000" not in said


@pytest.mark.parametrize("flip", [0x01, 0x80])
def test_any_changed_byte_of_a_whole_dossier_is_refuted(flip: int) -> None:
    file = made().file
    edges = [*range(24), *range(len(file) - 100, len(file))]
    for at in [*edges, *TEN_YEARS_OF_FLIPS.sample(range(len(file)), SAMPLED)]:
        refuted(file[:at] + bytes([file[at] ^ flip]) + file[at + 1 :])


def talk(dossier: Dossier, kind: str, word: str) -> int:
    """Place of the first conversation of a kind with a word."""
    return next(
        at
        for at, item in enumerate(dossier.conversations)
        if item.kind == kind
        and any(f".{word}+" in line.envelope.payload_type for line in item.lines)
    )


def with_lines(
    dossier: Dossier, at: int, change: Callable[[tuple[Line, ...]], tuple[Line, ...]]
) -> Dossier:
    talks = list(dossier.conversations)
    talks[at] = Transcript(talks[at].id, talks[at].kind, change(talks[at].lines))
    return replace(dossier, conversations=tuple(talks))


def without(dossier: Dossier, at: int) -> Dossier:
    talks = dossier.conversations
    return replace(dossier, conversations=talks[:at] + talks[at + 1 :])


def swapped_receipts(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    places = [at for at, line in enumerate(lines) if ".CheckIn+" in line.envelope.payload_type]
    first, second = places[:2]
    changed = list(lines)
    changed[first] = replace(lines[first], receipt=lines[second].receipt)
    changed[second] = replace(lines[second], receipt=lines[first].receipt)
    return tuple(changed)


def other_payload(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    envelope = lines[0].envelope
    spoilt = replace(envelope, signature=bytes(64))
    return (replace(lines[0], envelope=spoilt), *lines[1:])


def later(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    last = lines[-1]
    logged = {center: replace(at, at_ms=at.at_ms + 1) for center, at in last.logged.items()}
    return (*lines[:-1], replace(last, logged=logged))


def other_path(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    last = lines[-1]
    logged = {
        center: replace(at, path=(bytes(32), *at.path[1:])) for center, at in last.logged.items()
    }
    return (*lines[:-1], replace(last, logged=logged))


def swapped(table: Any) -> dict[str, Any]:
    (first, one), (second, two) = table.items()
    return {first: two, second: one}


def opened(dossier: Dossier, **changes: Any) -> Dossier:
    """Change the opening of the draw whose exclusions are opened."""
    draw, opening = next(
        (draw, found) for draw, found in dossier.openings.items() if found.excluded is not None
    )
    return replace(dossier, openings={**dossier.openings, draw: replace(opening, **changes)})


def under(dossier: Dossier, suite: str) -> Dossier:
    """The same with an agreement that names another suite."""
    terms = replace(TERMS.decode(dossier.document), suite=suite)
    return replace(dossier, document=TERMS.encode(terms))


def test_a_suite_that_nobody_knows_is_named() -> None:
    found = refuted(forged(under(honest(), "intl-2")))
    assert found.step is Step.AGREEMENT
    assert "'intl-2'" in found.zh
    assert found.en == "suite 'intl-2' is none of intl-1, gm-1"


@pytest.fixture
def _no_libcrypto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sm2, "LIBRARIES", ())
    for remembered in (sm2._libcrypto, gm.ready):
        remembered.cache_clear()
    yield
    gm.ready.cache_clear()


@pytest.mark.usefixtures("_no_libcrypto")
def test_only_a_dossier_of_gm_1_needs_libcrypto() -> None:
    found = made("host", "intl-1")
    assert examine(found.file).maker == found.maker
    with pytest.raises(SuiteUnavailable, match="needs the system's OpenSSL"):
        examine(write(under(read(found.file)[0], "gm-1"), found.sign))


FORGERIES: list[tuple[Step, str, Callable[[Dossier], Dossier]]] = [
    (Step.DESCRIPTORS, "swapped keys", lambda d: replace(d, descriptors=swapped(d.descriptors))),
    (Step.DESCRIPTORS, "another maker", lambda d: replace(d, maker="lp1" + "a" * 32)),
    (Step.AGREEMENT, "swapped signatures", lambda d: replace(d, signatures=swapped(d.signatures))),
    (Step.AGREEMENT, "another document", lambda d: replace(d, document=d.document[:-2])),
    (Step.ENVELOPES, "no signature", lambda d: with_lines(d, 0, other_payload)),
    (Step.ENVELOPES, "a word twice", lambda d: with_lines(d, 0, lambda x: (*x, x[0]))),
    (Step.ENVELOPES, "nothing said", lambda d: with_lines(d, 0, lambda _: ())),
    (
        Step.CONVERSATIONS,
        "a word left out",
        lambda d: with_lines(d, talk(d, "session", "Start"), lambda x: x[:3] + x[4:]),
    ),
    (
        Step.CONVERSATIONS,
        "words the other way round",
        lambda d: with_lines(d, talk(d, "booking", "Hold"), lambda x: (x[1], x[0], *x[2:])),
    ),
    (Step.CONVERSATIONS, "no session", lambda d: without(d, talk(d, "session", "Start"))),
    (
        Step.RECEIPTS,
        "swapped receipts",
        lambda d: with_lines(d, talk(d, "session", "CheckIn"), swapped_receipts),
    ),
    (Step.LOGS, "another time", lambda d: with_lines(d, talk(d, "session", "Start"), later)),
    (Step.LOGS, "another path", lambda d: with_lines(d, talk(d, "session", "Start"), other_path)),
    (Step.LOGS, "swapped checkpoints", lambda d: replace(d, checkpoints=swapped(d.checkpoints))),
    (Step.POOLS, "no commitment", lambda d: without(d, talk(d, "peering", "AnnouncePool"))),
    (Step.DRAWS, "a hidden draw", lambda d: without(d, talk(d, "draw", "Open"))),
    (Step.DRAWS, "other exclusions", lambda d: opened(d, excluded=("911101085513850000",))),
    (Step.DRAWS, "another list", lambda d: opened(d, list_salts={1: bytes(32)})),
    (Step.DRAWS, "an opening of nothing", lambda d: replace(
        d, openings={bytes(16): next(iter(d.openings.values()))}
    )),
    (Step.EVALUATION, "no booking", lambda d: without(d, talk(d, "booking", "Hold"))),
    (Step.EVALUATION, "no joint test", lambda d: without(d, talk(d, "peering", "StartTest"))),
    (Step.ARCHIVE, "another manifest", lambda d: replace(d, archive=())),
    (Step.TIMELINE, "a shorter story", lambda d: replace(d, timeline=d.timeline[:-1])),
    (
        Step.TIMELINE,
        "another story",
        lambda d: replace(d, timeline=(replace(d.timeline[0], zh="无事"), *d.timeline[1:])),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "forgery"),
    [(step, forgery) for step, _, forgery in FORGERIES],
    ids=[name for _, name, _ in FORGERIES],
)
def test_a_forgery_by_the_maker_is_refuted_at_its_step(
    step: Step, forgery: Callable[[Dossier], Dossier]
) -> None:
    assert refuted(forged(forgery(honest()))).step is step


def test_a_seal_of_somebody_else_is_refuted_last() -> None:
    assert refuted(write(honest(), made().other_sign)).step is Step.SEAL


def test_a_file_that_is_no_dossier_is_refuted_first() -> None:
    assert refuted(b"").step is Step.FILE


def leaves(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node)
    found = []
    for key, value in inner:
        found.append((*path, key))
        if isinstance(value, dict | list):
            found += leaves(value, (*path, key))
    return found


TEXT = read(made().file)[1].body.removeprefix(f"{HEADER}\n".encode())
PLACES = leaves(json.loads(TEXT))
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 2**64), st.text(max_size=8), st.just([]),
    st.just({}), st.sampled_from(["AAAA", "00", "9" * 20, "lp1" + "a" * 32]),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PLACES), VALUES)
def test_whatever_a_maker_writes_is_judged_and_never_a_crash(
    place: tuple[Any, ...], value: object
) -> None:
    document = json.loads(TEXT)
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    file = seal(f"{HEADER}\n{json.dumps(document)}\n".encode(), made().sign)
    if json.dumps(document) == json.dumps(json.loads(TEXT)):  # False is not 0 here
        assert examine(file).words == examine(made().file).words
        return
    try:
        examine(file)
    except Refuted:
        return
    # The maker may open less than it could; nothing else is free.
    assert place[0] == "openings"
