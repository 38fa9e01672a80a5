"""A dossier as one page that a clerk can read, print on A4 and file: what holds, what is open.

One HTML file that loads nothing: its policy forbids all but its own style, by hash. It is
well-formed XML too, so that a strict reader can be put to it. Everything in it was said by
somebody else: the template escapes, and what a screen would not show as it stands (bidi marks,
control characters) is replaced.
"""

import base64
import hashlib
from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from federation.evidence.checks import RESULTS_ZH
from federation.evidence.joint_verdict import JointVerdict
from federation.evidence.report import report
from federation.evidence.timeline import local
from federation.evidence.verdict import (
    EXCLUSIONS_EN,
    EXCLUSIONS_ZH,
    STAGES_EN,
    STAGES_ZH,
    readable,
)
from federation.evidence.whole import Whole
from federation.trust.keys import fingerprint

TEMPLATE: Final = "dossier.html.j2"
STYLE: Final = "dossier.css"
_ROLES: Final = {"HOST": ("主场", "host"), "SUB": ("副场", "sub-venue")}


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("node.services", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_clean,
    )
    found.filters["local"] = local
    found.filters["fingerprint"] = fingerprint
    return found


def _clean(value: object) -> object:
    return readable(value) if type(value) is str else value


def render(whole: Whole, file_name: str, file: bytes) -> str:
    """The page of a file that holds.

    Args:
        whole: What was verified.
        file_name: As the reader knows it.
        file: Its bytes; the page names their SHA-256, so that it cannot be filed with another.
    """
    environment = _environment()
    style = environment.get_template(STYLE).render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    zh, en = whole.verdict.label
    return environment.get_template(TEMPLATE).render(
        style=style,
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none';"
        " form-action 'none'",
        verdict=whole.verdict,
        joint=isinstance(whole.verdict, JointVerdict),
        label_zh=zh,
        label_en=en,
        parts=report(whole),
        roles=_ROLES,
        results_zh=RESULTS_ZH,
        exclusions_zh=EXCLUSIONS_ZH,
        exclusions_en=EXCLUSIONS_EN,
        stages_zh=STAGES_ZH,
        stages_en=STAGES_EN,
        file_name=file_name,
        file_digest=hashlib.sha256(file).hexdigest(),
        file_bytes=len(file),
    )
