"""``python -m tests.bench``: what a node can do on this machine, beside what it could at most.

A rate alone says more about the machine than about the node, so every figure is a ratio to
something that does nothing else, measured in turns with it in the same run: words to a bare
gRPC echo, group commit to a bare commit, ranking to bare hashing. Every load is bounded in
count and in time, and the servers end with this process.
"""

import argparse
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import cryptography
import grpc
import uvloop
from lianping.federation.v1.federation_pb2 import SignedEnvelope as Echo

from federation.trust.suite import GM_1, INTL_1, Suite
from federation.wire.words import DESCRIPTOR, TERMS
from node.demo.processes import free_ports
from tests.bench import bundles, disk, dossiers, draws, hashing, logs, words
from tests.bench.drain import drain
from tests.bench.figures import Figure, table, write_json
from tests.bench.load import CALL_SECONDS, Rate, run
from tests.bench.offices import settled
from tests.bench.processes import serving
from tests.bench.serve import ECHO_METHOD, NODE, agreement_id
from tests.support.grpc_pair import Party, channel_of

T = TypeVar("T")

PARTS: Final = ("words", "queue", "bundles", "draws", "disk", "logs", "hashing")
MANY: Final = 64  # in flight: as many as a node lets one peer have
BATCH: Final = 64  # words in one call: as many as a call may have
LINE_MS: Final = 20  # one way, between two provinces a thousand kilometres apart
ECHO_BODY: Final = bytes(500)  # about one signed word
RATIO_TO_HASHING: Final = 2.5  # what ranking and checking may cost of what cannot be avoided


@dataclass(frozen=True)
class Size:
    """How much to do: rounds, and calls or items in each."""

    rounds: int
    calls: int
    slow_calls: int
    batches: int
    entries: int
    signatures: int
    seconds: float
    queue: int
    bundles: int
    draws: int
    experts: int
    rest: float
    draw_rest: float


FULL: Final = Size(
    rounds=3,
    calls=4_000,
    slow_calls=600,
    batches=128,
    entries=1_000_000,
    signatures=2_000,
    seconds=8.0,
    queue=10_000,
    bundles=12,
    draws=12,
    experts=20_000,
    rest=bundles.REST_SECONDS,
    draw_rest=draws.REST_SECONDS,
)
QUICK: Final = Size(
    rounds=1, calls=80, slow_calls=10, batches=4, entries=5_000, signatures=50, seconds=2.0,
    queue=200, bundles=1, draws=1, experts=300, rest=0.0, draw_rest=0.0,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--quick", action="store_true", help="tiny numbers; proves that it runs")
    parser.add_argument("--only", choices=PARTS)
    chosen = parser.parse_args(arguments)
    size = QUICK if chosen.quick else FULL
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="lianping-bench-") as folder:
        if chosen.only in {None, "words"}:
            figures += uvloop.run(measure_words(Path(folder), size))
        if chosen.only in {None, "queue"}:
            figures += uvloop.run(measure_queue(Path(folder), size))
        if chosen.only in {None, "bundles"}:
            figures += measure_bundles(Path(folder), size)
        if chosen.only in {None, "draws"}:
            figures += measure_draws(Path(folder), size)
        if chosen.only in {None, "disk"}:
            figures += uvloop.run(measure_disk(Path(folder), size))
        if chosen.only in {None, "logs"}:
            figures += measure_logs(Path(folder), size)
    if chosen.only in {None, "hashing"}:
        figures += measure_hashing(size)
    write_json(chosen.json, figures, quick=chosen.quick, about=about())
    sys.stdout.write(table(figures) + "\n")
    return 0


