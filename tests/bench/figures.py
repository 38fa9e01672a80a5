"""What a run found, as a table for people and as JSON for everything else."""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

COLUMNS: Final = (
    ("测量项 · measured", "<"),
    ("实测 · value", ">"),
    ("参照 · yardstick", ">"),
    ("单位 · unit", "<"),
    ("比值 · ratio", ">"),
    ("要求 · wanted", ">"),
)


@dataclass(frozen=True)
class Figure:
    """One measured value and its yardstick, taken in turns within the same minute.

    Args:
        name: For JSON.
        zh: For people.
        en: For people.
        unit: Of both values.
        values: One for each round.
        yardsticks: One for each round.
        wanted: The ratio that the project promises at least; None if it promises nothing.
        most: The ratio that it promises at most.
    """

    name: str
    zh: str
    en: str
    unit: str
    values: Sequence[float]
    yardsticks: Sequence[float]
    wanted: float | None = None
    most: float | None = None

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios: one round beside a noisy neighbour does not count."""
        return median(
            value / yardstick for value, yardstick in zip(self.values, self.yardsticks, strict=True)
        )


def write_json(
    path: Path, figures: Sequence[Figure], *, quick: bool, about: dict[str, str]
) -> None:
    """Write all figures with what they were measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "quick": quick,
        "about": about,
        "figures": [{**asdict(figure), "ratio": figure.ratio} for figure in figures],
    }
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def table(figures: Sequence[Figure]) -> str:
    """The figures as aligned text; a Chinese character takes two columns."""
    rows = [[title for title, _ in COLUMNS]]
    rows += [
        [
            f"{figure.zh} · {figure.en}",
            _number(median(figure.values)),
            _number(median(figure.yardsticks)),
            figure.unit,
            f"{figure.ratio:.2f}",
            _promise(figure),
        ]
        for figure in figures
    ]
    widths = [max(_width(row[at]) for row in rows) for at in range(len(COLUMNS))]
    lines = []
    for row in rows:
        cells = []
        for text, width, (_, side) in zip(row, widths, COLUMNS, strict=True):
            gap = " " * (width - _width(text))
            cells.append(text + gap if side == "<" else gap + text)
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
    return "\n".join(lines)


def _promise(figure: Figure) -> str:
    if figure.most is not None:
        return f"≤ {figure.most:.2f}"
    return "" if figure.wanted is None else f"≥ {figure.wanted:.2f}"


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
