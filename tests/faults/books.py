"""Whether one node's database fits together, and two nodes' with each other.

Written apart from the engine: it reads rows, RFC 6962 and the signed note format, and shares
with the program only the parts that fix bytes (``federation.trust``, ``federation.wire``); it
imports nothing of ``federation.engine`` or ``node``. What it finds it says in words; an empty
list is a database in which no word is half there.
"""

import json
import sqlite3
from base64 import b64decode
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from federation.trust import merkle
from federation.trust.envelope import envelope_hash
from federation.trust.suite import suite
from federation.wire.envelopes import RECEIPT_TYPE
from federation.wire.words import decode_word

SLOT_MS: Final = 30 * 60_000  # the grid on which seats are held
SEATED: Final = frozenset({"HELD", "PROMISED", "IN_DOUBT", "CONFIRMED"})
"""Phases of a booking in which the sub holds exactly what the Hold asked for."""
CHANGING: Final = frozenset({"CHANGING", "CHANGE_PROMISED", "CHANGE_IN_DOUBT"})
"""Phases in which it may hold seats for a second window, too."""
BOOKED: Final = frozenset({"CONFIRMED", "COMPLETED", "CANCELLED"}) | CHANGING
"""Phases of a leg whose bundle was confirmed, or that was booked at once."""
_TYPE: Final = "application/vnd.lianping.v1.booking.{}+protobuf"
HOLD_TYPE: Final = _TYPE.format("Hold")
CHANGES: Final = tuple(_TYPE.format(name) for name in ("Move", "Extend", "Substitute"))


def faults_in(connection: sqlite3.Connection) -> list[str]:
    """Everything that does not fit in one center's database."""
    return [
        *_file(connection),
        *_logs(connection),
        *_words(connection),
        *_conversations(connection),
        *_seats(connection),
        *_bundles(connection),
    ]


def _file(connection: sqlite3.Connection) -> Iterator[str]:
    for (said,) in connection.execute("PRAGMA integrity_check"):
        if said != "ok":
            yield f"integrity_check: {said}"
    for row in connection.execute("PRAGMA foreign_key_check"):
        yield f"foreign_key_check: {row}"


# The evidence logs


def roots_of(leaves: Sequence[bytes], suite_id: str, sizes: Iterable[int]) -> dict[int, bytes]:
    """The RFC 6962 roots of the first ``size`` leaves, for each size."""
    digests = suite(suite_id)
    return {size: merkle.root_of(digests, leaves[:size]) for size in sizes}


def entries(connection: sqlite3.Connection) -> dict[str, list[bytes]]:
    """The leaves of each suite's log, in order."""
    logs: dict[str, list[bytes]] = defaultdict(list)
    for suite_id, data in connection.execute(
        "SELECT suite, data FROM log_entry ORDER BY suite, idx"
    ):
        logs[suite_id].append(data)
    return logs


def note_head(note: str) -> tuple[int, bytes]:
    """Size and root of a signed note's checkpoint (C2SP tlog-checkpoint)."""
    _origin, size, root, *_ = note.split("\n")
    return int(size), b64decode(root)


def _logs(connection: sqlite3.Connection) -> Iterator[str]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for suite_id, idx in connection.execute("SELECT suite, idx FROM log_entry ORDER BY suite, idx"):
        numbers[suite_id].append(idx)
    for suite_id, found in numbers.items():
        if found != list(range(len(found))):
            yield f"log {suite_id}: its entries are not numbered 0 to {len(found) - 1}"
    leaves = entries(connection)
    stored: dict[str, dict[tuple[int, int], bytes]] = defaultdict(dict)
    for suite_id, place, digest in connection.execute("SELECT suite, id, hash FROM log_node"):
        stored[suite_id][place >> 56, place & (1 << 56) - 1] = digest
    for suite_id in leaves.keys() | stored.keys():
        if stored[suite_id] != _tree(leaves.get(suite_id, []), suite_id):
            yield f"log {suite_id}: its tree is not that of its entries"
    for table in ("checkpoint", "cosigned"):
        for suite_id, size, note in connection.execute(f"SELECT suite, size, note FROM {table}"):
            yield from _head(table, suite_id, leaves.get(suite_id, []), size, note)


