"""How long a bundle takes from its plan to the last sub's knowing that it is booked.

The host is this process; the subs are nodes in processes of their own, each with a database, a
port and everything else that a node has but the outside systems. Bundles of each size are
planned in turns, so that a noisy neighbour is noisy for all.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Final

from federation.ids import CenterId
from federation.ports import SaidWord
from federation.protocol.booking import Decide
from federation.transport import limits
from federation.wire.words import DESCRIPTOR, PAYLOAD_TYPES, TERMS
from node.demo.processes import free_ports
from node.domain import codes
from node.domain.calendar import Window
from node.domain.project import BookingRequest, ExpertSlots, SelectionMode, SubRequirement
from node.domain.venue import Requirement
from node.domain.workday import midnight_ms, shanghai_date
from node.services.house import Desk
from node.services.projects import Projects
from node.store.cipher import KEY_BYTES, ColumnCipher
from tests.bench import words
from tests.bench.offices import OfficeNode, agree, office, pumping, settled
from tests.bench.processes import serving
from tests.support.grpc_pair import CLOCK
from tests.support.planning import project

SIZES: Final = (1, 2, 4, 8)
MOST: Final = max(SIZES)
PROCESSES: Final = 2  # for all subs: as many as this machine had processors when it was written
SEATS: Final = 5
SECONDS: Final = 30.0  # for one bundle; then something is wrong
REST_SECONDS: Final = 3 * limits.FLUSH_SECONDS  # in which a bundle's words are cosigned
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
BY: Final = "bench"
_DECIDE: Final = PAYLOAD_TYPES[Decide]


class Told:
    """Counts the subs that know the decision, and notes when the last vote was heard."""

    def __init__(self) -> None:
        self.left = 0
        self.all = asyncio.Event()
        self.voted_at = 0.0

    def receipted(self, word: SaidWord, _outcome: str) -> None:
        """The outbox got a receipt."""
        if word.payload_type == _DECIDE:
            self.left -= 1
            if not self.left:
                self.all.set()

    def voted(self) -> None:
        """A vote was heard."""
        self.voted_at = time.perf_counter()


class Took:
    """Seconds of bundles by their size: until all have voted, until all know."""

    def __init__(self) -> None:
        self.decided: dict[int, list[float]] = {size: [] for size in SIZES}
        self.told: dict[int, list[float]] = {size: [] for size in SIZES}


async def measure(folder: Path, rounds: int, delay_ms: int, rest_seconds: float) -> Took:
    """Plan bundles of each size in turns; with a line of so many milliseconds each way.

    ``folder`` is there and empty; between two bundles all rest, so that the last one is cosigned.
    """
    ports = free_ports(2 * (MOST + 1))
    inner, outer = ports[: MOST + 1], ports[MOST + 1 :]
    advertised = outer if delay_ms else inner
    host_party = settled("host", advertised[0])
    told, took = Told(), Took()
    async with AsyncExitStack() as stack:
        if delay_ms:
            pairs = ",".join(f"{a}:{b}" for a, b in zip(outer, inner, strict=True))
            line = {"kind": "line", "pairs": pairs, "delay_ms": str(delay_ms)}
            await stack.enter_async_context(serving(line))
        # Before this process serves, as gRPC and new processes do not go together.
        documents = [
            TERMS.encode(words.terms(host_party.center, settled(f"sub-{number}", 1).center))
            for number in range(1, MOST + 1)
        ]
        named = [
            f"sub-{number}:{inner[number]}:{advertised[number]}:{document.hex()}"
            for number, document in enumerate(documents, 1)
        ]
        answers = [
            await stack.enter_async_context(
                serving(
                    {
                        "kind": "subs",
                        "subs": ",".join(named[first::PROCESSES]),
                        "folder": str(folder),
                        "caller": DESCRIPTOR.encode(host_party.identity.descriptor).hex(),
                    }
                )
            )
            for first in range(PROCESSES)
        ]
        told_by = zip(*(answer["descriptors"] for answer in answers), strict=True)
        host = await stack.enter_async_context(
            office(host_party, folder / "host.db", inner[0], OfficeNode, told.receipted)
        )
        host.bookings.voted = told.voted
        subs = []
        for encoded, document in zip(chain(*told_by), documents, strict=True):
            descriptor = DESCRIPTOR.decode(bytes.fromhex(encoded))
            host.keyring.pin(descriptor)
            await agree(host, document)
            subs.append(CenterId(descriptor.center_id))
        await stack.enter_async_context(pumping(host))
        for center in subs:
            await host.outbox.greet(center)
        for size in SIZES:  # connections, caches
            await _one(host, told, subs[:size])
        for _ in range(rounds):
            for size in SIZES:
                await asyncio.sleep(rest_seconds)  # noqa: TID251 (a measurement waits for quiet)
                decided, known = await _one(host, told, subs[:size])
                took.decided[size].append(decided)
                took.told[size].append(known)
    return took


async def _one(host: OfficeNode, told: Told, subs: list[CenterId]) -> tuple[float, float]:
    """Plan one bundle; answers the seconds until all have voted and until all know."""
    told.left = len(subs)
    told.all.clear()
    number = host.planned = host.planned + 1
    start_ms = midnight_ms(shanghai_date(CLOCK.now_ms())) + (number + 1) * DAY_MS + 9 * HOUR_MS
    window = Window(start_ms, start_ms + 3 * HOUR_MS)
    projects = Projects(ColumnCipher(bytes(KEY_BYTES), lambda: bytes(12)))

    def enter(desk: Desk) -> bytes:
        code = f"E3608000001{number:09d}"
        asked = replace(
            project(),
            code=codes.project_code(code),
            evaluation=window,
            bid_deadline_ms=start_ms - HOUR_MS,
        )
        made = projects.create(desk, asked, BY)
        projects.submit(desk, made, BY)
        projects.accept(desk, made, BY)
        return made

    made = await host.negotiator.transact(enter)
    # One representative and an even number of experts: five or more, and odd, as the law wants.
    each = 4 if len(subs) == 1 else 2
    request = BookingRequest(
        window=window,
        host_seats=1,
        representatives=1,
        host_slots=(),
        subs=tuple(
            SubRequirement(Requirement(SEATS), (ExpertSlots(codes.specialty("A08"), each),))
            for _ in subs
        ),
        mode=SelectionMode.CHOSEN,
        chosen=tuple(subs),
    )
    began = time.perf_counter()
    await host.negotiator.transact(lambda desk: host.bookings.plan(desk, made, request, BY))
    async with asyncio.timeout(SECONDS):
        await told.all.wait()
    return told.voted_at - began, time.perf_counter() - began
