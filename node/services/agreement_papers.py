"""The papers of an agreement: what makes a document fit to be signed, and the signatures on it.

Checked by whoever writes a document and again by whoever is asked to sign it, so that what is
active never contradicts itself and is never between others than the two that signed it.
"""

from dataclasses import dataclass
from typing import Final

from federation.errors import FederationError, Malformed, Unauthenticated
from federation.ids import AgreementId, CenterId
from federation.protocol.agreement import (
    MAX_DOCUMENT_BYTES,
    AgreementTerms,
    DocumentSignature,
    Party,
)
from federation.protocol.contradictions import KNOWN_SUITES, Contradiction, contradictions_of
from federation.protocol.standing import check_open
from federation.trust.envelope import key_id, sign_alone, verify_alone
from federation.trust.errors import SuiteUnavailable, UnknownSuite
from federation.trust.keyring import Keyring
from federation.trust.keys import Descriptor, Purpose, agreement_type
from federation.trust.secrets import NoKey
from federation.trust.suite import SUITES, suite
from federation.wire.words import TERMS
from node.services.errors import Invalid
from node.services.house import Desk
from node.store.agreements import AgreementRow

NOT_CANONICAL: Final = Contradiction(
    "document",
    "不是条款的规范编码(含未知字段,或字段次序不符)",
    "not the canonical bytes of its terms (unknown or reordered fields)",
)


@dataclass(frozen=True, slots=True)
class Paper:
    """A document that was read and found fit to be signed."""

    id: AgreementId
    document: bytes
    terms: AgreementTerms


def written(terms: AgreementTerms) -> tuple[Contradiction, ...]:
    """What is wrong with terms before they are a document; empty when nothing is.

    A number that contradicts may not even fit its field.
    """
    found = contradictions_of(terms)
    if found:
        return found
    try:
        read(TERMS.encode(terms))
    except Malformed as error:
        clause, _, what = error.detail.removeprefix("AgreementTerms.").partition(": ")
        return (Contradiction(clause, f"格式不符({what})", what),)
    return ()


def read(document: bytes) -> Paper:
    """Read a document.

    Raises:
        Malformed: It is none, is not canonical, or contradicts itself; every objection is named.
    """
    if len(document) > MAX_DOCUMENT_BYTES:
        raise Malformed(f"document: {len(document)} bytes, more than {MAX_DOCUMENT_BYTES}")
    terms = TERMS.decode(document)
    if TERMS.encode(terms) != document:
        # Two people who read the same terms must have signed the same bytes.
        raise Malformed(f"{NOT_CANONICAL.clause}: {NOT_CANONICAL.en}")
    found = contradictions_of(terms)
    if found:
        raise Malformed("; ".join(f"{each.clause}: {each.en}" for each in found))
    return Paper(identify(terms.suite, document), document, terms)


def identify(suite: str, document: bytes) -> AgreementId:
    """The agreement id of a document. Raises Malformed where the suite cannot be worked with."""
    assert suite in KNOWN_SUITES, "contradictions were looked for before"
    try:
        SUITES[suite].ready()
    except SuiteUnavailable as error:
        raise Malformed(f"suite: this node cannot work with {suite}: {error}") from error
    return AgreementId(SUITES[suite].tagged("agreement", document))


def outside(
    desk: Desk, keyring: Keyring, peer: CenterId, terms: AgreementTerms
) -> tuple[Contradiction, ...]:
    """What does not fit the world: the two speakers, their root keys, the time."""
    ours, found = desk.identity.center, []
    if {party.center_id for party in terms.parties} != {peer, ours}:
        found.append(Contradiction("parties", f"应为{ours}和{peer}", f"must be {ours} and {peer}"))
    for party in terms.parties:
        known = desk.identity.descriptor if party.center_id == ours else None
        if party.center_id == peer:
            known = keyring.peers.get(peer)
        if known is not None and not set(party.root_key_ids) <= _root_ids(known):
            found.append(
                Contradiction(
                    "parties",
                    f"{party.name}的根密钥与登记的不符",
                    f"root_key_ids of {party.center_id} are not those of its descriptor",
                )
            )
    pinned = keyring.peers.get(peer)
    if pinned is not None and terms.suite not in pinned.suites:
        spoken = ", ".join(pinned.suites)
        found.append(
            Contradiction(
                "suite",
                f"对方没有 {terms.suite} 的密钥,只有 {spoken}",
                f"the peer has no keys for {terms.suite}, only for {spoken}",
            )
        )
    # Until the end of its term, so that no agreement outlives its suite here.
    objection = desk.dealing.objection(terms.suite, max(desk.now_ms, terms.effective_until_ms - 1))
    if objection:
        found.append(
            Contradiction(
                "suite",
                f"按配置 [trust],协议期限内不能都使用 {terms.suite}",
                f"not for the whole term: {objection}",
            )
        )
    if terms.effective_until_ms <= desk.now_ms:
        found.append(
            Contradiction("effective_until_ms", "协议期限已过", "the term is over already")
        )
    return tuple(found)


