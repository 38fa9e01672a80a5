"""The joint dossier: one evaluation at a host and several sub-venues, proven by one file.

    lianping joint dossier 1            what it is
    { … }                               the cover: one JSON document, UTF-8, keys sorted
    lianping dossier 1                  the first part: the whole dossier of host and one sub
    …
    lianping dossier 1                  the second part, and so on
    …
    seal <base64>                       the host's signature over every byte before this line

Each part holds by itself and can be cut out and shown alone: a sub has seen no other sub's words.
What only all parts together show is checked here, as one step more: that they are the parts of
one booking and none is missing, that all sites started together after all were ready, that the
committee is exactly who was drawn from all pools, that all votes and signatures add up, and that
the host has shown the same log to every sub. That last is a consistency proof between the heads
that different subs have cosigned: the cover holds it.
"""

import itertools
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from federation.evidence.case import Case, Decode, Refuted, Step, Told, refute
from federation.evidence.dossier import MAX_FILE_BYTES, SEAL
from federation.evidence.joint_verdict import JointVerdict
from federation.evidence.selection import outcome
from federation.evidence.shape import Misshapen, Reader, b64, json_of, utf8
from federation.evidence.verdict import Verdict
from federation.evidence.verify import Examined, examined, verify
from federation.protocol.booking import MAX_PARTICIPANTS, Hold
from federation.protocol.draw import sealer_for_host
from federation.protocol.session import Ballot, Convene, Elect, Finish, Present, Ready, SignReport
from federation.protocol.session import Start as Began
from federation.trust import merkle
from federation.trust.envelope import Signer, pae, sign_alone

HEADER: Final = "lianping joint dossier 1"
JOINT_TYPE: Final = "application/vnd.lianping.v1.joint-dossier"
MAX_JOINT_BYTES: Final = 4 * MAX_FILE_BYTES  # sixteen parts of a usual size; read in one piece
_FEWEST: Final = 2  # of one part, the part itself is the dossier
_SEAL_LINE_BYTES: Final = 1024  # as in ``dossier``


@dataclass(frozen=True, slots=True)
class Extends:
    """That one of the host's log heads grew out of another: by the numbers of their parts.

    Args:
        older: The part with the smaller head, from 0.
        newer: The part with the larger one.
        path: RFC 6962 consistency proof.
    """

    older: int
    newer: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Joint:
    """A joint dossier as a file says it: nothing is verified yet."""

    parts: tuple[bytes, ...]
    extends: tuple[Extends, ...]
    body: bytes
    signature: bytes


def is_joint(file: bytes) -> bool:
    """Whether a file calls itself a joint dossier."""
    return file.startswith(f"{HEADER}\n".encode())


def check(file: bytes, decode: Decode) -> Verdict | JointVerdict:
    """Verify a dossier of either kind. Raises as ``verify``."""
    return verify_joint(file, decode) if is_joint(file) else verify(file, decode)


def write(parts: Sequence[bytes], extends: Sequence[Extends], signer: Signer) -> bytes:
    """The file, sealed with the host's message key.

    Args:
        parts: Whole dossiers, by the ids of their sessions.
        extends: See ``chain``.
        signer: Of the suite of the first part.
    """
    cover = {
        "parts": [len(part) for part in parts],
        "extends": [
            {"older": each.older, "newer": each.newer, "path": [b64(node) for node in each.path]}
            for each in extends
        ],
    }
    text = json.dumps(cover, ensure_ascii=False, indent=1, sort_keys=True)
    body = f"{HEADER}\n{text}\n".encode() + b"".join(parts)
    signature = sign_alone(JOINT_TYPE, body, signer)
    return body + f"{SEAL}{b64(signature)}\n".encode()


def chain(heads: Sequence[tuple[str, int]]) -> list[tuple[int, int]]:
    """Which of the host's heads must be shown to extend which: (older, newer), by part.

    Args:
        heads: Of each part, the suite of the host's log and the size of its head. Each suite has
            a log of its own.
    """
    found: list[tuple[int, int]] = []
    for chosen in sorted({suite_id for suite_id, _ in heads}):
        of_suite = [at for at, (suite_id, _) in enumerate(heads) if suite_id == chosen]
        found += itertools.pairwise(sorted(of_suite, key=lambda at: heads[at][1]))
    return found


