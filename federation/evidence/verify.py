"""The offline verifier: whether a dossier proves what it says, trusting nobody.

    verdict = verify(file, decode)

Needs no node, no network, no clock. Numbered steps in a fixed order (``Step``), the first
thing that is wrong is named. A center is who its root key says it is; whether that is the
center one thinks of is for the reader to compare with the published fingerprint. The suite
is the one that the signed agreement names; there is no other place that could say it.

Here: the file, keys, signatures, conversations, receipts and logs. What the words mean
together is ``evaluation``. The cost is linear in the words, times the depth of the logs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from federation.evidence.called_back import called_back
from federation.evidence.case import Case, Decode, Refuted, Step, Told, examining, refute
from federation.evidence.checkpoint import (
    LOG,
    WITNESS,
    Checkpoint,
    NoteKey,
    cosigned_at,
    verify_note,
)
from federation.evidence.dossier import (
    DOSSIER_TYPE,
    Dossier,
    Line,
    Sealed,
    Transcript,
    read,
)
from federation.evidence.entry import IN, IN_AGAIN, OUT, OUT_AGAIN, log_entry
from federation.evidence.evaluation import Findings, examine
from federation.evidence.others import others
from federation.evidence.replay import Replay
from federation.evidence.revocation import History, check_documents, check_order, histories
from federation.evidence.shape import Misshapen
from federation.evidence.summing import LogHead, sum_up
from federation.evidence.timeline import Event, timeline
from federation.evidence.verdict import Verdict
from federation.protocol.agreement import AgreementTerms, Counter, Propose, contradictions
from federation.protocol.conversation import Kind, Phase
from federation.protocol.standing import NEEDS_NO_AGREEMENT
from federation.protocol.tables import TABLES, VOCABULARY
from federation.trust import merkle
from federation.trust.envelope import Verifier, pae
from federation.trust.errors import UnknownSuite
from federation.trust.keys import Descriptor, Purpose, agreement_type
from federation.trust.suite import Suite, suite

ACCEPTED: Final = "ACCEPTED"
_TYPES: Final = {
    word: f"application/vnd.lianping.v1.{name}+protobuf" for name, word in VOCABULARY.items()
}


@dataclass(frozen=True, slots=True)
class Examined:
    """A dossier that holds, with what it was made of.

    Args:
        case: Its words.
        findings: What they came to.
        heads: Each center's log head.
        verdict: What is told of it.
        sealing: The public keys whose seal would be the maker's.
        signers: The public keys of either center that count for what it signs.
    """

    case: Case
    findings: Findings
    heads: Mapping[str, Checkpoint]
    verdict: Verdict
    sealing: Sequence[bytes]
    signers: Mapping[str, Sequence[bytes]]


def verify(file: bytes, decode: Decode) -> Verdict:
    """Verify a dossier of one sub-venue's part; ``joint.check`` takes joint ones, too.

    Args:
        file: The whole file.
        decode: Reads protobuf, e.g. ``federation.wire.evidence.DECODE``.

    Raises:
        Refuted: At the first thing that is wrong.
        SuiteUnavailable: This machine lacks the suite of the dossier; says nothing about it.
    """
    return examined(file, decode).verdict


def examined(file: bytes, decode: Decode) -> Examined:
    """The same, with what the file was made of. Raises as ``verify``."""
    try:
        dossier, sealed = read(file)
    except Misshapen as error:
        raise Refuted(Step.FILE, error.where, error.zh, error.en) from error
    known = histories(dossier, decode)
    parties = {center: each.current for center, each in known.items()}
    terms = _terms(dossier, parties, decode)
    chosen = _suite(terms)
    with examining(Step.AGREEMENT, "descriptors", "缺少协议所选密码套件的密钥"):
        keys = {center: _keys(history, chosen) for center, history in known.items()}
    agreement, signed_by = _agreement(dossier, terms, parties, chosen, keys)
    talks = _envelopes(dossier, chosen, keys, decode)
    kinds, phases = _conversations(dossier, talks, agreement, tuple(parties), chosen.suite_id)
    _receipts(talks)
    logs = _logs(dossier, chosen, keys, talks, known)
    check_order(chosen, talks, known, {center: log.head for center, log in logs.items()})
    check_documents(talks, known, signed_by)
    elsewhere = others(dossier.others, parties, chosen, decode)
    case = Case(dossier, parties, terms, chosen, agreement, talks, kinds, phases, elsewhere)
    findings = examine(case)
    checked = called_back(case)
    told = _timeline(case)
    _seal(chosen, keys[dossier.maker], sealed)
    signers = {
        center: [each.message[key_id] for key_id in sorted(each.good)]
        for center, each in keys.items()
    }
    return Examined(
        case,
        findings,
        {center: log.head for center, log in logs.items()},
        sum_up(case, findings, checked, logs, len(told)),
        signers[dossier.maker],
        signers,
    )


@dataclass(frozen=True, slots=True)
class _Keys:
    """The public keys of one center that count under the suite of the agreement.

    Args:
        message: Keys of words, receipts and documents, by id, revoked ones too: for those the
            order of the logs decides.
        good: The ids of those that are not revoked.
        log: Keys of its checkpoints.
        witness: Keys of its cosignatures.
    """

    message: Mapping[bytes, bytes]
    good: frozenset[bytes]
    log: Sequence[NoteKey]
    witness: Sequence[NoteKey]

    def signed(
        self, suite: Suite, payload_type: str, payload: bytes, signature: bytes
    ) -> bytes | None:
        """The id of the key that made a detached signature over a document; None if none did."""
        message = pae(payload_type, payload)
        for key_id, key in self.message.items():
            if suite.verify(key, signature, message):
                return key_id
        return None


def _keys(history: History, suite: Suite) -> _Keys:
    name, descriptor = suite.suite_id, history.current
    message = history.messages(name)
    return _Keys(
        message=message,
        good=frozenset(message.keys() - history.revoked.keys()),
        log=[
            NoteKey(suite, descriptor.log_name(name), LOG, key.key)
            for key in descriptor.keys_for(Purpose.LOG, name)
        ],
        witness=[
            NoteKey(suite, descriptor.witness_name(name), WITNESS, key.key)
            for key in descriptor.keys_for(Purpose.WITNESS, name)
        ],
    )


def _terms(dossier: Dossier, parties: Mapping[str, Descriptor], decode: Decode) -> AgreementTerms:
    where = "agreement"
    with examining(Step.AGREEMENT, where, "协议不可读"):
        terms = decode.terms(dossier.document)
    if {party.center_id for party in terms.parties} != set(parties):
        refute(Step.AGREEMENT, where, "协议由其他中心签订", "is between other centers")
    return terms


def _suite(terms: AgreementTerms) -> Suite:
    try:
        chosen = suite(terms.suite)
    except UnknownSuite as error:
        zh = f"协议选用的密码套件 {terms.suite[:32]!r} 未知, 本程序不能核对"
        raise Refuted(Step.AGREEMENT, "agreement", zh, str(error)) from error
    chosen.ready()
    return chosen


def _agreement(
    dossier: Dossier,
    terms: AgreementTerms,
    parties: Mapping[str, Descriptor],
    chosen: Suite,
    keys: Mapping[str, _Keys],
) -> tuple[bytes, dict[str, tuple[bytes, bytes]]]:
    """The agreement's id; by center the key that signed it, and the signature."""
    where = "agreement"
    wrong = contradictions(terms)
    if wrong:
        refute(Step.AGREEMENT, where, f"协议条款自相矛盾 ({wrong[0]})", wrong[0])
    if set(dossier.signatures) != set(parties):
        refute(Step.AGREEMENT, where, "协议应有双方签名", "needs exactly both signatures")
    signed_by = {}
    for center, signature in dossier.signatures.items():
        key_id = keys[center].signed(
            chosen, agreement_type(chosen.suite_id), dossier.document, signature
        )
        if key_id is None:
            refute(
                Step.AGREEMENT,
                where,
                f"{parties[center].name}的协议签名无效",
                f"the signature of {center} does not fit",
            )
        signed_by[center] = (key_id, signature)
    return chosen.tagged("agreement", dossier.document), signed_by