def not_replaceable(
    terms: AgreementTerms, peer: CenterId, base: AgreementRow | None, now_ms: int
) -> str:
    """Why an amendment cannot replace what it names; empty when it can, or replaces nothing."""
    if not terms.supersedes:
        return ""
    if base is None or base.peer != peer or base.state != "ACTIVE":
        return "the version to be replaced is not one that both signed"
    if terms.version != base.terms.version + 1:
        return f"an amendment of version {base.terms.version} is version {base.terms.version + 1}"
    standing = base.standing
    if standing.superseded_by is not None:
        return "the version to be replaced was replaced already"
    if standing.ends_at_ms is not None:
        return "the version to be replaced is terminated"
    if now_ms > base.terms.effective_until_ms:
        return "the version to be replaced has expired"
    return ""


def suites(terms: AgreementTerms, base: AgreementRow | None) -> tuple[str, ...]:
    """The suites under which a document is signed: its own, and the replaced one's if another."""
    former = terms.suite if base is None else base.terms.suite
    return (terms.suite,) if former == terms.suite else (terms.suite, former)


def party_of(descriptor: Descriptor) -> Party:
    """A side of an agreement as its descriptor has it, its root keys pinned."""
    return Party(
        descriptor.center_id,
        descriptor.name,
        descriptor.uscc,
        descriptor.region_code,
        root_key_ids=tuple(sorted(_root_ids(descriptor))),
    )


def sign(
    desk: Desk, peer: CenterId, document: bytes, under: tuple[str, ...]
) -> tuple[DocumentSignature, ...]:
    """Sign for this center under each suite.

    Raises:
        Invalid: This node has no key for one of them.
    """
    return tuple(_sign(desk, peer, document, suite) for suite in under)


def check_signatures(
    keyring: Keyring,
    peer: CenterId,
    document: bytes,
    signatures: tuple[DocumentSignature, ...],
    under: tuple[str, ...],
    now_ms: int,
) -> None:
    """Check a peer's signatures: exactly one under each suite, by keys that are good now.

    Raises:
        Malformed: One is missing, is too many, or does not fit.
    """
    if tuple(each.suite for each in signatures) != under:
        raise Malformed(
            f"signatures: must be under {' and '.join(under)}, in this order, not "
            f"{', '.join(each.suite[:16] for each in signatures) or 'none'}"
        )
    for each in signatures:
        if not _fits(keyring, peer, document, each, now_ms):
            raise Malformed(
                f"the signature under {each.suite} is not by a message key of yours that is good "
                "now, over the document"
            )


def usable(row: AgreementRow, now_ms: int) -> bool:
    """Whether new work may begin under an agreement that both signed."""
    try:
        check_open(row.terms, row.standing, now_ms)
    except FederationError:
        return False
    return True


def _sign(desk: Desk, peer: CenterId, document: bytes, suite_id: str) -> DocumentSignature:
    try:
        key = desk.identity.key_for(peer, suite_id, Purpose.MESSAGE, desk.now_ms)
    except (UnknownSuite, NoKey) as error:
        raise Invalid(
            f"本中心没有可用的 {suite_id} 签名密钥,不能签署使用该套件的协议;"
            f"请执行 lianping keys rotate --suite {suite_id}",
            f"this center has no {suite_id} key to sign with ({error}); "
            f"run `lianping keys rotate --suite {suite_id}`",
        ) from error
    return DocumentSignature(
        suite_id, key.id, sign_alone(agreement_type(suite_id), document, key.sign)
    )


def _fits(
    keyring: Keyring, peer: CenterId, document: bytes, signed: DocumentSignature, now_ms: int
) -> bool:
    try:
        key = keyring.message_key(peer, signed.key_id, now_ms)
    except Unauthenticated:  # unknown, revoked, or out of its time
        return False
    return key.suite == signed.suite and verify_alone(
        suite(signed.suite), agreement_type(signed.suite), document, key.key, signed.signature
    )


def _root_ids(descriptor: Descriptor) -> frozenset[bytes]:
    return frozenset(key_id(suite(root.suite), root.key) for root in descriptor.roots)
