"""Whether what people were told by running nodes is what the nodes' books say in the end.

A history is a list of what clients of the HTTP API asked and were answered, and when: it is
all that the outside knows. This checker holds it against the databases' final rows, after
crashes, and is written apart from what it checks: like ``books`` it imports nothing of
``federation.engine`` or ``node``, and it never asks a node what it meant.

    nothing acknowledged is lost      every DONE is in the books, as it was answered
    no effect twice                   one row and one word for a command, however often it was sent
    nothing out of nowhere            no row and no word that nobody asked for
    no seat twice                     in no answer and not in the end
    no bundle half confirmed          the legs' books at all subs say the same
    both books agree                  word for word, phase for phase, when all is delivered
    logs are append-only              every head ever shown, to people or in a word, is a prefix's
"""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import combinations
from typing import Any, Final

from federation.trust import merkle
from federation.trust.suite import suite
from federation.wire.envelopes import decode_envelope, decode_statement
from federation.wire.words import decode_word
from tests.faults.books import BOOKED, Book, disagreements, entries, faults_in

VOTE_TYPE: Final = "application/vnd.lianping.v1.booking.Vote+protobuf"
SAID_YES: Final = frozenset({"YES", "BOOK"})
RANK: Final = {"HELD": 0, "PROMISED": 1, "IN_DOUBT": 2}
"""A phase that a person saw never comes back once a later one was seen; the rest is later."""
LATER: Final = 3
KEEPS: Final = frozenset({"HELD", "PROMISED", "IN_DOUBT", "CONFIRMED"})


class Outcome(StrEnum):
    """What a client knows of a command when it stops asking."""

    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """No answer came. It may have been carried out, once, or not at all."""


@dataclass(frozen=True, slots=True)
class Event:
    """One request of a client's, with all its repetitions under one idempotency key.

    Attributes:
        node: The center that was asked.
        deed: ``enter``, ``accept``, ``plan``, ``vote``; ``bookings`` and ``head`` look.
        subject: The project or booking that it was about, as hexadecimal text.
        asked: What was sent.
        began: When it was first sent, seconds on the clients' clock.
        ended: When the answer was there, or hope was given up.
        outcome: See ``Outcome``.
        answer: What a DONE came with.
    """

    node: str
    deed: str
    subject: str
    asked: Mapping[str, Any]
    began: float
    ended: float
    outcome: Outcome
    answer: Any = None


def to_lines(history: Iterable[Event]) -> str:
    """The history as JSON lines, to be kept when a check fails."""
    return "".join(json.dumps(asdict(event), ensure_ascii=False) + "\n" for event in history)


def from_lines(text: str) -> list[Event]:
    """The history again."""
    events = [json.loads(line) for line in text.splitlines()]
    return [Event(**{**event, "outcome": Outcome(event["outcome"])}) for event in events]


def check(history: Sequence[Event], books: Sequence[Book]) -> list[str]:
    """Everything in which the history and the books contradict each other or themselves.

    Args:
        history: What clients of all nodes saw.
        books: The nodes' databases after the last word was delivered.
    """
    return list(_Check(history, {book.center: book for book in books}).run())


