"""``python -m tests.bench.fake_declines``: what it costs a pool's owner to lie about the telephone.

No mathematics keeps an owner from reporting that an expert declined who was never called. What it
gains by that depends on what it knows. One expert of a stratum of 300 is its favourite; three are
drawn; it may lie a few times in each draw. Once it knows the whole ranking, as it would if the
order were public when the walk begins, and lies only where that brings the favourite in. Once
the ranking is sealed, as ours is, and it learns each rank when the one before was answered for: it
has to lie before it can know whether that helps.

Every draw is ranked and walked by the code that centers run. The same seeds give the same file,
byte by byte; a run of all takes about a minute.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from federation.lottery import ranking, walk
from federation.lottery.pool import PoolMember
from federation.lottery.walk import Walk
from federation.protocol.draw import Next, Report, Response, Ruling, Slot, Verdict
from federation.trust.suite import INTL_1, u64
from tests.bench.fake_declines_picture import LANGUAGES, MOST_BUDGET, drawn
from tests.lottery.honest_draw import opening_of, pool_of

STRATUM: Final = 300
SEATS: Final = 3
BUDGETS: Final = tuple(range(1, MOST_BUDGET + 1))
SPECIALTY: Final = "A01"
SEEDS: Final = 20_000
BLOCK: Final = 500
"""So many draws stand together in the file: a test plays one block again, not a minute's all."""
ROOT: Final = Path(__file__).parents[2]
FILE: Final = Path(__file__).with_suffix(".json")
PICTURES: Final = ROOT / "deploy" / "pictures"
COMMITS: Final = INTL_1.hash(b"fake declines")

POOL: Final = pool_of(
    [
        PoolMember(f"E{number:07d}", f"专家{number}", f"91{number:016d}", (SPECIALTY,))
        for number in range(STRATUM)
    ],
    INTL_1,
)
ENTRIES: Final = POOL.entries(SPECIALTY)
FAVOURITE: Final = next(entry for entry in ENTRIES if POOL.member(entry) == "E0000000")
START: Final = walk.start(
    INTL_1, opening_of(POOL, (Slot(SPECIALTY, SEATS),)), {SPECIALTY: ENTRIES}, COMMITS
)
OPENED: Final = {entry: POOL.open(entry, walk.OPENED_FOR[Ruling.INVITE]) for entry in ENTRIES}


def play(order: Sequence[bytes], lies: int) -> tuple[bool, int]:
    """Walk down an order with so many lies at most, all told of who comes before the favourite.

    Returns:
        Whether the favourite is on the list, and how many lies were told.
    """
    state, told = START, 0
    while isinstance(asked := walk.next_step(state, [order]), walk.Ask):
        state = _invited(state, asked)
        lie = told < lies and asked.entry != FAVOURITE and not _won(state)
        told += lie
        answer = Response.DECLINE if lie else Response.ACCEPT
        state = state.heard(Report(asked.entry, answer, bytes(32), state.head), b"report")
    return _won(state), told


def _won(state: Walk) -> bool:
    return any(entry == FAVOURITE for _, entry in state.chosen)


def _invited(state: Walk, asked: walk.Ask) -> Walk:
    named = Next(state.steps, asked.slot, asked.rank, asked.entry, state.head)
    state = state.heard(named, b"next")
    hidden, openings = OPENED[asked.entry]
    verdict = Verdict(asked.entry, Ruling.INVITE, hidden, openings, state.head)
    return state.heard(verdict, b"verdict")


def useful(order: Sequence[bytes], budget: int) -> int:
    """How many lies bring the favourite in, by who knows the order; 0 if so many do not."""
    needed = order.index(FAVOURITE) - SEATS + 1
    return needed if 0 < needed <= budget else 0


def block(first: int) -> dict[str, int]:
    """Play ``BLOCK`` draws; answers wins and lies by what the owner knows and may.

    Who is blind can only lie of everybody else until it may not lie any more.
    """
    counts: Counter[str] = Counter()
    slots = (Slot(SPECIALTY, SEATS),)
    for number in range(first, first + BLOCK):
        values = [INTL_1.hash(b"owner" + u64(number)), INTL_1.hash(b"sealer" + u64(number))]
        seed = ranking.seed(INTL_1, COMMITS, values)
        (order,) = ranking.orders(INTL_1, seed, slots, {SPECIALTY: ENTRIES}, STRATUM)
        played = [play(order, lies) for lies in range(MOST_BUDGET + 1)]
        counts["honest wins"] += played[0][0]
        for budget in BUDGETS:
            for mode, lies in (("known", useful(order, budget)), ("sealed", budget)):
                won, told = played[lies]
                counts[f"{mode} {budget} wins"] += won
                counts[f"{mode} {budget} lies"] += told
    return dict(counts)


@dataclass(frozen=True, slots=True)
class Row:
    """What a budget comes to.

    Args:
        mode: ``known`` or ``sealed``: the ranking.
        budget: Lies that may be told in one draw.
        success: In which share of all draws the favourite is on the list.
        lies_per_extra_win: For each draw that only the lies have won; None if none was.
    """

    mode: str
    budget: int
    success: float
    lies_per_extra_win: float | None


def summed(told: Mapping[str, Any]) -> tuple[float, list[Row]]:
    """The honest success, and a row for each mode and budget."""
    total: Counter[str] = Counter()
    for counts in told["blocks"]:
        total.update(counts)
    draws, honest = told["block"] * len(told["blocks"]), total["honest wins"]
    rows = []
    for mode in ("known", "sealed"):
        for budget in BUDGETS:
            wins, lies = total[f"{mode} {budget} wins"], total[f"{mode} {budget} lies"]
            extra = wins - honest
            rows.append(Row(mode, budget, wins / draws, lies / extra if extra > 0 else None))
    return honest / draws, rows


def run(seeds: int) -> Iterator[dict[str, int]]:
    """All blocks."""
    for first in range(0, seeds, BLOCK):
        yield block(first)


def content(blocks: Sequence[Mapping[str, int]]) -> dict[str, Any]:
    """What the file holds: all that the pictures are drawn from."""
    return {"stratum": STRATUM, "seats": SEATS, "block": BLOCK, "blocks": list(blocks)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print; write what is committed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fake_declines")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"a multiple of {BLOCK}")
    parser.add_argument("--write", action="store_true", help="write the file and the pictures")
    chosen = parser.parse_args(arguments)
    told = content(list(run(chosen.seeds)))
    honest, rows = summed(told)
    shown = {
        "stratum": STRATUM,
        "seats": SEATS,
        "draws": BLOCK * len(told["blocks"]),
        "honest_success": honest,
        "rows": [asdict(row) for row in rows],
    }
    sys.stdout.write(json.dumps(shown, indent=2) + "\n")
    if chosen.write:
        FILE.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        for language in LANGUAGES:
            path = PICTURES / f"fake-declines.{language}.svg"
            path.write_text(drawn(language, honest, rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
