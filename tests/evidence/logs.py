"""Two centers' log files of one evaluation, and what may be done to them."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from federation.evidence.log_comparison import Comparison
from federation.evidence.log_diff import compare
from federation.evidence.log_file import end_line, head_lines, item_line
from federation.wire.evidence import DECODE
from node.services.house import Desk
from node.store import log_export
from tests.evidence.evaluated import Evaluation, furnish
from tests.support.pair import Center, two_centers

KEY = b"\x07" * 32


async def exported(center: Center, peer: Center, now_ms: int) -> bytes:
    """The file as ``lianping audit export`` writes it; a pair's peers are pinned in memory."""
    known = await peer.do(lambda desk: desk.identity.chain)

    def write(desk: Desk) -> bytes:
        connection = desk.ledger.connection
        found = log_export.header(connection, center.id, now_ms)
        found = log_export.with_own(found, desk.identity.chain)
        found = replace(found, descriptors={**found.descriptors, peer.id: known})
        lines = [head_lines(found)]
        for suite_id in found.sizes:
            lines += [item_line(item) for item in log_export.entries(connection, suite_id)]
        return b"".join([*lines, end_line(len(lines) - 1)])

    return await center.do(write)


@cache
def files() -> tuple[bytes, bytes]:
    """The host's and the sub's file of one honest evaluation, once for all tests."""

    async def run() -> tuple[bytes, bytes]:
        async with two_centers(furnish) as pair:
            played = Evaluation(pair)
            await played.play()
            await pair.host.outbox.greet(pair.sub.id)
            await pair.sub.outbox.greet(pair.host.id)
            await pair.host.outbox.greet(pair.sub.id)
            now_ms = pair.watch.now_ms + 1
            return (
                await exported(pair.host, pair.sub, now_ms),
                await exported(pair.sub, pair.host, now_ms),
            )

    return asyncio.run(run())


def lines_of(file: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: iter(file.splitlines(keepends=True))


def compared(a: bytes, b: bytes) -> Comparison:
    return compare(lines_of(a), lines_of(b), DECODE, KEY)


def changed_header(file: bytes, **changes: Any) -> bytes:
    """The file with other fields in its header."""
    first, second, rest = file.split(b"\n", 2)
    found = {**json.loads(second), **changes}
    text = json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return b"\n".join([first, text.encode(), rest])


def entries_of(file: bytes) -> list[bytes]:
    return file.splitlines(keepends=True)[2:-1]


def with_entries(file: bytes, entries: list[bytes]) -> bytes:
    """The same file with other entries, as whoever writes it would: sizes and end fit."""
    (suite_id,) = json.loads(file.splitlines()[1])["sizes"]
    found = changed_header(file, sizes={suite_id: len(entries)})
    return b"".join([*found.splitlines(keepends=True)[:2], *entries, end_line(len(entries))])


def at_word(file: bytes, name: str, direction: str) -> int:
    """Place of the first entry of a word."""
    for at, line in enumerate(entries_of(file)):
        entry = json.loads(json.loads(line)["e"])
        if f".{name}+" in entry.get("type", "") and entry["dir"] == direction:
            return at
    raise LookupError(name)


def hidden(file: bytes, at: int) -> bytes:
    """Its owner leaves an entry out, and the heads that would show it."""
    entries = entries_of(file)
    return changed_header(with_entries(file, entries[:at] + entries[at + 1 :]), heads=[])


def rewritten(file: bytes, at: int, change: Callable[[dict[str, Any]], None]) -> bytes:
    """Its owner changes an entry, and leaves out the heads that would show it."""
    entries = entries_of(file)
    found = json.loads(entries[at])
    change(found)
    text = json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return changed_header(
        with_entries(file, [*entries[:at], text.encode() + b"\n", *entries[at + 1 :]]), heads=[]
    )