def _envelopes(
    dossier: Dossier, chosen: Suite, keys: Mapping[str, _Keys], decode: Decode
) -> dict[bytes, list[Told]]:
    reader = _Reader(chosen, keys, decode)
    talks: dict[bytes, list[Told]] = {}
    for talk in dossier.conversations:
        where = f"{talk.kind} {talk.id.hex()}"
        if talk.id in talks or not talk.lines:
            refute(Step.ENVELOPES, where, "会话重复或为空", "is given twice or is empty")
        talks[talk.id] = [
            reader.told(talk, f"{where}, word {at}", line)
            for at, line in enumerate(talk.lines, start=1)
        ]
    hashes = [told.hash for talk in talks.values() for told in talk]
    if len(set(hashes)) != len(hashes):
        refute(Step.ENVELOPES, "conversations", "同一消息出现两次", "a word is given twice")
    return talks


class _Reader:
    def __init__(self, chosen: Suite, keys: Mapping[str, _Keys], decode: Decode) -> None:
        self._keys = keys
        self._decode = decode
        self._suite = chosen
        self._verifier = Verifier()

    def told(self, talk: Transcript, where: str, line: Line) -> Told:
        with examining(Step.ENVELOPES, where, "消息或回执不可读"):
            statement = self._decode.statement(line.envelope.payload)
            word = self._decode.word(line.envelope.payload_type, statement.body)
            answer = self._decode.statement(line.receipt.payload)
            outcome, receipt = self._decode.receipt(line.receipt.payload_type, answer.body)
        if word.kind != talk.kind or statement.conversation_id != talk.id:
            refute(Step.ENVELOPES, where, "消息不属于该会话", "is not of this conversation")
        if _TYPES[type(word)] != line.envelope.payload_type:
            refute(Step.ENVELOPES, where, "消息类型不符", "is not of the type it names")
        for said in (statement, answer):
            if {said.sender, said.recipient} != set(self._keys):
                refute(Step.ENVELOPES, where, "收发方不是双方中心", "is not between the two")
        if outcome != ACCEPTED:
            refute(Step.ENVELOPES, where, f"消息未被接受 ({outcome})", f"the word was {outcome}")
        if set(line.logged) != set(self._keys):
            refute(Step.ENVELOPES, where, "应在双方日志中", "must be in exactly both logs")
        digests = []
        for envelope, sender in ((line.envelope, statement.sender), (line.receipt, answer.sender)):
            key = self._keys[sender].message.get(envelope.key_id)
            if key is None:
                refute(Step.ENVELOPES, where, "签名密钥不符", "names another key")
            with examining(Step.ENVELOPES, where, "签名无效"):
                digests.append(self._verifier.check(self._suite, envelope, key))
        return Told(
            where=where,
            kind=word.kind,
            statement=statement,
            payload_type=line.envelope.payload_type,
            payload=line.envelope.payload,
            word=word,
            hash=digests[0],
            key_id=line.envelope.key_id,
            answer=answer,
            answer_hash=digests[1],
            receipt=receipt,
            logged=line.logged,
        )