def _tree(leaves: Sequence[bytes], suite_id: str) -> dict[tuple[int, int], bytes]:
    """The complete subtrees above the leaves."""
    digests = suite(suite_id)
    row = [merkle.leaf_hash(digests, leaf) for leaf in leaves]
    nodes: dict[tuple[int, int], bytes] = {}
    level = 0
    while len(row) > 1:
        level += 1
        pairs = zip(row[::2], row[1::2], strict=False)
        row = [merkle.node_hash(digests, left, right) for left, right in pairs]
        nodes.update({(level, at): digest for at, digest in enumerate(row)})
    return nodes


def _head(
    table: str, suite_id: str, leaves: Sequence[bytes], size: int, note: str
) -> Iterator[str]:
    said, root = note_head(note)
    if said != size:
        yield f"{table} of {suite_id}: its row says {size}, its note {said}"
    elif size > len(leaves):
        yield f"{table} of {suite_id}: of {size} entries, and the log has {len(leaves)}"
    elif roots_of(leaves, suite_id, [size])[size] != root:
        yield f"{table} of {suite_id}: the note of size {size} is not of this log"


# Words, receipts and the conversations they make


def _words(connection: sqlite3.Connection) -> Iterator[str]:
    logged = {
        (suite_id, idx): (json.loads(data), digest)
        for suite_id, idx, data, digest in connection.execute(
            "SELECT suite, idx, data, envelope_hash FROM log_entry"
        )
    }
    words = {place for place, (data, _) in logged.items() if data.get("dir") in ("in", "out")}
    for peer, kind, digest, suite_id, index in connection.execute(
        "SELECT peer, payload_type, hash, suite, log_index FROM said"
    ):
        words.discard((suite_id, index))
        wanted = {"dir": "out", "peer": peer, "type": kind, "word": digest.hex(), "receipt": ""}
        yield from _logged(logged.get((suite_id, index)), digest, wanted)
    for peer, kind, digest, suite_id, index, receipt in connection.execute(
        "SELECT sender, payload_type, hash, suite, log_index, receipt_payload FROM heard"
    ):
        words.discard((suite_id, index))
        given = envelope_hash(suite(suite_id), RECEIPT_TYPE, receipt).hex()
        wanted = {"dir": "in", "peer": peer, "type": kind, "word": digest.hex(), "receipt": given}
        yield from _logged(logged.get((suite_id, index)), digest, wanted)
    for suite_id, index in sorted(words):
        yield f"log {suite_id}, entry {index}: of a word that was neither said nor heard"
    for table, sender in (("said", "peer"), ("heard", "sender")):
        counted = dict(connection.execute(f"SELECT {sender}, count(*) FROM {table} GROUP BY 1"))
        tallied = dict(connection.execute(f"SELECT peer, {table} FROM tally WHERE {table} > 0"))
        if counted != tallied:
            yield f"tally: {table} {tallied}, and there are {counted}"
    for peer, least, most, count in connection.execute(
        "SELECT peer, min(number), max(number), count(*) FROM said GROUP BY peer"
    ):
        if (least, most) != (1, count):
            yield f"said to {peer}: numbers {least} to {most} for {count} words"
    (half,) = connection.execute(
        "SELECT count(*) FROM said WHERE (receipt IS NULL) <> (accepted IS NULL)"
        " OR (receipt IS NULL) <> (envelope IS NULL)"
    ).fetchone()
    if half:
        yield f"{half} words have half a receipt"