def read(file: bytes) -> Joint:
    """Take a file apart.

    Raises:
        Misshapen: It is too large, or not of this shape.
    """
    if len(file) > MAX_JOINT_BYTES:
        raise Misshapen(
            "file",
            f"文件有{len(file)}字节, 超过上限{MAX_JOINT_BYTES}",
            f"{len(file)} bytes, more than {MAX_JOINT_BYTES}",
        )
    at = file.rfind(b"\n" + SEAL.encode(), max(0, len(file) - _SEAL_LINE_BYTES)) + 1
    header = len(HEADER) + 1
    if at < header or not file.endswith(b"\n"):
        raise Misshapen("last line", "缺少封签行", "there is no seal")
    signature = Reader("seal").data(utf8(file[at + len(SEAL) : -1], "last line"))
    cover_ends = file.find(b"\n}\n", header) + 3
    if cover_ends < 3 or cover_ends > at:  # noqa: PLR2004 (the line just looked for)
        raise Misshapen("cover", "缺少封面", "there is no cover")
    cover = json_of(utf8(file[header:cover_ends], "cover"), "cover")
    sizes, extends = _cover(Reader("cover"), cover)
    parts, begins = [], cover_ends
    for size in sizes:
        parts.append(file[begins : begins + size])
        begins += size
    if begins != at:
        raise Misshapen(
            "cover", "各分卷长度与文件不符", "the sizes of the parts are not those of the file"
        )
    return Joint(tuple(parts), extends, file[:at], signature)


def _cover(reader: Reader, raw: object) -> tuple[list[int], tuple[Extends, ...]]:
    top = reader.fields(raw, "parts extends")
    parts = reader.at("parts")
    sizes = [
        parts.number(item, MAX_FILE_BYTES) for item in parts.items(top["parts"], MAX_PARTICIPANTS)
    ]
    if len(sizes) < _FEWEST:
        raise parts.wrong("合并卷宗应有两个以上分卷", "a joint dossier has two parts or more")
    found = []
    each = reader.at("extends")
    for item in each.items(top["extends"], MAX_PARTICIPANTS):
        fields = each.fields(item, "older newer path")
        found.append(
            Extends(
                each.number(fields["older"], MAX_PARTICIPANTS),
                each.number(fields["newer"], MAX_PARTICIPANTS),
                each.path(fields["path"]),
            )
        )
    return sizes, tuple(found)


def verify_joint(file: bytes, decode: Decode) -> JointVerdict:
    """Verify a joint dossier: every part by itself, then all of them together.

    Raises:
        Refuted: At the first thing that is wrong; ``where`` begins with the part.
        SuiteUnavailable: This machine lacks the suite of a part; says nothing about the file.
    """
    return examine_joint(file, decode)[0]


def examine_joint(file: bytes, decode: Decode) -> tuple[JointVerdict, tuple[Examined, ...]]:
    """The same, with what each part was made of. Raises as ``verify_joint``."""
    try:
        joint = read(file)
    except Misshapen as error:
        raise Refuted(Step.FILE, error.where, error.zh, error.en) from error
    found = []
    for at, part in enumerate(joint.parts, start=1):
        try:
            found.append(examined(part, decode))
        except Refuted as error:
            raise Refuted(
                error.step, f"part {at}, {error.where}", error.zh, error.en, rule=error.rule
            ) from error
    _Together(found).check()
    _check_extends(found, joint.extends)
    _check_seal(found[0], joint)
    return JointVerdict(tuple(each.verdict for each in found)), tuple(found)


