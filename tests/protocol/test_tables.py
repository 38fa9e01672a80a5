"""The tables together: one a kind, every word in exactly one, every row within reach."""

from collections import deque
from collections.abc import Mapping

import pytest

from federation.protocol.conversation import EITHER, Kind, Phase, Table, Word
from federation.protocol.tables import TABLES, VOCABULARY
from tests.protocol import samples

SAMPLES: Mapping[Kind, tuple[Word, ...]] = {
    Kind.AGREEMENT: samples.AGREEMENT,
    Kind.PEERING: samples.PEERING,
    Kind.BOOKING: samples.BOOKING,
    Kind.DRAW: samples.DRAW,
    Kind.SESSION: samples.SESSION,
    Kind.SELECTION: samples.SELECTION,
    Kind.CONTRIBUTION: samples.CONTRIBUTION,
    Kind.OVERSIGHT: samples.OVERSIGHT,
}

every_table = pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.kind)


def test_every_kind_has_its_table() -> None:
    assert list(TABLES) == list(SAMPLES) == list(Kind)
    assert all(table.kind is kind for kind, table in TABLES.items())


def test_the_vocabulary_is_every_word_by_its_full_name() -> None:
    assert set(VOCABULARY.values()) == {word for table in TABLES.values() for word in table.words}
    assert len(VOCABULARY) == sum(len(table.words) for table in TABLES.values())
    for name, word in VOCABULARY.items():
        assert name == f"{word.kind}.{word.__name__}"


@every_table
def test_every_word_belongs_to_its_table_and_to_a_speaker_of_it(table: Table) -> None:
    for word in table.words:
        assert word.kind is table.kind
        assert word.speaker in {*table.roles, EITHER}
        assert "__slots__" in vars(word), "a word is a frozen dataclass with slots"


@every_table
def test_every_case_of_every_word_has_a_row_and_every_row_a_case(table: Table) -> None:
    cases = {word.case for word in SAMPLES[table.kind]}
    assert {type(word) for word in SAMPLES[table.kind]} == set(table.words)
    assert {case for _, case in table.next} == cases
    assert {name.split(".")[0] for name in cases} == {word.__name__ for word in table.words}


@every_table
def test_every_phase_can_be_reached_and_left_unless_it_is_over(table: Table) -> None:
    reached, waiting = {table.start}, deque([table.start])
    while waiting:
        phase = waiting.popleft()
        after = {then for (before, _), then in table.next.items() if before == phase}
        wait = table.waits.get(phase)
        if wait is not None and wait.lapses_to is not None:
            after.add(wait.lapses_to)
        waiting.extend(after - reached)
        reached |= after
    assert reached == table.phases - {Phase("REFUSED")}
    assert {then for then in reached if _says_nothing_more(table, then)} <= table.over


def _says_nothing_more(table: Table, phase: Phase) -> bool:
    return not any(
        before == phase and (before, case) not in table.crossings for before, case in table.next
    )


@every_table
def test_every_phase_in_which_something_is_owed_has_a_deadline(table: Table) -> None:
    """All but the beginning, the end, what is kept as agreed, and what is in doubt."""
    unbounded = table.phases - set(table.waits) - table.over - {table.start, Phase("REFUSED")}
    assert unbounded == (
        {"CONFIRMED", "IN_DOUBT"} if table.kind is Kind.BOOKING else set()
    )  # a confirmed booking waits for its date, one in doubt for the only one who knows


@every_table
def test_rules_on_rows_name_rows(table: Table) -> None:
    assert table.crossings <= set(table.next)
    assert set(table.speakers) <= set(table.next)
    by_case = {word.case: word for word in SAMPLES[table.kind]}
    for (phase, case), role in table.speakers.items():
        assert by_case[case].speaker == EITHER
        assert role in table.roles
        assert table.speaker(phase, by_case[case]) == role


@every_table
def test_the_other_of_the_other_is_oneself(table: Table) -> None:
    first, second = table.roles
    assert (table.other(first), table.other(second)) == (second, first)
