"""The protocol in words, in proto and in tables says one thing.

`proto/README.md` is normative, `.proto` gives the bytes, `federation.protocol` is what runs. Each
difference is reported by name, so that whoever changed one knows where the other is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from federation import errors
from federation.protocol.conversation import EITHER, Kind, Table, Word
from federation.protocol.tables import TABLES, VOCABULARY
from federation.trust.envelope import batch_type
from federation.trust.keys import agreement_type, descriptor_type
from federation.wire.envelopes import MAX_CALL_BYTES, RECEIPT_TYPE
from federation.wire.reports import report_type
from federation.wire.words import MAX_BODY_BYTES, PAYLOAD_TYPES

PROTO = Path(__file__).parents[2] / "proto"
README = (PROTO / "README.md").read_text(encoding="utf-8")
PACKAGE = PROTO / "lianping/federation/v1"

CROSSED = "– (crossed)"
NOWHERE = "–"
UNITS = {"d": 86_400_000, "h": 3_600_000, "min": 60_000}

Row = tuple[str, ...]


def _tables(text: str) -> Iterator[tuple[Row, list[Row]]]:
    """Every Markdown table: its head, its rows."""
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        head, _, *rows = [_cells(line) for line in block.splitlines()]
        yield head, rows


def _cells(line: str) -> Row:
    return tuple(cell.strip().replace("`", "") for cell in line.strip("|").split(" |"))


@dataclass(frozen=True, slots=True)
class Section:
    """What the README says of one kind."""

    speakers: dict[str, str]
    transitions: dict[tuple[str, str], tuple[str, str]]
    waits: dict[str, tuple[str, str, int, str]]
    over: set[str]


def _section(kind: Kind) -> Section:
    sections = re.split(r"^###? ", README, flags=re.MULTILINE)
    (text,) = [part for part in sections if f"\nKind `{kind}`, roles " in part]
    by_head = dict(_tables(text))
    speakers = {row[0]: row[1] for row in by_head["word", "who", "when", "promises", "refused as"]}
    rows = by_head["phase", "word", "next", "said by"]
    transitions = {(phase, case): (after, by) for phase, case, after, by in rows}
    assert len(transitions) == len(rows), f"{kind}: a row is given twice in proto/README.md"
    silences = by_head["phase", "whose turn", "authority", "limit", "silence leads to"]
    waits = {
        phase: (turn, authority, _milliseconds(limit), after)
        for phase, turn, authority, limit, after in silences
    }
    over = re.search(r"^Over: (.*)\.$", text, re.MULTILINE)
    assert over is not None, f"{kind}: proto/README.md does not say which phases are over"
    return Section(speakers, transitions, waits, set(over[1].split(", ")))


def _milliseconds(text: str) -> int:
    number, unit = text.split()
    return int(number) * UNITS[unit]


def _messages(kind: Kind) -> dict[str, list[str]]:
    """The fields of each message of a kind's proto file, in order of their numbers."""
    text = (PACKAGE / f"{kind}.proto").read_text(encoding="utf-8")
    return {
        name: [field for field, _ in sorted(_fields(body), key=lambda pair: pair[1])]
        for name, body in re.findall(r"^message (\w+) \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    }


def _fields(body: str) -> list[tuple[str, int]]:
    found = re.findall(r"^  (?:repeated )?[\w.]+ (\w+) = (\d+);", body, re.MULTILINE)
    return [(name, int(number)) for name, number in found]


def differences(what: str, readme: object, program: object) -> list[str]:
    """Name what one of two mappings or sets has and the other has not, or has otherwise."""
    if isinstance(readme, dict) and isinstance(program, dict):
        keys = sorted({*readme, *program}, key=str)
        return [
            f"{what} {key}: README says {readme.get(key)}, the program {program.get(key)}"
            for key in keys
            if readme.get(key) != program.get(key)
        ]
    return [] if readme == program else [f"{what}: README says {readme}, the program {program}"]


def _said_by(table: Table, phase: str, case: str) -> str:
    words = {word.__name__: word for word in table.words}
    row = next(row for row in table.next if row == (phase, case))
    if row in table.crossings:
        return CROSSED
    return table.speakers.get(row, words[case.split(".", maxsplit=1)[0]].speaker)


every_kind = pytest.mark.parametrize("kind", Kind)
every_word = pytest.mark.parametrize("word", VOCABULARY.values(), ids=VOCABULARY.keys())


@every_kind
def test_every_word_of_a_kind_is_described_with_its_speaker(kind: Kind) -> None:
    program = {word.__name__: str(word.speaker) for word in TABLES[kind].words}
    assert differences(f"{kind} word", _section(kind).speakers, program) == []


@every_kind
def test_every_transition_is_written_and_every_written_one_is_there(kind: Kind) -> None:
    table = TABLES[kind]
    program = {
        (str(phase), case): (str(after), _said_by(table, phase, case))
        for (phase, case), after in table.next.items()
    }
    assert differences(f"{kind} row", _section(kind).transitions, program) == []


@every_kind
def test_every_deadline_is_written_and_every_written_one_is_there(kind: Kind) -> None:
    program = {
        str(phase): (wait.turn, wait.authority, wait.limit_ms, wait.lapses_to or NOWHERE)
        for phase, wait in TABLES[kind].waits.items()
    }
    assert differences(f"{kind} deadline", _section(kind).waits, program) == []


@every_kind
def test_the_phases_that_are_over_are_named(kind: Kind) -> None:
    assert differences(f"{kind} over", _section(kind).over, set(TABLES[kind].over)) == []


@every_word
def test_a_word_is_a_message_with_the_same_fields_in_the_same_order(word: type[Word]) -> None:
    messages = _messages(word.kind)
    assert word.__name__ in messages, f"{word.kind}.proto has no message {word.__name__}"
    ours = [field.name for field in fields(word)]
    theirs = messages[word.__name__]
    assert theirs == ours, f"{word.kind}.proto {word.__name__} has {theirs}, the class {ours}"


@every_word
def test_the_comment_of_a_message_names_its_speaker(word: type[Word]) -> None:
    text = (PACKAGE / f"{word.kind}.proto").read_text(encoding="utf-8")
    comment = re.search(rf"((?:^//.*\n)+)^message {word.__name__} ", text, re.MULTILINE)
    assert comment is not None, f"{word.kind}.proto says nothing about {word.__name__}"
    speaker = comment[1].split(":")[0].removeprefix("// ").upper()
    also = {"FIRST": "TESTER", "SECOND": "TESTED", EITHER: "ANNOUNCER"}
    called = {word.speaker, also.get(word.speaker) if word.kind is Kind.PEERING else None}
    assert speaker in called, f"{word.__name__} is said by {word.speaker}, not {speaker}"


def test_every_message_of_a_word_file_is_a_word_or_a_part_of_one() -> None:
    for kind, table in TABLES.items():
        text = (PACKAGE / f"{kind}.proto").read_text(encoding="utf-8")
        words = {word.__name__ for word in table.words}
        parts = set(re.findall(r"^  (?:repeated )?([A-Z]\w+) \w+ = \d+;", text, re.MULTILINE))
        signed_as_bytes = {"AgreementTerms", "JointTestReport"}
        assert set(_messages(kind)) - words <= parts | signed_as_bytes


def test_every_refusal_reason_is_described_and_can_be_raised() -> None:
    proto = (PACKAGE / "federation.proto").read_text(encoding="utf-8")
    on_the_wire = set(re.findall(r"REFUSAL_REASON_(\w+) = [1-9]", proto))
    head = ("reason", "means", "what the sender should do")
    described = {row[0] for row in dict(_tables(README))[head]}
    raised = {
        error.reason
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.FederationError)
    } - {errors.FederationError.reason}
    assert differences("refusal", described, on_the_wire) == []
    assert differences("refusal", described, raised) == []


def test_every_rpc_is_described() -> None:
    proto = (PACKAGE / "federation.proto").read_text(encoding="utf-8")
    described = [row[0] for row in dict(_tables(README))["RPC", "what", "repeating it"]]
    assert described == re.findall(r"^  rpc (\w+)\(", proto, re.MULTILINE)


def test_the_payload_types_are_the_written_ones() -> None:
    for name, word in VOCABULARY.items():
        assert PAYLOAD_TYPES[word] == f"application/vnd.lianping.v1.{name}+protobuf"
    for kind in (
        batch_type("<suite>"),
        RECEIPT_TYPE,
        agreement_type("<suite>"),
        descriptor_type("<suite>"),
        report_type("<suite>"),
    ):
        assert kind in README, f"proto/README.md does not give the payload type {kind}"


def test_the_limits_of_size_are_the_written_ones() -> None:
    limits = {row[0]: row[1] for row in dict(_tables(README))["limit", "value", "why"]}
    assert limits["one message on the wire"] == f"{MAX_CALL_BYTES >> 20} MiB"
    assert limits["body of one word"] == f"{MAX_BODY_BYTES >> 10} KiB"


def test_identifiers_of_the_glossary_are_in_use() -> None:
    used = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.glob("*.proto"))
    used += "".join(f"kind {kind} " for kind in Kind)
    used += "".join(f"{role} " for table in TABLES.values() for role in table.roles)
    for chinese, _, identifiers in dict(_tables(README))["中文", "term", "identifier"]:
        for identifier in identifiers.split(", "):
            pattern = rf"(\b|_){identifier}\b"
            assert re.search(pattern, used), f"{chinese}: nothing is called {identifier}"


def test_a_difference_is_named() -> None:
    found = differences("row", {"a": 1, "b": 2}, {"a": 1, "c": 3})
    assert found == [
        "row b: README says 2, the program None",
        "row c: README says None, the program 3",
    ]
    assert differences("over", {"X"}, {"Y"}) == ["over: README says {'X'}, the program {'Y'}"]