@dataclass
class _Check:
    history: Sequence[Event]
    books: Mapping[str, Book]
    phases: dict[tuple[str, str], str] = field(default_factory=dict)
    """By (center, booking): the phase in its book."""
    bundles: dict[tuple[str, str], str] = field(default_factory=dict)
    """By (center, booking): the bundle."""

    def run(self) -> Iterator[str]:
        for book in self.books.values():
            for fault in faults_in(book.connection):
                yield f"{book.center}: {fault}"
            for talk, bundle, phase in book.connection.execute(
                "SELECT b.conversation, b.bundle, c.phase FROM booking b"
                " JOIN conversation c ON c.id = b.conversation"
            ):
                self.phases[book.center, talk.hex()] = phase
                self.bundles[book.center, talk.hex()] = bundle.hex()
        for one, other in combinations(self.books.values(), 2):
            yield from disagreements(one, other)
        yield from self._projects()
        yield from self._plans()
        yield from self._votes()
        yield from self._whole_bundles()
        yield from self._looks()
        yield from self._heads()

    def _of(self, deed: str, node: str) -> list[Event]:
        return [event for event in self.history if event.deed == deed and event.node == node]

    def _projects(self) -> Iterator[str]:
        for node, book in self.books.items():
            rows = book.connection.execute("SELECT code, id, state FROM project").fetchall()
            ids = Counter(code for code, _, _ in rows)
            state = {project.hex(): of for _, project, of in rows}
            entered = self._of("enter", node)
            yield from _entered_once(node, ids, {event.asked["code"]: event for event in entered})
            for event in entered:
                if event.outcome is Outcome.DONE and event.answer["id"] not in state:
                    yield f"{node}: project {event.answer['id']} was acknowledged and is lost"
            for event in self._of("accept", node):
                if event.outcome is Outcome.DONE and state.get(event.subject) != "ACCEPTED":
                    yield f"{node}: acceptance of {event.subject} was acknowledged and is lost"

    def _plans(self) -> Iterator[str]:
        for node, book in self.books.items():
            made: dict[str, list[str]] = defaultdict(list)
            for bundle, project in book.connection.execute("SELECT id, project FROM bundle"):
                made[project.hex()].append(bundle.hex())
            asked: dict[str, list[Event]] = defaultdict(list)
            for event in self._of("plan", node):
                asked[event.subject].append(event)
                done = event.outcome is Outcome.DONE
                if done and event.answer["id"] not in made[event.subject]:
                    yield f"{node}: bundle {event.answer['id']} was acknowledged and is lost"
            for project in made.keys() | asked.keys():
                yield from _between(
                    f"{node}: bundles of project {project}", len(made[project]), asked[project]
                )

    def _votes(self) -> Iterator[str]:
        for node, book in self.books.items():
            said: dict[str, list[str]] = defaultdict(list)
            for talk, payload in book.connection.execute(
                "SELECT conversation, payload FROM said WHERE payload_type = ?", (VOTE_TYPE,)
            ):
                said[talk.hex()].append(_answer_in(payload))
            asked: dict[str, list[Event]] = defaultdict(list)
            for event in self._of("vote", node):
                asked[event.subject].append(event)
            for booking in said.keys() | asked.keys():
                votes = said[booking]
                yield from _between(f"{node}: votes on {booking}", len(votes), asked[booking])
                for event in asked[booking]:
                    if event.outcome is not Outcome.DONE:
                        continue
                    yes = event.asked["answer"] == "YES"
                    if not any((vote in SAID_YES) is yes for vote in votes):
                        yield f"{node}: vote {event.asked['answer']} on {booking} is lost"
                    if not yes and self.phases.get((node, booking)) in BOOKED:
                        yield f"{node}: {booking} was declined and is booked"

    def _whole_bundles(self) -> Iterator[str]:
        """Of a bundle, all legs are booked at their subs, or none is."""
        legs: dict[str, dict[str, str]] = defaultdict(dict)
        for node, book in self.books.items():
            for bundle, talk, phase in book.connection.execute(
                "SELECT b.bundle, b.conversation, c.phase FROM booking b"
                " JOIN conversation c ON c.id = b.conversation WHERE b.role = 'SUB'"
            ):
                legs[bundle.hex()][f"{talk.hex()} at {node}"] = phase
        for node, book in self.books.items():
            for bundle, phase, decision in book.connection.execute(
                "SELECT id, phase, decision FROM bundle"
            ):
                found = legs[bundle.hex()]
                booked = {leg for leg, of in found.items() if of in BOOKED}
                if phase == "HOLDING":
                    yield f"{node}: bundle {bundle.hex()} was never decided"
                elif booked and (decision != "CONFIRM" or len(booked) < len(found)):
                    yield f"{node}: bundle {bundle.hex()} ({decision}) is half confirmed: {found}"
                elif decision == "CONFIRM" and not booked:
                    yield f"{node}: bundle {bundle.hex()} is confirmed, and no sub knows"

    def _looks(self) -> Iterator[str]:
        for node in self.books:
            seen: dict[str, tuple[int, str]] = {}
            for event in sorted(self._of("bookings", node), key=lambda at: at.began):
                if event.outcome is not Outcome.DONE:
                    continue
                yield from self._seats_shown(node, event.answer)
                for row in event.answer:
                    # Looks of one person follow each other, so the order is that of time.
                    rank, before = seen.get(row["id"], (-1, ""))
                    now = RANK.get(row["phase"], LATER)
                    if now < rank:
                        yield f"{node}: {row['id']} was seen {before} and then {row['phase']}"
                    seen[row["id"]] = (now, row["phase"])
            for booking, (rank, phase) in seen.items():
                final = self.phases.get((node, booking))
                if final is None:
                    yield f"{node}: {booking} was seen {phase} and is lost"
                elif RANK.get(final, LATER) < rank or (phase in BOOKED and final not in BOOKED):
                    yield f"{node}: {booking} was seen {phase} and is {final}"

    def _seats_shown(self, node: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        holders: dict[tuple[str, int], set[str]] = defaultdict(set)
        for row in rows:
            if row["phase"] not in KEEPS:
                continue
            # The host's own seats are the bundle's, and shown with each of its legs.
            mine = row["id"] if row["role"] == "SUB" else self.bundles.get((node, row["id"]), "")
            for place in row["places"]:
                for at in range(row["start_ms"], row["end_ms"], 60_000):
                    holders[place, at].add(mine)
        twice = {(place, *sorted(by)) for (place, _), by in holders.items() if len(by) > 1}
        for place, *by in sorted(twice):
            yield f"{node}: seat {place} was shown to {' and '.join(by)} at once"

    def _heads(self) -> Iterator[str]:
        roots = {node: _roots(book.connection) for node, book in self.books.items()}
        for event in self.history:
            if event.deed == "head" and event.outcome is Outcome.DONE:
                for log in event.answer["logs"]:
                    yield from _shown(
                        roots[event.node], event.node, log["suite"], log["size"], log["root"]
                    )
        for book in self.books.values():
            for sender, suite_id, envelope in book.connection.execute(
                "SELECT sender, suite, envelope FROM heard"
            ):
                if sender in roots:
                    said = decode_statement(decode_envelope(envelope).payload)
                    yield from _shown(
                        roots[sender], sender, suite_id, said.log_size, said.log_root.hex()
                    )


def _entered_once(node: str, found: Counter[str], asked: Mapping[str, Event]) -> Iterator[str]:
    for code, count in found.items():
        if code not in asked:
            yield f"{node}: project {code} was entered by nobody"
        elif count > 1 or asked[code].outcome is Outcome.REFUSED:
            yield f"{node}: project {code} is there {count} times; it was {asked[code].outcome}"


def _between(name: str, found: int, asked: Sequence[Event]) -> Iterator[str]:
    """As many effects as were acknowledged, and at most those more of which nothing is known."""
    outcomes = Counter(event.outcome for event in asked)
    least, most = outcomes[Outcome.DONE], outcomes[Outcome.DONE] + outcomes[Outcome.UNKNOWN]
    if not least <= found <= most:
        yield f"{name}: {found}, where {least} to {most} were asked for and done"


def _answer_in(payload: bytes) -> str:
    word = decode_word(VOTE_TYPE, decode_statement(payload).body)
    return str(word.answer.name)  # type: ignore[attr-defined]


def _roots(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """By suite: the root at each size of the log, from 0 on."""
    found = {}
    for suite_id, leaves in entries(connection).items():
        digests = suite(suite_id)
        frontier = merkle.Frontier(digests)
        roots = [""]
        for leaf in leaves:
            frontier.append(merkle.leaf_hash(digests, leaf))
            roots.append(frontier.root().hex())
        found[suite_id] = roots
    return found


def _shown(
    roots: Mapping[str, list[str]], node: str, suite_id: str, size: int, root: str
) -> Iterator[str]:
    mine = roots.get(suite_id, [""])
    if size >= len(mine) or mine[size] != root:
        yield f"{node}: its log of {suite_id} showed a head of size {size} that it is not"