class _Together:
    """What only all parts together show: step 15."""

    def __init__(self, parts: Sequence[Examined]) -> None:
        self._parts = parts
        self._first = parts[0]
        self._host = parts[0].findings.host

    def check(self) -> None:
        self._one_evaluation()
        self._one_start()
        self._one_committee()
        self._one_chair()
        self._one_report()

    def _refute(self, at: int, zh: str, en: str) -> None:
        refute(Step.JOINT, f"part {at}", zh, en)

    def _same(self, told: Sequence[Any], zh: str, en: str) -> None:
        for at, each in enumerate(told, start=1):
            if each != told[0]:
                self._refute(at, zh, en)

    def _words(self, kind: type[Any]) -> list[Any]:
        """The last word of a kind in each part's session; the parts were verified."""
        return [self._last(part, kind)[1] for part in self._parts]

    def _last(self, part: Examined, kind: type[Any]) -> tuple[Told, Any]:
        """Where a member was replaced all began again: the last one counts."""
        return part.case.last(part.case.dossier.session, kind, Step.JOINT, self._host)

    def _one_evaluation(self) -> None:
        cases = [part.case for part in self._parts]
        self._same([part.findings.host for part in self._parts], "主场不同", "has another host")
        for at, case in enumerate(cases, start=1):
            if case.dossier.maker != self._host:
                self._refute(at, "分卷不是主场制作", "was not made by the host")
        self._same(
            [[each.signed for each in case.dossier.descriptors[self._host]] for case in cases],
            "主场的密钥说明不同",
            "shows other descriptors of the host",
        )
        sessions = [case.dossier.session for case in cases]
        if sessions != sorted(set(sessions)):
            self._refute(1, "分卷重复或无序", "parts are not distinct and sorted")
        self._one_booking([_hold(case) for case in cases])
        outcomes = [found for case in cases if (found := outcome(case)) is not None]
        self._same(outcomes, "副场抽取的结果不同", "was told another outcome of the lottery")

    def _one_booking(self, holds: Sequence[Hold]) -> None:
        """All subs of one bundle, but for those whose places others have taken."""
        subs = {part.findings.sub for part in self._parts}
        if len(subs) < len(self._parts):
            self._refute(1, "同一副场有两个分卷", "one sub-venue has two parts")
        together = {
            (hold.bundle_id, tuple(sorted(hold.participants)))
            for hold in holds
            if len(set(hold.participants)) > 1
        }
        if len(together) > 1:
            self._refute(1, "不属于同一次预约", "the parts are of different bookings")
        stand_ins = sum(len(set(hold.participants)) == 1 for hold in holds)
        for _, named in together:
            lost = set(named) - subs
            if len(lost) != stand_ins:
                self._refute(
                    1,
                    f"预约的副场有{len(named)}个, 缺{len(lost)}个, 替补{stand_ins}个, 分卷不全",
                    f"of the {len(named)} sub-venues booked {len(lost)} have no part, and "
                    f"{stand_ins} stood in for one",
                )
        if not together and len({hold.bundle_id for hold in holds}) < len(holds):
            self._refute(1, "一次预约只有一个副场", "one booking of one sub-venue has two parts")

    def _one_start(self) -> None:
        convened: list[Convene] = self._words(Convene)
        self._same(
            [(c.start_ms, c.end_ms, c.representatives, c.host_experts) for c in convened],
            "召集的内容不同",
            "was convened otherwise",
        )
        self._same(self._words(Began), "统一开始的内容不同", "was started otherwise")
        starts = [self._moment(part, Began) for part in self._parts]
        for at, part in enumerate(self._parts, start=1):
            began, _ = self._last(part, Began)
            ready = max(
                (
                    told
                    for told, _ in part.case.find(part.case.dossier.session, Ready)
                    if told.index(self._host) < began.index(self._host)
                ),
                key=lambda told: told.index(self._host),
            )
            mine = _Moment(part.case.suite.suite_id, ready.index(self._host),
                           ready.at_ms(self._host))  # fmt: skip
            if any(start.before(mine) for start in starts):
                self._refute(
                    at, "本副场就绪之前, 评标已在别处开始", "others began before its site was ready"
                )

    def _one_committee(self) -> None:
        start = self._first.findings.start
        convene: Convene = self._words(Convene)[0]
        drawn = [
            (draw.owner, entry)
            for part in self._parts
            for draw in part.findings.draws.values()
            for _, entry in draw.members
        ]
        members = {entry for _, entry in drawn}
        if len(members) != len(drawn):
            self._refute(1, "同一编码被抽中两次", "an entry was drawn twice")
        if len(start.members) != len(drawn) + convene.representatives:
            self._refute(
                1,
                f"成员{len(start.members)}人, 而各库共抽取{len(drawn)}人加代表"
                f"{convene.representatives}人",
                f"{len(start.members)} members, not {len(drawn)} drawn from all pools and "
                f"{convene.representatives} representatives",
            )
        by_owner = Counter(owner for owner, _ in drawn)
        if by_owner[self._host] != convene.host_experts:
            self._refute(
                1,
                f"主场专家{by_owner[self._host]}人, 召集时为{convene.host_experts}人",
                f"{by_owner[self._host]} host experts drawn, {convene.host_experts} convened",
            )
        own = [
            at
            for at, part in enumerate(self._parts, start=1)
            if any(draw.owner == self._host for draw in part.findings.draws.values())
        ]
        if len(own) > 1:
            self._refute(own[1], "主场专家库被抽取两次", "draws from the host's pool once more")
        due = {
            part.findings.sub: at
            for at, part in enumerate(self._parts, start=1)
            if part.findings.sub == sealer_for_host(_hold(part.case).participants)
        }
        if own and own[0] != due.get(min(due, default="")):
            self._refute(
                own[0],
                "主场专家库的抽取应由另一副场封定",
                "the draw from the host's pool was for another sub-venue to seal",
            )

    def _one_chair(self) -> None:
        elected: list[Elect] = self._words(Elect)
        self._same(elected, "当选的评标组长不同", "has another chair")
        elect = elected[0]
        if elect.cast != len(self._first.findings.start.members):
            self._refute(1, "不是全体成员投票", "not all members have voted")
        ballots: dict[bytes, bytes] = {}
        for part in self._parts:
            session = part.case.dossier.session
            began, _ = self._last(part, Began)
            told, _ = self._last(part, Elect)
            for said, ballot in part.case.find(session, Ballot):
                if began.index(self._host) < said.index(self._host) < told.index(self._host):
                    ballots[ballot.voter] = ballot.candidate
        known = Counter(ballots.values())
        mine = known.pop(elect.chair, 0)
        # The ballots of the host's own members are no words between centers.
        unknown = elect.cast - len(ballots)
        most = max(known.values(), default=0)
        if not mine <= elect.votes <= mine + unknown or most >= elect.votes:
            self._refute(
                1,
                "评标组长的当选与各副场的选票矛盾",
                "the ballots of all subs contradict the election of the chair",
            )

    def _one_report(self) -> None:
        presented: list[Present] = self._words(Present)
        by_suite: dict[str, bytes] = {}
        for at, (part, word) in enumerate(zip(self._parts, presented, strict=True), start=1):
            suite_id = part.case.suite.suite_id
            if by_suite.setdefault(suite_id, word.report_digest) != word.report_digest:
                self._refute(at, "签署的是另一份报告", "is about another report")
        ends = [self._moment(part, Finish) for part in self._parts]
        for at, part in enumerate(self._parts, start=1):
            own_end, shown = self._moment(part, Finish), self._moment(part, Present)
            for said, _ in part.case.find(part.case.dossier.session, SignReport):
                moment = _Moment(part.case.suite.suite_id, said.index(self._host),
                                 said.at_ms(self._host))  # fmt: skip
                counted = shown.before(moment) and moment.before(own_end)
                if counted and any(end.before(moment) for end in ends):
                    self._refute(
                        at, "本副场签署之前, 评标已在别处结束", "others ended before it had signed"
                    )

    def _moment(self, part: Examined, kind: type[Any]) -> "_Moment":
        told, _ = self._last(part, kind)
        return _Moment(part.case.suite.suite_id, told.index(self._host), told.at_ms(self._host))


