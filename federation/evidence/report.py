"""What a clerk reads of a dossier that holds: the draws rank by rank, and the story.

    report(whole)       tables of texts, in Chinese and English; nothing is decided here

How it looks is ``node.services.dossier_page``'s affair. Experts appear by their handles; a name
stands beside one only after the owner of the pool has opened it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from federation.evidence.called_back import NONE, CalledBack, called_back
from federation.evidence.case import Case
from federation.evidence.dossier import Moment
from federation.evidence.supplementing import adds
from federation.evidence.timeline import code, local, responses, ruling
from federation.evidence.verdict import Named, Verdict
from federation.evidence.verify import Examined
from federation.evidence.whole import Whole
from federation.protocol.conversation import Kind
from federation.protocol.draw import (
    Fault,
    Next,
    Open,
    Proceed,
    Report,
    Response,
    Result,
    Shortfall,
)
from federation.protocol.draw import Verdict as Ruled

_OTHER: Final = ("待定", "pending")


@dataclass(frozen=True, slots=True)
class Rank:
    """One entry that the order came to.

    Args:
        slot: Which seat group, from 1.
        specialty: Its specialty.
        rank: Its place in the order of that group, from 1.
        handle: The entry's first digits; the whole is in the file.
        zh: What was ruled and what came of it, in Chinese.
        en: The same in English.
        member: Whether it is on the final list.
        supplement: Whether it was asked after an invitation in its group had come to nothing.
        name: As opened by the owner; empty before.
    """

    slot: int
    specialty: str
    rank: int
    handle: str
    zh: str
    en: str
    member: bool
    supplement: bool
    name: str


@dataclass(frozen=True, slots=True)
class DrawPage:
    """One draw: whose pool, who sealed it, every rank that was reached.

    Args:
        id: The draw's conversation.
        sequence: Its number.
        owner: Name of the pool's owner.
        sealer: Name of the center that kept the order sealed.
        pool: Pool and epoch.
        opened_at: When it was opened, Beijing time by the sealer's clock.
        wanted: Specialties and how many of each.
        ranks: In the order in which they were asked.
        lists: How many lists were sealed; each but the first follows a replacement.
        short: Seats that stayed empty because a specialty was exhausted.
        void: Whether it was declared void.
        adds: Whether it adds to a list that stayed short, from other specialties.
        called_back: What the regulator had found of its invitations when the file was made.
    """

    id: str
    sequence: int
    owner: str
    sealer: str
    pool: str
    opened_at: str
    wanted: str
    ranks: tuple[Rank, ...]
    lists: int
    short: int
    void: bool
    adds: bool
    called_back: CalledBack


@dataclass(frozen=True, slots=True)
class PartPage:
    """The dossier of one sub-venue."""

    verdict: Verdict
    draws: tuple[DrawPage, ...]
    timeline: tuple[Moment, ...]


def report(whole: Whole) -> tuple[PartPage, ...]:
    """The pages of all parts, in order."""
    verdicts = whole.verdict.parts
    return tuple(_part(*each) for each in zip(whole.parts, verdicts, strict=True))


def _part(part: Examined, verdict: Verdict) -> PartPage:
    case = part.case
    names = {(name.draw, name.entry): name for name in verdict.names}
    talks = [talk for talk in case.of_kind(Kind.DRAW) if case.find(talk, Open)]
    talks.sort(key=lambda talk: case.find(talk, Open)[0][1].sequence)
    return PartPage(
        verdict,
        tuple(_draw(part, talk, names) for talk in talks),
        case.dossier.timeline,
    )


def _draw(part: Examined, talk: bytes, names: Mapping[tuple[str, str], Named]) -> DrawPage:
    case = part.case
    told, opened = case.find(talk, Open)[0]
    fair = part.findings.draws.get(talk)
    members = frozenset() if fair is None else frozenset(entry for _, entry in fair.members)
    return DrawPage(
        id=talk.hex(),
        sequence=opened.sequence,
        owner=case.parties[told.hearer].name,
        sealer=case.parties[told.sender].name,
        pool=f"{opened.pool} / {opened.epoch}",
        opened_at=local(told.statement.sent_at_ms),
        wanted=", ".join(f"{slot.specialty} × {slot.count}" for slot in opened.slots),
        ranks=_ranks(case, talk, opened, members, names),
        lists=len(case.find(talk, Result)),
        short=sum(word.missing for _, word in case.find(talk, Shortfall)),
        void=fair is None or (not members and bool(case.find(talk, Fault))),
        adds=adds(case, told),
        called_back=called_back(case).get(talk, NONE),
    )


def _ranks(
    case: Case,
    talk: bytes,
    opened: Open,
    members: frozenset[bytes],
    names: Mapping[tuple[str, str], Named],
) -> tuple[Rank, ...]:
    ruled = {word.entry: word.ruling for _, word in case.find(talk, Ruled)}
    answers: dict[bytes, list[tuple[str, str]]] = {}
    asked: dict[bytes, Next | Proceed] = {}
    in_vain, supplements = set[int](), set[bytes]()
    for told in case.talks[talk]:
        word = told.word
        if isinstance(word, Next | Proceed):
            asked[word.entry] = word
            supplements |= {word.entry} if word.slot in in_vain else set()
        elif isinstance(word, Report):
            answers.setdefault(word.entry, []).append(responses(word.response))
            if word.response is not Response.ACCEPT and word.entry in asked:
                in_vain.add(asked[word.entry].slot)
    found = []
    for due in sorted(asked.values(), key=lambda each: (each.slot, each.rank)):
        steps = [ruling(ruled[due.entry])] if due.entry in ruled else [_OTHER]
        steps += answers.get(due.entry, [])
        known = names.get((talk.hex(), due.entry.hex()))
        found.append(
            Rank(
                slot=due.slot + 1,
                specialty=opened.slots[due.slot].specialty,
                rank=due.rank + 1,
                handle=code(due.entry),
                zh=" → ".join(zh for zh, _ in steps),
                en=" → ".join(en for _, en in steps),
                member=due.entry in members,
                supplement=due.entry in supplements,
                name="" if known is None else known.name,
            )
        )
    return tuple(found)
