"""Draws the README's pictures from what ``lianping demo`` really prints.

python tests/repo/demo_picture.py              runs the demonstration in both languages
python tests/repo/demo_picture.py zh=FILE      takes an output that was kept

Text stays text in the picture: it can be searched, copied and read aloud, and it is small.
``test_demo_picture`` holds the committed pictures to the steps that the demonstration has.
"""

import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

ROOT: Final = Path(__file__).resolve().parents[2]
PICTURES: Final = ROOT / "deploy" / "pictures"
SVG: Final = "http://www.w3.org/2000/svg"
COLUMN: Final = 8.4  # points a column at 14 points; two columns for a Chinese character
LINE: Final = 21
MARGIN: Final = 20
BAR: Final = 34  # the window's bar
FEWEST_COLUMNS: Final = 72
MOST_COLUMNS: Final = 112  # longer lines are cut: a picture does not scroll
FONT: Final = "ui-monospace,'Noto Sans Mono CJK SC','Sarasa Mono SC',Menlo,Consolas,monospace"
STEP: Final = re.compile(r"(\[ *[0-9.]+s\])( +[0-9]+\. )(.*)")
RESULT: Final = re.compile(r"(  )(\S.*?)( {2,})(\S.*)")
GREY, GREEN, BLUE, WHITE = "#8b949e", "#7ee787", "#79c0ff", "#e6edf3"

Piece = tuple[int, str, str]  # the column where it begins, its colour, its text


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def cut(text: str, wide: int) -> str:
    """The text, ended with an ellipsis where it would be wider."""
    while columns(text) > wide:
        text = text[:-2] + "…"
    return text


def pieces(line: str) -> list[Piece]:
    """One line in its colours, each piece where the terminal puts it."""
    if found := STEP.fullmatch(line):
        at, number, title = found.groups()
        return [(0, GREY, at), (columns(at), BLUE, number), (columns(at + number), WHITE, title)]
    if found := RESULT.fullmatch(line):
        indent, name, gap, value = found.groups()
        return [(len(indent), GREY, name), (columns(indent + name + gap), GREEN, value)]
    text = line.lstrip()
    return [(len(line) - len(text), GREEN if text.startswith("·") else WHITE, text)]


def drawn(command: str, output: str) -> str:
    """The picture of a terminal in which ``command`` printed ``output``."""
    lines = [cut(line, MOST_COLUMNS) for line in output.rstrip().splitlines()]
    wide = max(FEWEST_COLUMNS, *map(columns, lines))
    width, height = round(wide * COLUMN + 2 * MARGIN), (len(lines) + 1) * LINE + BAR + 2 * MARGIN
    size = f'width="{width}" height="{height}"'
    font = f'font-family="{FONT}" font-size="14"'
    return "\n".join(
        [
            f'<svg xmlns="{SVG}" viewBox="0 0 {width} {height}" {size} role="img" {font}>',
            f"<title>{escape(command)}</title>",
            f'<rect {size} rx="8" fill="#0d1117"/>',
            *(
                f'<circle cx="{MARGIN + 18 * place}" cy="{BAR / 2}" r="5" fill="{colour}"/>'
                for place, colour in enumerate(("#ff5f56", "#ffbd2e", "#27c93f"))
            ),
            *_text(0, [(0, GREEN, "$"), (2, WHITE, command)]),
            *(text for row, line in enumerate(lines, 1) for text in _text(row, pieces(line))),
            "</svg>\n",
        ]
    )


def _text(row: int, parts: list[Piece]) -> Iterator[str]:
    y = BAR + MARGIN + row * LINE
    for column, colour, text in parts:
        if text.strip():
            x = MARGIN + column * COLUMN
            place = f'x="{x:.1f}" y="{y}" fill="{colour}" xml:space="preserve"'
            yield f"<text {place}>{escape(text)}</text>"


def run(language: str) -> str:
    """Run the demonstration; answers what it printed. Raises if it did not hold."""
    command = [sys.executable, "-m", "node.cli", "demo", "--regulator", "--lang", language]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"the demonstration failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def main(arguments: list[str]) -> None:
    """Write the pictures."""
    kept = dict(argument.split("=", 1) for argument in arguments)
    PICTURES.mkdir(exist_ok=True)
    for language in kept or ("zh", "en"):
        output = Path(kept[language]).read_text("utf-8") if kept else run(language)
        lang = "" if language == "zh" else " --lang en"
        command = f'make demo ARGS="--regulator{lang}"'
        (PICTURES / f"demo.{language}.svg").write_text(drawn(command, output), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