@dataclass(frozen=True, slots=True)
class _Moment:
    """When the host said or heard a word: its place in a log, and the host's clock."""

    suite_id: str
    index: int
    at_ms: int

    def before(self, other: "_Moment") -> bool:
        """By the log where both are in one; logs of two suites have only the clock in common."""
        if self.suite_id == other.suite_id:
            return self.index < other.index
        return self.at_ms < other.at_ms


def _hold(case: Case) -> Hold:
    _, convene = case.one(case.dossier.session, Convene, Step.JOINT)
    _, hold = case.one(convene.booking_id, Hold, Step.JOINT)
    return hold


def _check_extends(parts: Sequence[Examined], extends: Sequence[Extends]) -> None:
    host = parts[0].findings.host
    heads = [(part.case.suite.suite_id, part.heads[host].size) for part in parts]
    if [(each.older, each.newer) for each in extends] != chain(heads):
        refute(
            Step.JOINT,
            "cover",
            "主场日志的一致性证明不全",
            "the host's heads are not linked as they must be",
        )
    for each in extends:
        older, newer = parts[each.older].heads[host], parts[each.newer].heads[host]
        if not merkle.verify_consistency(
            parts[each.older].case.suite, older.size, older.root, newer.size, newer.root, each.path
        ):
            refute(
                Step.JOINT,
                f"part {each.newer + 1}",
                "主场向不同副场出示了不同的日志",
                f"the host's log is not the one that it showed in part {each.older + 1}",
            )


def _check_seal(first: Examined, joint: Joint) -> None:
    message = pae(JOINT_TYPE, joint.body)
    if not any(first.case.suite.verify(key, joint.signature, message) for key in first.sealing):
        refute(
            Step.SEAL, "last line", "封签与文件不符", "the seal is not the host's over this file"
        )
