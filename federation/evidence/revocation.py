"""Keys over time: which ones a center ever published, and from where in a log one counts no more.

A dossier holds each center's descriptors, oldest first, as one chain. What a revoked key signed
counts only if the partner's log has it before the entry of the descriptor that revokes the key;
no claimed time matters. That log is cosigned by the center itself, so nobody can put anything
before that entry afterwards. Without such an entry nothing under the key counts.

Receipts need no such rule: each is named by its hash in its maker's own log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from federation.evidence.case import Decode, Step, Told, examining, refute
from federation.evidence.checkpoint import Checkpoint
from federation.evidence.dossier import Announced, Dossier, Logged
from federation.evidence.entry import descriptor_entry
from federation.protocol.agreement import Counter, Propose, Sign
from federation.trust import merkle
from federation.trust.keys import Descriptor, PublicKey, Purpose
from federation.trust.suite import Suite

PARTIES: Final = 2


@dataclass(frozen=True, slots=True)
class Revoked:
    """The first descriptor that revokes a key: its number and digest, and the partner's entry."""

    sequence: int
    digest: bytes
    logged: Logged | None


@dataclass(frozen=True, slots=True)
class History:
    """What a center published, over time.

    Args:
        current: The newest descriptor.
        keys: Every key that any of them lists, by suite and id.
        revoked: By key id.
        restored: Where each log went on from a backup: the least size with which an epoch began,
            by suite; no item for a log that never did.
    """

    current: Descriptor
    keys: Mapping[tuple[str, bytes], PublicKey]
    revoked: Mapping[bytes, Revoked]
    restored: Mapping[str, int]

    def messages(self, suite_id: str) -> dict[bytes, bytes]:
        """Keys of words, receipts and documents by id, revoked ones too."""
        return {
            key_id: key.key
            for (suite, key_id), key in self.keys.items()
            if key.purpose is Purpose.MESSAGE and suite == suite_id
        }


def histories(dossier: Dossier, decode: Decode) -> dict[str, History]:
    """Each center's chain, checked, of exactly the two parties. Raises Refuted."""
    where = "descriptors"
    chains = dossier.descriptors
    if len(chains) != PARTIES or dossier.maker not in chains:
        refute(
            Step.DESCRIPTORS,
            where,
            "应有两个中心的密钥说明, 其一为制作者",
            "must be those of two centers, one of them the maker",
        )
    return {center: _history(center, chain, decode) for center, chain in chains.items()}


def _history(center: str, chain: Sequence[Announced], decode: Decode) -> History:
    where = "descriptors"
    if not chain:
        refute(Step.DESCRIPTORS, where, "缺少密钥说明", "there is none")
    with examining(Step.DESCRIPTORS, where, "密钥说明不能证明中心身份"):
        read = decode.chain([each.signed for each in chain])
    keys: dict[tuple[str, bytes], PublicKey] = {}
    revoked: dict[bytes, Revoked] = {}
    restored: dict[str, int] = {}
    for (descriptor, digest), announced in zip(read, chain, strict=True):
        if descriptor.center_id != center:
            refute(Step.DESCRIPTORS, where, "密钥说明属于另一中心", "is of another center")
        keys |= {(key.suite, key.id): key for key in descriptor.keys}
        for each in descriptor.revoked:
            known = Revoked(descriptor.sequence, digest, announced.logged)
            revoked.setdefault(each.key_id, known)
        if descriptor.log_epoch:
            for suite_id in descriptor.suites:
                kept = descriptor.log_begin(suite_id)
                restored[suite_id] = min(kept, restored.get(suite_id, kept))
    return History(read[-1][0], keys, revoked, restored)


def check_order(
    chosen: Suite,
    talks: Mapping[bytes, Sequence[Told]],
    found: Mapping[str, History],
    heads: Mapping[str, Checkpoint],
) -> None:
    """Nothing that a revoked key signed stands after the revocation in the partner's log.

    Args:
        chosen: The suite of both logs.
        talks: All words, whose places in both logs are proven.
        found: The two centers' histories.
        heads: Both logs' cosigned heads.

    Raises:
        Refuted: Something does, or the entry of the revocation is not proven.
    """
    for words in talks.values():
        for told in words:
            revoked = found[told.sender].revoked.get(told.key_id)
            if revoked is not None:
                _check_before(chosen, told, revoked, heads[told.hearer])


def check_documents(
    talks: Mapping[bytes, Sequence[Told]],
    found: Mapping[str, History],
    signed_by: Mapping[str, tuple[bytes, bytes]],
) -> None:
    """A signature under the agreement by a revoked key was said in a word that counts.

    Args:
        talks: All words; ``check_order`` has passed.
        found: The two centers' histories.
        signed_by: By center: the id of the key that signed the agreement, and the signature.

    Raises:
        Refuted: Nobody said it before the revocation.
    """
    for center, (key_id, signature) in signed_by.items():
        revoked = found[center].revoked.get(key_id)
        if revoked is None:
            continue
        at = None if revoked.logged is None else revoked.logged.index
        carried = [
            told
            for words in talks.values()
            for told in words
            if told.sender == center
            and isinstance(told.word, Propose | Counter | Sign)
            and any(each.signature == signature for each in told.word.signatures)
        ]
        if at is None or not any(told.index(told.hearer) < at for told in carried):
            refute(
                Step.LOGS,
                "agreement",
                "协议由已撤销的密钥签署, 且对方日志中没有撤销之前的记录",
                f"was signed for {center} with a key that was revoked, and the partner's log has "
                "no word with that signature before the revocation",
            )


def _check_before(chosen: Suite, told: Told, revoked: Revoked, head: Checkpoint) -> None:
    logged = revoked.logged
    if logged is None:
        refute(
            Step.LOGS,
            told.where,
            "签名密钥已撤销, 而对方日志中撤销的位置未经证明",
            f"is signed with a key that was revoked, and the entry of that revocation in the log "
            f"of {told.hearer} is not proven",
        )
    entry = descriptor_entry(told.sender, revoked.sequence, revoked.digest, logged.at_ms)
    leaf = merkle.leaf_hash(chosen, entry)
    if not merkle.verify_inclusion(chosen, leaf, logged.index, head.size, logged.path, head.root):
        refute(
            Step.LOGS,
            "descriptors",
            f"撤销记录不在{told.hearer}的日志中",
            f"the revocation is not in the log of {told.hearer} as the dossier says",
        )
    if told.index(told.hearer) >= logged.index:
        refute(
            Step.LOGS,
            told.where,
            "签名密钥此前已撤销: 对方日志先记撤销, 后记该消息",
            f"is signed with a key that was revoked before: entry {logged.index} of the log of "
            f"{told.hearer} revokes it, the word is entry {told.index(told.hearer)}",
        )