def _conversations(
    dossier: Dossier,
    talks: Mapping[bytes, Sequence[Told]],
    agreement: bytes,
    centers: Sequence[str],
    suite_id: str,
) -> tuple[dict[bytes, Kind], dict[bytes, Phase]]:
    kinds: dict[bytes, Kind] = {}
    phases: dict[bytes, Phase] = {}
    for talk, words in talks.items():
        kind = words[0].kind
        for told in words:
            allowed = {agreement, b""} if kind in NEEDS_NO_AGREEMENT else {agreement}
            if told.statement.agreement_id not in allowed:
                refute(
                    Step.CONVERSATIONS, told.where, "引用了另一协议", "is under another agreement"
                )
        # A negotiation may go through several documents: what was signed is the last one.
        papers = [told for told in words if isinstance(told.word, Propose | Counter)]
        for told in papers[-1:]:
            assert isinstance(told.word, Propose | Counter), "chosen by it"
            if told.word.document != dossier.document:
                refute(Step.CONVERSATIONS, told.where, "提出的是另一协议", "proposes another one")
        order = [told.index(dossier.maker) for told in words]
        if order != sorted(set(order)):
            refute(
                Step.CONVERSATIONS,
                words[0].where,
                "消息未按日志次序排列",
                "words are not in the order of the maker's log",
            )
        ends = {Replay(TABLES[kind], center, suite_id, words).run() for center in centers}
        if len(ends) != 1:
            refute(
                Step.CONVERSATIONS,
                words[0].where,
                "双方对会话状态的记录不一致",
                f"the two ends differ: {', '.join(sorted(ends))}",
            )
        kinds[talk], (phases[talk],) = kind, ends
    if kinds.get(dossier.session) is not Kind.SESSION:
        refute(Step.CONVERSATIONS, "session", "缺少评标会话", "the session is missing")
    if sum(kind is Kind.SESSION for kind in kinds.values()) != 1:
        refute(Step.CONVERSATIONS, "session", "含多个评标会话", "there is more than one session")
    return kinds, phases