def about() -> dict[str, str]:
    """What a reader must know to compare two runs."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "sqlite": sqlite3.sqlite_version,
        "grpc": grpc.__version__,
        "cryptography": cryptography.__version__,
    }


async def measure_words(folder: Path, size: Size) -> list[Figure]:
    """Words through a real node against an echo, in turns."""
    sender = Party.named("the measuring center")
    node_center = Party.named(NODE).center
    document = TERMS.encode(words.terms(sender.center, node_center))
    instructions = {
        "caller": DESCRIPTOR.encode(sender.identity.descriptor).hex(),
        "terms": document.hex(),
        "folder": str(folder),
    }
    async with AsyncExitStack() as stack:
        echo, echo_tls, node = [
            DESCRIPTOR.decode(bytes.fromhex(told["descriptor"]))
            for told in [
                await stack.enter_async_context(serving({"kind": kind, **instructions}))
                for kind in ("echo", "echo_tls", "node")
            ]
        ]
        plain = await stack.enter_async_context(grpc.aio.insecure_channel(echo.address))
        call_echo = echo_on(plain)
        call_tls = echo_on(await stack.enter_async_context(channel_of(sender, echo_tls)))
        tell = words.Teller(
            sender, node, await stack.enter_async_context(channel_of(sender, node))
        ).tell
        agreement = agreement_id(document)
        seconds = size.seconds

        async def echoes(call: Callable[[bytes], Awaitable[None]], in_flight: int) -> Rate:
            count = size.calls if in_flight > 1 else size.slow_calls
            return await run(call, [ECHO_BODY] * count, in_flight, seconds)

        async def told(
            count: int, per_call: int, in_flight: int, *, holds: bool = False, alone: bool = False
        ) -> Rate:
            stated = (
                words.holds(sender, node_center, count, agreement)
                if holds
                else words.announcements(sender, node_center, count)
            )
            calls = (words.apart if alone else words.deliveries)(sender, stated, per_call)
            return await run(tell, calls, in_flight, seconds)

        for warm in (call_echo, call_tls):
            await run(warm, [ECHO_BODY] * MANY, MANY, seconds)
        await told(2 * MANY, 1, MANY)

        rounds = [
            {
                "echo_1": await echoes(call_echo, 1),
                "one_1": await told(size.slow_calls, 1, 1),
                "tls_1": await echoes(call_tls, 1),
                "one_64": await told(size.calls, 1, MANY),
                "echo_64": await echoes(call_echo, MANY),
                "holds_64": await told(size.calls, 1, MANY, holds=True),
                "tls_64": await echoes(call_tls, MANY),
                "batch_1": await told(size.batches * BATCH, BATCH, 1),
                "batch_4": await told(size.batches * BATCH, BATCH, 4),
                "batch_apart_4": await told(size.batches * BATCH, BATCH, 4, alone=True),
                "batch_holds_4": await told(size.batches * BATCH, BATCH, 4, holds=True),
            }
            for _ in range(size.rounds)
        ]

    def rate(
        name: str,
        zh: str,
        en: str,
        yardstick: str,
        *,
        per_call: int = 1,
        wanted: float | None = None,
    ) -> Figure:
        key = name.removeprefix("words_")
        return Figure(
            name, zh, en, "/s",
            [per_call * each[key].per_second for each in rounds],
            [each[yardstick].per_second for each in rounds],
            wanted,
        )  # fmt: skip

    return [
        rate("tls_1", "双向 TLS 回声，1 路", "echo over mTLS, 1 in flight", "echo_1"),
        rate("tls_64", "双向 TLS 回声，64 路", "echo over mTLS, 64 in flight", "echo_64"),
        rate("words_one_1", "单词，1 路", "one word a call, 1 in flight", "echo_1"),
        rate(
            "words_one_64", "单词，64 路", "one word a call, 64 in flight", "echo_64", wanted=0.25
        ),
        rate("words_holds_64", "单词订座（查协议），64 路", "Holds, 64 in flight", "echo_64"),
        rate(
            "words_batch_1", "64 词一批，1 路", "64 words a call, 1 in flight", "echo_64",
            per_call=BATCH, wanted=0.7,
        ),
        rate(
            "words_batch_4", "64 词一批，4 路", "64 words a call, 4 in flight", "echo_64",
            per_call=BATCH, wanted=0.7,
        ),
        rate(
            "words_batch_apart_4", "64 词一批，逐词签名，4 路",
            "64 words a call, each signed alone, 4 in flight", "echo_64", per_call=BATCH,
        ),
        rate(
            "words_batch_holds_4", "64 词订座一批，4 路", "64 Holds a call, 4 in flight", "echo_64",
            per_call=BATCH,
        ),
        Figure(
            "latency", "空闲时一词的时延", "one word when idle", "ms",
            [1000 * each["one_1"].typical_seconds for each in rounds],
            [1000 * each["echo_1"].typical_seconds for each in rounds],
        ),
    ]  # fmt: skip


async def measure_queue(folder: Path, size: Size) -> list[Figure]:
    """A full outbox through a real node against an echo, in turns."""
    drained, echoed = [], []
    for number in range(size.rounds):
        (port,) = free_ports(1)
        sender = settled(f"the draining center {number}", port)
        instructions = {
            "caller": DESCRIPTOR.encode(sender.identity.descriptor).hex(),
            "terms": TERMS.encode(words.terms(sender.center, Party.named(NODE).center)).hex(),
            "folder": str(folder / f"drain-{number}"),
        }
        (folder / f"drain-{number}").mkdir()
        async with AsyncExitStack() as stack:
            echo, node = [
                DESCRIPTOR.decode(bytes.fromhex(told["descriptor"]))
                for told in [
                    await stack.enter_async_context(serving({"kind": kind, **instructions}))
                    for kind in ("echo", "node")
                ]
            ]
            call = echo_on(await stack.enter_async_context(grpc.aio.insecure_channel(echo.address)))
            bodies = [ECHO_BODY] * size.calls
            await run(call, bodies[:MANY], MANY, size.seconds)
            path = folder / f"drain-{number}" / "sender.db"
            drained.append((await drain(sender, node, path, port, size.queue)).per_second)
            echoed.append((await run(call, bodies, MANY, size.seconds)).per_second)
    queue = 10_000
    return [
        Figure("queue", "积压消息发送", "a full outbox drains", "/s", drained, echoed),
        Figure(
            "queue_10000", "积压一万条的用时，要求不超过 60 秒",
            "10,000 queued words, at most 60 s wanted", "s",
            [queue / rate for rate in drained], [60.0] * len(drained),
        ),
    ]  # fmt: skip


def measure_bundles(folder: Path, size: Size) -> list[Figure]:
    """Bundles of several subs against one of one, in turns; on loopback and over a slow line."""
    figures = []
    for delay_ms, suffix, zh, en in (
        (0, "", "本机", "loopback"),
        (LINE_MS, "_line", f"单程 {LINE_MS} 毫秒", f"{LINE_MS} ms one way"),
    ):
        place = folder / f"bundles{suffix}"
        place.mkdir()
        took = uvloop.run(bundles.measure(place, size.bundles, delay_ms, size.rest))
        figures += [
            Figure(
                f"bundle_{count}{suffix}",
                f"{count} 个副场全部确认, 比 1 个（{zh}）",
                f"{count} subs all booked, to 1 ({en})",
                "ms",
                [1000 * each for each in took.told[count]],
                [1000 * each for each in took.told[1]],
            )
            for count in bundles.SIZES[1:]
        ]
    return figures


def measure_draws(folder: Path, size: Size) -> list[Figure]:
    """Draws that wait for nobody, and a dossier with one of them, each against what is promised."""
    place = folder / "draws"
    place.mkdir()
    took = uvloop.run(draws.measure(place, size.draws, size.experts, size.draw_rest))
    file = uvloop.run(dossiers.made(size.experts))
    checked = [hashing.timed(lambda: dossiers.check(file)) for _ in range(size.rounds)]
    count = f"{size.experts:,}"

    def promised(name: str, zh: str, en: str, seconds: list[float], most_ms: float) -> Figure:
        return Figure(
            name, f"{zh}，要求不超过 {most_ms:.0f} 毫秒", f"{en}, at most {most_ms:.0f} ms wanted",
            "ms", [1000 * each for each in seconds], [most_ms] * len(seconds), most=1.0,
        )  # fmt: skip

    return [
        promised(
            "draw", f"{count} 人中抽 5 人，从承诺到公开",
            f"draw 5 of {count}, committed to closed", took, draws.PROMISED_MS,
        ),
        promised(
            "dossier", f"验证其卷宗（{len(file) // 1000} kB）",
            f"verify its dossier ({len(file) // 1000} kB)", checked, dossiers.PROMISED_MS,
        ),
    ]  # fmt: skip


def measure_logs(folder: Path, size: Size) -> list[Figure]:
    """Batches of entries against bare commits; a whole log against bare hashing; in turns."""
    batches, alone = [], []
    for number in range(size.rounds):
        alone.append(disk.bare(folder / f"lone-{number}.db", size.slow_calls, size.seconds))
        path = folder / f"log-{number}.db"
        batches.append(uvloop.run(logs.append(path, size.batches, size.seconds)))
    path = folder / "whole.db"
    logs.fill(path, size.entries)
    checked = [
        (hashing.timed(lambda: logs.check(path)), hashing.timed(lambda: logs.floor(size.entries)))
        for _ in range(size.rounds)
    ]
    path.unlink()  # a million entries take 400 MB
    some = size.entries // 10  # words take three times as much
    logs.fill_with_words(path, some)
    verified = [
        (hashing.timed(lambda: logs.verify(path)),
         hashing.timed(lambda: logs.floor_with_words(some)))
        for _ in range(size.rounds)
    ]  # fmt: skip
    path.unlink()
    return [
        Figure(
            "log_append", f"存证追加，{logs.BATCH} 条一批，比裸提交",
            f"log entries, {logs.BATCH} a batch, to bare commits", "/s",
            [rate.per_second for rate in batches], [rate.per_second for rate in alone],
        ),
        Figure(
            "log_check", f"核验 {size.entries:,} 条存证，比裸散列",
            f"check a log of {size.entries:,}, to bare hashing", "s",
            [value for value, _ in checked], [value for _, value in checked],
            most=RATIO_TO_HASHING,
        ),
        Figure(
            "log_verify", f"lianping log verify，{some:,} 条及其报文，比裸散列",
            f"lianping log verify, {some:,} entries and words, to bare hashing", "s",
            [value for value, _ in verified], [value for _, value in verified],
        ),
    ]  # fmt: skip


def echo_on(channel: grpc.aio.Channel) -> Callable[[bytes], Awaitable[None]]:
    """A call of the echo; the answer is compared."""
    method: grpc.aio.UnaryUnaryMultiCallable[Echo, Echo] = channel.unary_unary(
        ECHO_METHOD, Echo.SerializeToString, Echo.FromString
    )

    async def call(body: bytes) -> None:
        said = Echo(payload=body, payload_type=ECHO_METHOD)
        if (await method(said, timeout=CALL_SECONDS)).payload != body:
            raise RuntimeError("the echo said something else")

    return call


async def measure_disk(folder: Path, size: Size) -> list[Figure]:
    """Commits alone and together, in turns."""
    alone, together = [], []
    for number in range(size.rounds):
        alone.append(disk.bare(folder / f"bare-{number}.db", size.slow_calls, size.seconds))
        together.append(await disk.group(folder / f"group-{number}.db", size.calls, size.seconds))
    return [
        Figure(
            "group_commit", "组提交，64 个在等", "group commit, 64 waiting", "/s",
            [rate.per_second for rate in together],
            [rate.per_second for rate in alone],
        )
    ]  # fmt: skip


def measure_hashing(size: Size) -> list[Figure]:
    """Ranking and roots of both suites, each in turns with its floor; then SM2 with Ed25519."""
    listed = hashing.entries(size.entries)

    def figure(
        name: str, zh: str, en: str, suite: Suite, work: Callable[[Suite, list[bytes]], None],
        floor: Callable[[Suite, list[bytes]], None], most: float | None = None,
    ) -> Figure:  # fmt: skip
        suite.ready()
        pairs = [
            (
                hashing.timed(lambda: work(suite, listed)),
                hashing.timed(lambda: floor(suite, listed)),
            )
            for _ in range(size.rounds)
        ]
        return Figure(
            name, zh, en, "s", [value for value, _ in pairs], [value for _, value in pairs],
            most=most,
        )  # fmt: skip

    def against(name: str, zh: str, en: str, rate: Callable[[Suite, int], float]) -> Figure:
        pairs = [
            (rate(GM_1, size.signatures), rate(INTL_1, size.signatures)) for _ in range(size.rounds)
        ]
        return Figure(
            name, zh, en, "/s", [value for value, _ in pairs], [value for _, value in pairs]
        )

    count, first = f"{size.entries:,}", hashing.LIMIT
    figures = []
    for suite, suffix, hashed in ((INTL_1, "", ""), (GM_1, "_sm3", " (SM3)")):
        figures += [
            figure(
                f"ranking{suffix}", f"{count} 人排序取前 {first}{hashed}",
                f"rank {count}, first {first}{hashed}", suite,
                hashing.ranking, hashing.ranking_floor, RATIO_TO_HASHING,
            ),
            figure(
                f"merkle{suffix}", f"{count} 叶默克尔根{hashed}",
                f"Merkle root of {count}{hashed}", suite,
                hashing.merkle_root, hashing.merkle_floor,
            ),
        ]  # fmt: skip
    return [
        *figures,
        against("sm2_sign", "SM2 签名, 比 Ed25519", "SM2 signs, to Ed25519", hashing.signing),
        against(
            "sm2_verify", "SM2 验签, 比 Ed25519", "SM2 verifies, to Ed25519", hashing.verifying
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
