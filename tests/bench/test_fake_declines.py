"""The picture of fake declines is what our ranking and our walk come to, today."""

import json
from functools import cache
from typing import Any

import pytest

from tests.bench.fake_declines import BLOCK, FILE, PICTURES, SEEDS, block, content, summed
from tests.bench.fake_declines_picture import LANGUAGES, drawn

AGAIN = 7
"""Which block is played again: a second's work, and any change of ranking or walk changes it."""


@cache
def committed() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return told


def test_a_block_of_the_committed_file_comes_out_again() -> None:
    assert block(AGAIN * BLOCK) == committed()["blocks"][AGAIN]


def test_the_file_holds_all_blocks_and_nothing_else() -> None:
    assert committed() == content(committed()["blocks"])
    assert len(committed()["blocks"]) * BLOCK == SEEDS


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_committed_picture_is_drawn_from_the_committed_file(language: str) -> None:
    honest, rows = summed(committed())
    picture = (PICTURES / f"fake-declines.{language}.svg").read_text(encoding="utf-8")
    assert picture == drawn(language, honest, rows), "python -m tests.bench.fake_declines --write"


def test_sealing_the_ranking_makes_lies_a_hundred_times_as_dear_and_no_more_useful() -> None:
    _, rows = summed(committed())
    known, sealed = ({row.budget: row for row in rows if row.mode == mode}
                     for mode in ("known", "sealed"))  # fmt: skip
    for budget, row in known.items():
        assert row.success == sealed[budget].success
        cheap, dear = row.lies_per_extra_win, sealed[budget].lies_per_extra_win
        assert cheap is not None
        assert dear is not None
        assert cheap <= budget
        assert dear > 80 * cheap