def _receipts(talks: Mapping[bytes, Sequence[Told]]) -> None:
    for words in talks.values():
        for told in words:
            answer = told.answer
            if answer.sender != told.hearer or answer.recipient != told.sender:
                refute(Step.RECEIPTS, told.where, "回执不是对方所签", "is receipted by its sender")
            if answer.answers_hash != told.hash:
                refute(Step.RECEIPTS, told.where, "回执属于另一消息", "has another word's receipt")
            if (
                told.receipt.heard_revision != told.statement.revision
                or answer.conversation_id != told.statement.conversation_id
                or answer.agreement_id != told.statement.agreement_id
            ):
                refute(
                    Step.RECEIPTS, told.where, "回执内容不符", "the receipt speaks of another word"
                )


def _logs(
    dossier: Dossier,
    chosen: Suite,
    keys: Mapping[str, _Keys],
    talks: Mapping[bytes, Sequence[Told]],
    known: Mapping[str, History],
) -> dict[str, LogHead]:
    if set(dossier.checkpoints) != set(keys):
        refute(Step.LOGS, "checkpoints", "应有双方日志的检查点", "must be of exactly both logs")
    found = {}
    for center in keys:
        where = f"log of {center}"
        note = dossier.checkpoints[center]
        (other,) = set(keys) - {center}
        with examining(Step.LOGS, where, "检查点未经签署或联署"):
            head, _ = verify_note(note, keys[center].log)
            cosigned, _ = cosigned_at(note, keys[other].witness)
        for words in talks.values():
            for told in words:
                _check_logged(chosen, told, head, center, known[center].restored)
        found[center] = LogHead(head, cosigned * 1000)
    return found


def _check_logged(
    chosen: Suite, told: Told, head: Checkpoint, center: str, restored: Mapping[str, int]
) -> None:
    """The word stands in a center's log where it said that it would, or came back after a loss.

    The checkpoint is of the epoch of the center's newest descriptor, by its name. What came back
    stands beyond what was kept, was said beyond it, and the entry says that it came back.
    """
    logged = told.logged[center]
    statement = told.statement
    kept = restored.get(chosen.suite_id)
    came_back = kept is not None and logged.index >= kept
    if statement.sender == center:
        own = (statement.recipient, told.payload_type, told.hash, b"", logged.at_ms)
        entries = [log_entry(OUT, *own)] if logged.index == statement.log_size else []
        again = log_entry(OUT_AGAIN, *own)
        fits = logged.at_ms == statement.sent_at_ms
        came_back = came_back and kept is not None and statement.log_size >= kept
    else:
        other = (statement.sender, told.payload_type, told.hash, told.answer_hash, logged.at_ms)
        entries = [log_entry(IN, *other)]
        again = log_entry(IN_AGAIN, *other)
        fits = logged.at_ms == told.answer.sent_at_ms
    entries += [again] if came_back else []
    if not fits or not any(
        merkle.verify_inclusion(
            chosen,
            merkle.leaf_hash(chosen, each),
            logged.index,
            head.size,
            logged.path,
            head.root,
        )
        for each in entries
    ):
        refute(
            Step.LOGS,
            told.where,
            f"不在{center}的日志中",
            f"is not in the log of {center} as the dossier says",
        )


def _timeline(case: Case) -> list[Told]:
    told = sorted(
        (word for words in case.talks.values() for word in words),
        key=lambda word: word.index(case.dossier.maker),
    )
    names = {center: descriptor.name for center, descriptor in case.parties.items()}
    events = [Event(word.sender, word.statement.sent_at_ms, word.word) for word in told]
    with examining(Step.TIMELINE, "timeline", "时间不合历法"):
        expected = timeline(events, names)
    if case.dossier.timeline != expected:
        refute(
            Step.TIMELINE, "timeline", "时间线与消息不符", "is not the story that the words tell"
        )
    return told


def _seal(chosen: Suite, maker: _Keys, sealed: Sealed) -> None:
    if maker.signed(chosen, DOSSIER_TYPE, sealed.body, sealed.signature) not in maker.good:
        refute(
            Step.SEAL, "last line", "封签与文件不符", "the seal is not the maker's over this file"
        )
