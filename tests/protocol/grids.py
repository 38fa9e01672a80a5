"""Reads the hand-written grids of legal cells, and holds a table against one.

A grid says for each legal cell: phase, word case, next phase, who may say it, who may hear it
("-" for nobody). Whatever is not in the grid must be refused as out of turn. The grids are
written from the protocol's description, never from the tables.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import override

from federation.errors import OutOfTurn
from federation.ids import CenterId, ConversationId
from federation.protocol.conversation import Conversation, Phase, Role, Table, Word, hear, say

NOW = 1_900_000_000_000
PEER = CenterId("lp1" + "b" * 32)
CONVERSATION_ID = ConversationId(bytes(range(16)))


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a legal word leads, and who may say and hear it."""

    next: Phase
    sayers: frozenset[Role]
    hearers: frozenset[Role]


@dataclass(frozen=True, slots=True)
class Trial:
    """One cell of a table, tried from one side in one direction."""

    phase: Phase
    word: Word
    role: Role
    said: bool

    @override
    def __str__(self) -> str:
        verb = "says" if self.said else "hears"
        return f"{self.phase}-{self.role}-{verb}-{self.word.case}"


@dataclass(frozen=True, slots=True)
class Grid:
    """What a table must be: all its phases, one sample of each word case, the legal cells."""

    phases: tuple[Phase, ...]
    roles: tuple[Role, Role]
    samples: tuple[Word, ...]
    cells: Mapping[tuple[Phase, str], Cell]

    def trials(self) -> list[Trial]:
        """Every (phase, word case) by both roles, said and heard."""
        product = itertools.product(self.phases, self.samples, self.roles, (True, False))
        return [Trial(phase, word, role, said) for phase, word, role, said in product]

    def expected(self, trial: Trial) -> Phase | None:
        """The phase that must follow, or None when the word must be refused."""
        cell = self.cells.get((trial.phase, trial.word.case))
        if cell is None or trial.role not in (cell.sayers if trial.said else cell.hearers):
            return None
        return cell.next


def grid(phases: str, roles: tuple[Role, Role], samples: tuple[Word, ...], text: str) -> Grid:
    """Parse a grid: one line a cell, ``phase word next sayers hearers``."""
    cells: dict[tuple[Phase, str], Cell] = {}
    for line in filter(str.strip, text.splitlines()):
        phase, case, after, sayers, hearers = line.split()
        assert (Phase(phase), case) not in cells, f"{phase} {case} is in the grid twice"
        cells[Phase(phase), case] = Cell(Phase(after), _roles(sayers), _roles(hearers))
    known = {word.case for word in samples}
    assert {case for _, case in cells} == known, "a word case has no sample or no cell"
    return Grid(tuple(Phase(phase) for phase in phases.split()), roles, samples, cells)


def _roles(text: str) -> frozenset[Role]:
    return frozenset(Role(role) for role in text.split("/") if role != "-")


def standing(table: Table, phase: Phase, role: Role) -> Conversation:
    """A conversation that stands in ``phase`` and has said 3 and heard 5 words."""
    return Conversation(
        id=CONVERSATION_ID,
        kind=table.kind,
        role=role,
        peer=PEER,
        agreement=None,
        suite="intl-1",
        phase=phase,
        said=3,
        heard=5,
        deadline_ms=NOW + 7,
    )


def check_cell(table: Table, expected: Phase | None, trial: Trial) -> None:
    """Assert that a cell of the table is as the grid wants it."""
    before = standing(table, trial.phase, trial.role)
    step = say if trial.said else hear
    refusal = None
    try:
        after = step(table, before, trial.word, NOW)
    except OutOfTurn as error:
        after, refusal = before, str(error)
    if refusal is not None:
        assert expected is None, f"{trial} is refused: {refusal}"
        assert trial.word.case in refusal, "the refusal must name the word"
        return
    assert after.phase == expected, f"{trial} leads to {after.phase}, not {expected}"
    assert (after.said, after.heard) == ((4, 5) if trial.said else (3, 6))
    assert (after.id, after.role, after.peer) == (before.id, before.role, before.peer)


def check_all(table: Table, wanted: Grid) -> None:
    """Assert that every cell is as wanted, and that the table names no other phase."""
    assert table.phases == frozenset(wanted.phases)
    assert table.roles == wanted.roles
    for trial in wanted.trials():
        check_cell(table, wanted.expected(trial), trial)
