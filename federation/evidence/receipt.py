"""The offline check of an expert's receipt, trusting nobody: only the pure packages.

    verdict = verify(file, decode)

What holds: the entries are the expert's own and in the pool that the center announced; each
partner named has cosigned a log with that announcement, and all of them the same one; each report
is the center's signed word in such a log, and the gateway's record is the one that it names. What
no proof can show is only sealed: that there are no more invitations than the file says.
A center is who its root key says it is; the reader compares the fingerprint.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NoReturn

from federation.errors import FederationError
from federation.evidence import call_record
from federation.evidence.case import Decode, StatementLike
from federation.evidence.checkpoint import (
    LOG,
    WITNESS,
    BadCheckpoint,
    Checkpoint,
    NoteKey,
    cosigned_at,
    verify_note,
)
from federation.evidence.entry import OUT, OUT_AGAIN, log_entry
from federation.evidence.receipt_file import (
    RECEIPT_TYPE,
    InvitedPart,
    OwnEntry,
    PoolPart,
    Proven,
    ReceiptFile,
    read,
)
from federation.evidence.receipt_verdict import (
    RESPONSE_ZH,
    InPool,
    Invited,
    ReceiptVerdict,
    Told,
)
from federation.evidence.shape import Misshapen
from federation.lottery.pool import ATTRIBUTES, IDENTITY, STATUS, entry_of, strata_root
from federation.protocol.conversation import Word
from federation.protocol.draw import Report, Response
from federation.protocol.peering import AnnouncePool
from federation.trust import merkle
from federation.trust.envelope import BadEnvelope, Verifier, pae
from federation.trust.errors import UnknownSuite
from federation.trust.keys import BadDescriptor, Descriptor, Purpose
from federation.trust.suite import Suite, enc, suite

ANSWERED: Final = {
    "attend": Response.ACCEPT,
    "decline": Response.DECLINE,
    "no_answer": Response.NO_ANSWER,
}
"""What a call that ended so is reported as."""


class ReceiptRefuted(Exception):
    """The receipt does not prove what it says: where, and a sentence in Chinese and English."""

    def __init__(self, where: str, zh: str, en: str) -> None:
        super().__init__(f"{where}: {en}")
        self.where = where
        self.zh = zh
        self.en = en


def verify(file: bytes, decode: Decode) -> ReceiptVerdict:
    """Check a receipt.

    Args:
        file: The whole file.
        decode: Reads protobuf, e.g. ``federation.wire.evidence.DECODE``.

    Raises:
        ReceiptRefuted: At the first thing that is wrong.
        SuiteUnavailable: This machine lacks a suite of the file; says nothing about it.
    """
    try:
        receipt, body, seal = read(file)
    except Misshapen as error:
        raise ReceiptRefuted(error.where, error.zh, error.en) from error
    return _Check(receipt, decode).run(body, seal)


@contextmanager
def _examining(where: str, zh: str) -> Iterator[None]:
    try:
        yield
    except (FederationError, BadDescriptor, BadEnvelope, BadCheckpoint, ValueError) as error:
        raise ReceiptRefuted(where, f"{zh} ({error})", str(error)) from error


class _Check:
    def __init__(self, receipt: ReceiptFile, decode: Decode) -> None:
        self._receipt = receipt
        self._decode = decode
        self._verifier = Verifier()
        self._parties = {
            center: self._descriptor(center, raw) for center, raw in receipt.descriptors.items()
        }
        if receipt.maker not in self._parties:
            _refute("descriptors", "缺少出具中心的名片", "the maker's descriptor is missing")
        self._maker = self._parties[receipt.maker]
        self._heads: dict[tuple[str, str], tuple[Checkpoint, int]] = {}

    def run(self, body: bytes, seal: bytes) -> ReceiptVerdict:
        self._check_seal(body, seal)
        parts: dict[tuple[str, str, str], frozenset[bytes]] = {}
        pools = []
        for at, part in enumerate(self._receipt.pools):
            where, place = f"pool {at + 1}", (part.suite, part.pool, part.epoch)
            if place in parts:
                _refute(where, "同一期出现两次", "is given twice")
            held, own = self._pool(where, part)
            pools.append(held)
            parts[place] = own
        if not pools:
            _refute("pools", "没有任何一期专家库", "there is no pool")
        draws = [part.draw + part.entry for part in self._receipt.invited]
        if len(set(draws)) < len(draws):
            _refute("invitations", "同一邀请出现两次", "one invitation is given twice")
        invited = tuple(
            self._invited(f"invitation {at + 1}", part, parts)
            for at, part in enumerate(self._receipt.invited)
        )
        return ReceiptVerdict(
            maker=self._receipt.maker,
            name=self._maker.name,
            uid=self._receipt.uid,
            made_ms=self._receipt.made_at_ms,
            pools=tuple(pools),
            invited=invited,
        )

    def _descriptor(self, center: str, raw: bytes) -> Descriptor:
        with _examining("descriptors", "名片不能证明中心身份"):
            ((descriptor, _),) = self._decode.chain([raw])
        if descriptor.center_id != center:
            _refute("descriptors", "名片属于另一中心", "is of another center")
        return descriptor

    def _check_seal(self, body: bytes, seal: bytes) -> None:
        message = pae(RECEIPT_TYPE, body)
        for suite_id in self._maker.suites:
            chosen = self._suite("seal", suite_id)
            for key in self._maker.keys_for(Purpose.MESSAGE, suite_id):
                if chosen.verify(key.key, seal, message):
                    return
        _refute("last line", "封签与文件不符", "the seal is not the maker's over this file")

    def _suite(self, where: str, suite_id: str) -> Suite:
        try:
            chosen = suite(suite_id)
        except UnknownSuite as error:
            raise ReceiptRefuted(where, "密码套件未知", str(error)) from error
        chosen.ready()
        return chosen

    def _pool(self, where: str, part: PoolPart) -> tuple[InPool, frozenset[bytes]]:
        chosen = self._suite(where, part.suite)
        if not part.announced:
            _refute(where, "没有任何伙伴联署", "no partner has cosigned its announcement")
        told = [self._word(where, each, chosen, AnnouncePool) for each in part.announced]
        words = [word for _, word in told]
        if len({each.peer for each in part.announced}) < len(told):
            _refute(where, "同一伙伴出现两次", "one partner is given twice")
        word = words[0]
        if any(each != word for each in words):
            _refute(where, "告知各伙伴的承诺不同", "partners were told different pools")
        if (word.pool, word.epoch) != (part.pool, part.epoch):
            _refute(where, "公布的是另一期", "another epoch was announced")
        if strata_root(chosen, word.strata) != word.root:
            _refute(where, "总根与各专业不符", "the root is not over its strata")
        own = [self._own(where, part, entry, word, chosen) for entry in part.entries]
        strata = {each.specialty: each.size for each in word.strata}
        statuses = {each.openings[STATUS].value for each in part.entries}
        if len({each.specialty for each in part.entries}) < len(own) or len(statuses) > 1:
            _refute(where, "同一专业重复,或状态不一致", "one specialty twice, or two statuses")
        with _examining(where, "状态不可读"):
            status = "".join(value.decode() for value in statuses)
        held = InPool(
            suite=part.suite,
            pool=part.pool,
            epoch=part.epoch,
            announced_ms=min(statement.sent_at_ms for statement, _ in told),
            valid_until_ms=word.valid_until_ms,
            root=word.root,
            strata={each.specialty: strata[each.specialty] for each in part.entries},
            status=status,
            witnesses={
                each.peer: self._head(where, chosen, each.peer)[1] for each in part.announced
            },
        )
        return held, frozenset(own)

    def _own(
        self, where: str, part: PoolPart, entry: OwnEntry, word: AnnouncePool, chosen: Suite
    ) -> bytes:
        """The entry's handle, in the stratum that was announced."""
        where = f"{where}, {entry.specialty}"
        identity = entry.openings[IDENTITY].value
        uid = self._receipt.uid.encode()
        if not identity.startswith(enc(uid)):
            _refute(where, "条目属于另一位专家", "the entry is another expert's")
        handle = entry_of(
            chosen,
            part.pool,
            part.epoch,
            entry.specialty,
            [entry.openings[name] for name in ATTRIBUTES],
        )
        strata = {each.specialty: each for each in word.strata}
        stratum = strata.get(entry.specialty)
        if stratum is None or not merkle.verify_inclusion(
            chosen,
            merkle.leaf_hash(chosen, handle),
            entry.index,
            stratum.size,
            entry.path,
            stratum.root,
        ):
            _refute(where, "不在所公布的专家库中", "is not in the pool that was announced")
        return handle

    def _invited(
        self, where: str, part: InvitedPart, parts: Mapping[tuple[str, str, str], frozenset[bytes]]
    ) -> Invited:
        own = parts.get((part.suite, part.pool, part.epoch))
        if own is None or part.entry not in own:
            _refute(where, "被邀请的条目不是这位专家的", "the entry invited is not this expert's")
        chosen = self._suite(where, part.suite)
        told = []
        for each in part.reported:
            statement, word = self._word(where, each.word, chosen, Report)
            if statement.conversation_id != part.draw or word.entry != part.entry:
                _refute(where, "报告属于另一邀请", "the report is of another invitation")
            record = None
            if each.record:
                record = self._record(where, chosen, word, each.record)
                if not call_record.is_of(record, part.draw, part.entry):
                    _refute(where, "网关回执属于另一次通话", "the record is of another call")
            told.append(Told(word.response, statement.sent_at_ms, each.word.peer, record))
        places = [each.word.logged.index for each in part.reported]
        if places != sorted(set(places)):
            _refute(where, "报告次序不符", "the reports are not in the order of the log")
        return Invited(part.draw.hex(), part.invited_at_ms, tuple(told))

    def _record(
        self, where: str, chosen: Suite, word: Report, raw: bytes
    ) -> call_record.CallRecord:
        if call_record.evidence(chosen, raw) != word.evidence:
            _refute(
                where,
                "网关回执不是报告所依据的那一份",
                "the gateway's record is not the one that the report names",
            )
        try:
            record, _, _ = call_record.read(raw)
        except Misshapen as error:
            raise ReceiptRefuted(where, error.zh, error.en) from error
        if ANSWERED.get(record.answer) is not word.response:
            _refute(
                where,
                f"网关记录为{record.answer}, 而报告为{RESPONSE_ZH[word.response]}",
                f"the gateway says {record.answer}, the report {word.response.name}",
            )
        return record

    def _word(
        self, where: str, proven: Proven, chosen: Suite, kind: type[Any]
    ) -> tuple[StatementLike, Any]:
        """A word of the maker, signed by a key that counts, in the log that the peer cosigned."""
        envelope = proven.envelope
        with _examining(where, "消息不可读"):
            statement = self._decode.statement(envelope.payload)
            word: Word = self._decode.word(envelope.payload_type, statement.body)
        if not isinstance(word, kind):
            _refute(where, "消息类型不符", f"is not a {kind.__name__}")
        if (statement.sender, statement.recipient) != (self._receipt.maker, proven.peer):
            _refute(where, "收发方不符", "was not said by the maker to this partner")
        keys = {
            key.id: key.key
            for key in self._maker.keys_for(Purpose.MESSAGE, chosen.suite_id)
            if self._maker.revocation(key.id) is None
        }
        if envelope.key_id not in keys:
            _refute(where, "签名密钥不符", "is signed by a key that the maker does not list")
        with _examining(where, "签名无效"):
            digest = self._verifier.check(chosen, envelope, keys[envelope.key_id])
        head, _ = self._head(where, chosen, proven.peer)
        logged = proven.logged
        entries = [
            log_entry(direction, proven.peer, envelope.payload_type, digest, b"", logged.at_ms)
            for direction in (OUT, OUT_AGAIN)
        ]
        if logged.at_ms != statement.sent_at_ms or not any(
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
            _refute(
                where,
                f"不在{proven.peer}联署的日志中",
                f"is not in the log that {proven.peer} cosigned",
            )
        return statement, word

    def _head(self, where: str, chosen: Suite, peer: str) -> tuple[Checkpoint, int]:
        """The maker's log head that a partner cosigned, and when it did, unix milliseconds."""
        place = chosen.suite_id, peer
        if place not in self._heads:
            note = self._receipt.checkpoints.get(chosen.suite_id, {}).get(peer)
            witness = self._parties.get(peer)
            if note is None or witness is None or peer == self._receipt.maker:
                _refute(where, f"缺少{peer}的联署", f"the cosignature of {peer} is missing")
            with _examining(f"checkpoint of {peer}", "检查点未经签署或联署"):
                head, _ = verify_note(note, _note_keys(self._maker, chosen, LOG))
                at_unix, _ = cosigned_at(note, _note_keys(witness, chosen, WITNESS))
            self._heads[place] = head, at_unix * 1000
        return self._heads[place]


def _note_keys(descriptor: Descriptor, chosen: Suite, kind: Any) -> Sequence[NoteKey]:
    name = chosen.suite_id
    purpose, named = (
        (Purpose.LOG, descriptor.log_name(name))
        if kind is LOG
        else (Purpose.WITNESS, descriptor.witness_name(name))
    )
    return [NoteKey(chosen, named, kind, key.key) for key in descriptor.keys_for(purpose, name)]


def _refute(where: str, zh: str, en: str) -> NoReturn:
    raise ReceiptRefuted(where, zh, en)
