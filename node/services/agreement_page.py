"""One page that two people can sign by: an agreement with every clause, as text and as HTML.

The page is made of the signed bytes alone, so that what is read is what was signed; how it
stands and who signed is added. HTML is a template with autoescaping and no script: titles and
names come from the other side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from federation.protocol.agreement import AgreementTerms, DocumentSignature
from federation.protocol.terms import Party
from node.domain.workday import local_time
from node.services.agreement_clauses import Clause, clauses
from node.store.agreement_drafts import Draft
from node.store.agreements import AgreementRow

_ROLES: Final = ("甲方 · Party A", "乙方 · Party B")
STATES: Final = {
    "DRAFT": ("待本中心第二人签署", "waits for a second person here"),
    "PROPOSED": ("待签署", "proposed"),
    "COUNTERED": ("已被还价取代", "replaced by a counter"),
    "DECLINED": ("已拒绝", "declined"),
    "WITHDRAWN": ("已撤回", "withdrawn"),
    "REFUSED": ("未被对方接受", "refused by the peer"),
    "NOT_YET": ("已签署,尚未生效", "signed, not in force yet"),
    "ACTIVE": ("生效中", "in force"),
    "SUSPENDED": ("已暂停", "suspended"),
    "TERMINATING": ("生效中,已通知终止", "in force, notice was given"),
    "TERMINATED": ("已终止", "terminated"),
    "SUPERSEDED": ("已被新版本取代", "replaced by a newer version"),
    "EXPIRED": ("已到期", "expired"),
}
"""How an agreement stands, for people: Chinese and English."""


@dataclass(frozen=True, slots=True)
class PartyRow:
    """One line of the table of parties: its heading and a cell of lines for each party."""

    zh: str
    en: str
    cells: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature; without a key it is still missing."""

    name: str
    suite: str
    key_id: str
    signature: str


@dataclass(frozen=True, slots=True)
class Page:
    """All that the page says."""

    title: str
    number: str
    state_zh: str
    state_en: str
    note: str
    roles: tuple[str, ...]
    party_rows: tuple[PartyRow, ...]
    clauses: tuple[Clause, ...]
    signatures: tuple[Signature, ...]
    signed: str
    digest: str


def standing_of(row: AgreementRow, now_ms: int) -> str:
    """How an agreement stands now: a key of ``STATES``."""
    if row.state != "ACTIVE":
        return row.state
    terms, standing = row.terms, row.standing
    if now_ms > terms.effective_until_ms:
        return "EXPIRED"
    if standing.ends_at_ms is not None and now_ms >= standing.ends_at_ms:
        return "TERMINATED"
    if standing.superseded_by is not None and now_ms >= standing.superseded_from_ms:
        return "SUPERSEDED"
    if standing.suspended:
        return "SUSPENDED"
    if standing.ends_at_ms is not None:
        return "TERMINATING"
    return "NOT_YET" if now_ms < terms.effective_from_ms else "ACTIVE"


def page_of(row: AgreementRow, ours: str, now_ms: int) -> Page:
    """The page of an agreement; ``ours`` is our center id."""
    terms = row.terms
    author = ours if row.we_proposed else row.peer
    other = row.peer if row.we_proposed else ours
    made = {author: row.proposed, other: row.answered}
    state = standing_of(row, now_ms)
    note = row.note
    if state == "TERMINATING" and row.ends_at_ms is not None:
        note = f"{local_time(row.ends_at_ms)}终止 · ends then。{note}"
    return _page(terms, made, state, note, row.signed_at_ms, row.id)


def page_of_draft(draft: Draft) -> Page:
    """The page of a document that nobody has signed yet."""
    return _page(draft.terms, {}, "DRAFT", "", None, draft.id)


def _page(
    terms: AgreementTerms,
    made: dict[str, tuple[DocumentSignature, ...]],
    state: str,
    note: str,
    signed_at_ms: int | None,
    agreement: bytes,
) -> Page:
    zh, en = STATES[state]
    return Page(
        title=terms.title,
        number=terms.agreement_no or f"第{terms.version}版 · version {terms.version}",
        state_zh=zh,
        state_en=en,
        note=note,
        roles=_ROLES,
        party_rows=_party_rows(terms.parties),
        clauses=clauses(terms),
        signatures=tuple(
            signature
            for party in terms.parties
            for signature in _signatures(party, terms.suite, made.get(party.center_id, ()))
        ),
        signed=""
        if signed_at_ms is None
        else f"双方签署于 {local_time(signed_at_ms)}(北京时间,本中心时钟) · signed by both",
        digest=agreement.hex(),
    )


def _party_rows(parties: Sequence[Party]) -> tuple[PartyRow, ...]:
    def row(zh: str, en: str, *cells: tuple[str, ...]) -> PartyRow:
        return PartyRow(zh, en, cells)

    return (
        row("名称", "name", *((party.name,) for party in parties)),
        row("中心标识", "center", *((party.center_id,) for party in parties)),
        row("统一社会信用代码", "USCC", *((party.uscc or "—",) for party in parties)),
        row("行政区划", "region", *((party.region_code or "—",) for party in parties)),
        row("监督部门", "supervisor", *((party.supervisor or "—",) for party in parties)),
        row(
            "联系人",
            "contacts",
            *(
                tuple(
                    " ".join(filter(None, (each.duty, each.name, each.phone)))
                    for each in party.contacts
                )
                or ("—",)
                for party in parties
            ),
        ),
    )


def _signatures(
    party: Party, suite: str, made: tuple[DocumentSignature, ...]
) -> tuple[Signature, ...]:
    if not made:
        return (Signature(party.name, suite, "", ""),)
    return tuple(
        Signature(party.name, each.suite, each.key_id.hex(), each.signature.hex()) for each in made
    )


def as_html(page: Page) -> str:
    """The page for a browser or a printer."""
    return _environment().get_template("agreement.html.j2").render(page=page)


def as_text(page: Page) -> str:
    """The page for a terminal or a mail."""
    lines = [page.title, page.number, f"[{page.state_zh} · {page.state_en}]"]
    lines += [page.note] if page.note else []
    for index, role in enumerate(page.roles):
        lines += ["", role]
        lines += [f"  {row.zh}:{';'.join(row.cells[index])}" for row in page.party_rows]
    for clause in page.clauses:
        lines += ["", f"第{clause.number}条 {clause.zh} · {clause.en}"]
        lines += [f"  {clause.number}.{at} {line}" for at, line in enumerate(clause.lines, start=1)]
    lines += ["", "签署 · Signatures"]
    for each in page.signatures:
        lines += [f"  {each.name}({each.suite})"]
        lines += [f"    {each.key_id or '未签署 · not signed'}"]
        lines += [f"    {each.signature}"] if each.signature else []
    lines += [page.signed] if page.signed else []
    lines += ["", f"协议标识 · agreement id: {page.digest}", ""]
    return "\n".join(lines)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("node.services", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
