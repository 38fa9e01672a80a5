"""Seeded mutants of real files, re-signed by who made them: refused, or harmless and named.

A maker that cheats seals what it likes. So every mutant is sealed anew: items of lists are left
out, doubled, exchanged, moved to another place or taken from another dossier, fields are left
out. What is left to a maker is to open less than it could, and then the verdict says so.
"""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

import pytest

from federation.evidence.case import Refuted
from federation.evidence.checks import CHECKED
from federation.evidence.dossier import HEADER, read, seal
from federation.evidence.log_file import BadLog
from federation.evidence.naming import split
from federation.evidence.whole import look
from federation.wire.evidence import DECODE
from tests.evidence.evaluated import made
from tests.evidence.logs import compared, entries_of, files, with_entries
from tests.evidence.named import openable
from tests.evidence.test_naming import honest, section

SEEDS: Final = range(90)
FREE: Final = {"openings"}
"""The one section of which a maker may give less."""


def document(file: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read(file)[1].body.removeprefix(f"{HEADER}\n".encode()))
    return found


def containers(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every list and object with something in it, by path."""
    if isinstance(node, dict | list):
        if node:
            yield path, node
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from containers(value, (*path, key))


def mutate(mutant: dict[str, Any], other: dict[str, Any], random: Random) -> tuple[Any, ...]:
    """Change one place; answers which."""
    top = random.choice(sorted(mutant))
    found = [(path, node) for path, node in containers(mutant[top], (top,))]
    if not found:
        mutant[top] = other[top]
        return (top,)
    path, node = random.choice(found)
    if isinstance(node, dict):
        key = random.choice(sorted(node))
        if random.random() < 0.5:
            del node[key]
        else:
            node[key] = node[random.choice(sorted(node))]
        return path
    at = random.randrange(len(node))
    match random.randrange(5):
        case 0:
            del node[at]
        case 1:
            node.insert(at, node[at])
        case 2:
            node[at], node[-1 - at] = node[-1 - at], node[at]
        case 3:
            node.insert(random.randrange(len(node)), node.pop(at))
        case _:
            spliced = [each for inner, each in containers(other) if inner[-1:] == path[-1:]]
            theirs = random.choice([each for each in spliced if isinstance(each, list)] or [[0]])
            node[at] = random.choice(theirs)
    return path


@pytest.mark.parametrize("by", ["host", "sub"])
def test_a_mutant_that_its_maker_sealed_is_refused_or_opens_less_and_says_so(by: str) -> None:
    honest_file, other = made(by).file, document(made("sub" if by == "host" else "host").file)
    whole = look(honest_file, DECODE)
    before = json.dumps(document(honest_file), sort_keys=True)
    refused, sections, changed = list[Refuted](), set[str](), 0
    for seed in SEEDS:
        mutant = json.loads(before)
        place = mutate(mutant, other, Random(seed))
        text = json.dumps(mutant, ensure_ascii=False, indent=1, sort_keys=True)
        if json.dumps(mutant, sort_keys=True) == before:
            continue
        sections.add(place[0])
        changed += 1
        try:
            found = look(seal(f"{HEADER}\n{text}\n".encode(), made(by).sign), DECODE)
        except Refuted as error:
            refused.append(error)
            continue
        assert place[0] in FREE, f"seed {seed}: {place} was changed, and nobody saw it"
        counts = [check.count for check in found.verdict.checks]
        honest_counts = [check.count for check in whole.verdict.checks]
        assert counts != honest_counts, f"seed {seed}: {place} opens less, and nothing says so"
        assert all(now <= was for now, was in zip(counts, honest_counts, strict=True))
    assert changed > len(SEEDS) // 3  # the rest put things where they had been
    assert len(refused) > changed * 3 // 4
    assert all(error.zh and error.en for error in refused)
    assert sections >= {"agreement", "archive", "checkpoints", "conversations", "descriptors"}


def test_openings_may_come_in_any_order_and_be_cut_off_but_then_v11_says_so() -> None:
    own = openable()
    tails = [section(honest(own.sub)), section(honest(own.host))]
    straight = look(own.file + tails[0] + tails[1], DECODE).verdict
    swapped = look(own.file + tails[1] + tails[0], DECODE).verdict
    assert {name.entry for name in straight.parts[0].names} == {
        name.entry for name in swapped.parts[0].names
    }
    assert straight.checks == swapped.checks
    cut = look(own.file + tails[1], DECODE).verdict
    results = [
        {check.rule.name: check.result for check in verdict.checks}["V11"]
        for verdict in (straight, cut)
    ]
    assert results[0] == CHECKED
    assert results[1] != CHECKED


def test_mutants_of_openings_are_refused() -> None:
    own = openable()
    naming = honest(own.sub)
    tail = section(naming)
    body = json.loads(tail.split(b"\n", 1)[1].rsplit(b"seal ", 1)[0])
    for seed in range(60):
        mutant = json.loads(json.dumps(body))
        mutate(mutant, {key: [0, "00", None] for key in mutant}, Random(seed))
        if mutant == body or set(mutant) != set(body):
            continue
        text = json.dumps(mutant, ensure_ascii=False, indent=1, sort_keys=True)
        forged = resealed(own.sign[own.sub], text)
        try:
            found = look(own.file + forged, DECODE).verdict
        except Refuted:
            continue
        # Fewer members, or their order: the owner's own affair, and the count tells.
        assert {name.entry for name in found.parts[0].names} <= {
            member.entry.hex() for member in naming.members
        }


def resealed(sign: Callable[[bytes], bytes], text: str) -> bytes:
    from federation.evidence.naming import HEADER as OPENING  # noqa: PLC0415
    from federation.evidence.naming import OPENING_TYPE  # noqa: PLC0415
    from federation.evidence.shape import b64  # noqa: PLC0415
    from federation.trust.envelope import sign_alone  # noqa: PLC0415

    body = f"{OPENING}\n{text}\n".encode()
    return body + f"seal {b64(sign_alone(OPENING_TYPE, body, sign))}\n".encode()


def test_a_dossier_inside_a_dossier_or_two_in_one_file_is_refused() -> None:
    file = made().file
    for spliced in (file + file, file[: len(file) // 2] + file, file + made("sub").file):
        with pytest.raises(Refuted):
            look(spliced, DECODE)
        assert split(spliced)[1] == ()


def test_mutants_of_a_log_file_are_refused_or_named() -> None:
    host, sub = files()
    lines, refused = entries_of(sub), list[str]()
    count = min(len(lines), len(entries_of(host)))
    for seed in range(60):
        random = Random(seed)
        mutant, at, to = list(lines), random.randrange(count), random.randrange(count)
        match random.randrange(4):
            case 0:
                del mutant[at]
            case 1:
                mutant.insert(to, mutant[at])
            case 2:
                mutant[at], mutant[to] = mutant[to], mutant[at]
            case _:
                mutant[at] = entries_of(host)[to]
        if mutant == lines:
            continue
        try:
            found = compared(host, with_entries(sub, mutant))
        except BadLog as error:
            refused.append(error.where)
            continue
        assert not found.equal, f"seed {seed}"
    assert all(where.startswith("B: ") for where in refused)
    assert refused