def _logged(
    found: tuple[dict[str, Any], bytes] | None, digest: bytes, wanted: dict[str, str]
) -> Iterator[str]:
    name = f"word {digest.hex()[:12]} ({wanted['dir']})"
    if found is None:
        yield f"{name}: has no log entry"
        return
    data, entry_of = found
    if entry_of != digest or any(data[key] != value for key, value in wanted.items()):
        yield f"{name}: its log entry is of another word or receipt"


def _conversations(connection: sqlite3.Connection) -> Iterator[str]:
    ends: dict[bytes, dict[str, tuple[int, bytes]]] = defaultdict(dict)
    for table in ("said", "heard"):
        for talk, revision, digest in connection.execute(
            f"SELECT conversation, revision, hash FROM {table} ORDER BY conversation, revision"
        ):
            last, _ = ends[talk].get(table, (0, b""))
            if revision != last + 1:
                yield f"conversation {talk.hex()}: {table} revision {revision} after {last}"
            ends[talk][table] = (revision, digest)
    known = set()
    for talk, *state in connection.execute(
        "SELECT id, said, heard, said_hash, heard_hash FROM conversation"
    ):
        known.add(talk)
        said = ends[talk].get("said", (0, b""))
        heard = ends[talk].get("heard", (0, b""))
        if state != [said[0], heard[0], said[1], heard[1]]:
            yield f"conversation {talk.hex()}: its state is not that of its words"
    for talk in ends.keys() - known:
        yield f"conversation {talk.hex()}: has words and no state"


# Seats and bundles


