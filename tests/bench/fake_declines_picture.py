"""Draws what ``fake_declines`` found, as an SVG by hand: two small charts beside each other.

Left: in which share of the draws the favourite is on the list, which is the same whatever the
owner knows. Right: how many lies each draw cost that only lies have won, on a logarithmic scale:
that is what sealing the ranking changes. Numbers are written with fixed places, so that the same
rows give the same bytes.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from tests.bench.fake_declines import Row

LANGUAGES: Final = ("zh", "en")
WIDTH: Final = 880
HEIGHT: Final = 360
TOP: Final = 92
BOTTOM: Final = 300
LEFT: Final = (70, 520)  # of the two charts
WIDE: Final = 310
FONT: Final = "system-ui,'Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif"
INK, PALE, GRID = "#1f2328", "#59636e", "#d1d9e0"
COLOURS: Final = {"known": "#cf222e", "sealed": "#0969da"}
MARK: Final = 4.5
MOST_BUDGET: Final = 6
MOST_LIES: Final = 1_000

TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "zh": {
        "title": "虚报“不参加”: 300 人中抽 3 人, 库主想让某一人入选",
        "success": "此人入选的比例",
        "cost": "每多入选一次, 要虚报几次",
        "budget": "每次抽取最多虚报几次",
        "known": "次序公开",
        "sealed": "次序密封 (本系统)",
        "honest": "不虚报",
    },
    "en": {
        "title": "Fake declines: 3 of 300 are drawn, the owner wants one of them in",
        "success": "how often that one is on the list",
        "cost": "fake declines for each extra time",
        "budget": "fake declines allowed in a draw",
        "known": "ranking known",
        "sealed": "ranking sealed (as here)",
        "honest": "no lies",
    },
}


def drawn(language: str, honest: float, rows: Sequence["Row"]) -> str:
    """The picture.

    Args:
        language: Of its words: ``zh`` or ``en``.
        honest: The success without any lie.
        rows: For each mode and budget.
    """
    words = TEXTS[language]
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    budgets = sorted({row.budget for row in rows})
    most = max(row.success for row in rows)
    top = math.ceil(100 * most) / 100
    percent = [(share / 100, f"{share} %") for share in range(round(100 * top) + 1)]
    powers = [(float(lies), f"{lies:,}") for lies in (1, 10, 100, MOST_LIES)]

    def linear(share: float) -> float:
        return share / top

    def logarithmic(lies: float) -> float:
        return math.log(lies) / math.log(MOST_LIES)

    success = [(row.mode, row.budget, linear(row.success)) for row in rows]
    cost = [
        (row.mode, row.budget, logarithmic(row.lies_per_extra_win))
        for row in rows
        if row.lies_per_extra_win is not None
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}">',
            f"<title>{escape(words['title'])}</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>',
            _text(WIDTH / 2, 30, words["title"], 16, "middle"),
            *_legend(words),
            *_frame(LEFT[0], (words["success"], words["budget"]), percent, linear, budgets),
            *_honest(LEFT[0], linear(honest), words["honest"]),
            *_curves(LEFT[0], success, apart=True),
            *_frame(LEFT[1], (words["cost"], words["budget"]), powers, logarithmic, budgets),
            *_curves(LEFT[1], cost, apart=False),
            "</svg>\n",
        ]
    )


def _legend(words: Mapping[str, str]) -> Iterator[str]:
    for mode, x in (("known", WIDTH / 2 - 190), ("sealed", WIDTH / 2 + 30)):
        yield _mark(mode, x, 52)
        yield _text(x + 12, 57, words[mode], 13, "start")


def _frame(
    left: float,
    texts: tuple[str, str],
    ticks: Sequence[tuple[float, str]],
    scale: Callable[[float], float],
    budgets: Sequence[int],
) -> Iterator[str]:
    """Grid and labels; ``texts`` stand above and below."""
    yield _text(left + WIDE / 2, TOP - 12, texts[0], 13, "middle")
    for value, label in ticks:
        y = _y(scale(value))
        yield f'<path d="M{left} {y:.1f}h{WIDE}" stroke="{GRID}"/>'
        yield _text(left - 8, y + 4, label, 12, "end", PALE)
    for budget in budgets:
        yield _text(_x(left, budget), BOTTOM + 20, str(budget), 12, "middle", PALE)
    yield _text(left + WIDE / 2, BOTTOM + 42, texts[1], 12, "middle", PALE)


def _honest(left: float, height: float, name: str) -> Iterator[str]:
    y = _y(height)
    yield f'<path d="M{left} {y:.1f}h{WIDE}" stroke="{PALE}" stroke-dasharray="4 4"/>'
    yield _text(left + WIDE, y + 16, name, 12, "end", PALE)


def _curves(left: float, points: Sequence[tuple[str, int, float]], *, apart: bool) -> Iterator[str]:
    """Curves that fall together are drawn a little apart, so that both can be seen."""
    for mode in COLOURS:
        shift = 0.0 if not apart else (-2.0 if mode == "known" else 2.0)
        places = [
            (_x(left, budget) + shift, _y(height)) for at, budget, height in points if at == mode
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline points="{path}" fill="none" stroke="{COLOURS[mode]}" stroke-width="2"/>'
        for x, y in places:
            yield _mark(mode, x, y)


def _mark(mode: str, x: float, y: float) -> str:
    """A circle or a square: who cannot tell the colours can tell these."""
    if mode == "known":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{MARK}" fill="{COLOURS[mode]}"/>'
    side = 2 * MARK - 1
    place = f'x="{x - side / 2:.1f}" y="{y - side / 2:.1f}" width="{side}" height="{side}"'
    return f'<rect {place} fill="{COLOURS[mode]}"/>'


def _text(x: float, y: float, text: str, size: int, anchor: str, colour: str = INK) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"'
    return f"<text {place}>{escape(text)}</text>"


def _x(left: float, budget: int) -> float:
    return left + WIDE * (budget - 0.5) / MOST_BUDGET


def _y(height: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * height