def _seats(connection: sqlite3.Connection) -> Iterator[str]:
    held = defaultdict(set)
    for holder, seat, slot in connection.execute("SELECT holder, seat, slot FROM seat_slot"):
        held[holder].add((seat, slot))
    changed = {
        talk
        for kind in CHANGES
        for table in ("said", "heard")
        for (talk,) in connection.execute(
            f"SELECT conversation FROM {table} WHERE payload_type = ?", (kind,)
        )
    }
    holders = set()
    for talk, role, hold, start_ms, end_ms, given_up, phase in connection.execute(
        "SELECT b.conversation, b.role, b.hold, b.start_ms, b.end_ms, b.given_up_at_ms, c.phase"
        " FROM booking b LEFT JOIN conversation c ON c.id = b.conversation"
    ):
        if phase is None:
            yield f"booking {talk.hex()}: has no conversation"
            continue
        if role != "SUB":
            continue
        holders.add(talk)
        mine = held.get(talk, set())
        if phase in CHANGING or (phase in SEATED and talk in changed):
            if not mine:
                yield f"booking {talk.hex()}: {phase} without seats"
            continue
        wanted = hold_seats(hold) if phase in SEATED and given_up is None else 0
        slots = set(range(start_ms // SLOT_MS, -(-end_ms // SLOT_MS)))
        seats = Counter(seat for seat, _ in mine)
        if len(seats) != wanted or any({at for of, at in mine if of == s} != slots for s in seats):
            yield f"booking {talk.hex()}: {phase}, holds {len(seats)} seats of {wanted}"
    for (bundle,) in connection.execute("SELECT id FROM bundle"):
        holders.add(bundle)
    for holder in held.keys() - holders:
        yield f"seats are held by {holder.hex()}, and there is no such booking or bundle"


def hold_seats(hold: bytes) -> int:
    """How many seats a stored Hold asks for."""
    return int(decode_word(HOLD_TYPE, hold).seats)  # type: ignore[attr-defined]


def _bundles(connection: sqlite3.Connection) -> Iterator[str]:
    legs: dict[bytes, list[tuple[bytes, str]]] = defaultdict(list)
    for bundle, talk, phase in connection.execute(
        "SELECT b.bundle, b.conversation, c.phase FROM booking b"
        " JOIN conversation c ON c.id = b.conversation WHERE b.role = 'HOST'"
    ):
        legs[bundle].append((talk, phase))
    for bundle, phase, decision in connection.execute("SELECT id, phase, decision FROM bundle"):
        name = f"bundle {bundle.hex()}"
        if (decision is None) != (phase == "HOLDING"):
            yield f"{name}: {phase} with the decision {decision}"
        phases = Counter(of for _, of in legs[bundle])
        if not phases:
            yield f"{name}: has no legs"
        if decision == "CONFIRM" and (astray := phases.keys() - BOOKED - {"REFUSED"}):
            yield f"{name}: confirmed, and legs are {', '.join(sorted(astray))}"
        if decision == "ABORT" and (booked := phases.keys() & (BOOKED | {"PROMISED"})):
            yield f"{name}: aborted, and legs are {', '.join(sorted(booked))}"
        (seats,) = connection.execute(
            "SELECT count(*) FROM seat_slot WHERE holder = ?", (bundle,)
        ).fetchone()
        if decision == "ABORT" and seats:
            yield f"{name}: aborted, and holds seats"
    for bundle in legs.keys() - {at for (at,) in connection.execute("SELECT id FROM bundle")}:
        yield f"bundle {bundle.hex()}: has legs and no row"


# Two centers


@dataclass(frozen=True)
class Book:
    """A center's id and its database."""

    center: str
    connection: sqlite3.Connection


def disagreements(one: Book, other: Book) -> list[str]:
    """What two centers that have told each other everything do not agree about."""
    return [
        *_unheard(one, other),
        *_unheard(other, one),
        *_phases(one, other),
        *_witnessed(one, other),
        *_witnessed(other, one),
    ]


def _unheard(one: Book, other: Book) -> Iterator[str]:
    said = dict(
        one.connection.execute(
            "SELECT hash, accepted FROM said WHERE peer = ? AND receipt IS NOT NULL",
            (other.center,),
        )
    )
    (waiting,) = one.connection.execute(
        "SELECT count(*) FROM said WHERE peer = ? AND receipt IS NULL", (other.center,)
    ).fetchone()
    if waiting:
        yield f"{one.center}: {waiting} words for {other.center} have no receipt"
    heard = dict(
        other.connection.execute("SELECT hash, accepted FROM heard WHERE sender = ?", (one.center,))
    )
    for digest, accepted in said.items():
        if accepted and heard.get(digest) != 1:
            yield f"{other.center} receipted word {digest.hex()[:12]} and has not heard it"
    for digest in heard.keys() - said.keys():
        yield f"{other.center} heard word {digest.hex()[:12]}, which {one.center} never said"


def _phases(one: Book, other: Book) -> Iterator[str]:
    def of(book: Book, peer: str) -> dict[bytes, str]:
        return dict(
            book.connection.execute(
                "SELECT id, phase FROM conversation WHERE kind = 'booking' AND peer = ?", (peer,)
            )
        )

    ours, theirs = of(one, other.center), of(other, one.center)
    for talk in ours.keys() | theirs.keys():
        both = {ours.get(talk), theirs.get(talk)}
        # A refusal reached a host that had given the leg up: over is over (proto/README.md).
        if len(both) > 1 and both != {"RELEASED", "REFUSED"}:
            yield (
                f"booking {talk.hex()}: {ours.get(talk)} at {one.center}, "
                f"{theirs.get(talk)} at {other.center}"
            )


def _witnessed(one: Book, other: Book) -> Iterator[str]:
    """Each head of a log that a witness signed must be one that the log has gone through."""
    leaves = entries(one.connection)
    for suite_id, size, root in other.connection.execute(
        "SELECT suite, size, root FROM witnessed WHERE peer = ?", (one.center,)
    ):
        mine = leaves.get(suite_id, [])
        if size > len(mine) or roots_of(mine, suite_id, [size])[size] != root:
            yield f"{one.center}: its log of {suite_id} is not the one that {other.center} cosigned"


def quiet(connection: sqlite3.Connection) -> bool:
    """Whether no word of a center waits for its receipt."""
    row = connection.execute("SELECT 1 FROM said WHERE receipt IS NULL").fetchone()
    return row is None
