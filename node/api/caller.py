"""Whoever sent a request: role and subject, as the token said."""

from dataclasses import dataclass
from typing import Final

from node.services.accounts import LOCAL_SUBJECT, OWN, Role

LOCAL: Final = "lianping.local"
"""The key of a request's scope that says whether it came in by the node's own socket."""
NODE: Final = "lianping.node"
"""The key that says which node's parts serve the request: the routes themselves know none."""
KEPT: Final = "lianping.kept"
"""The key of what a gate keeps between requests: a dictionary."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds the token that came with the request."""

    role: Role
    subject: str
    token: str

    @property
    def is_person(self) -> bool:
        """Whether somebody logged in or checked in, rather than opened the node's socket."""
        return self.subject != LOCAL_SUBJECT

    @property
    def registered(self) -> str:
        """Registry number of an expert who logged in about the register."""
        return self.subject.removeprefix(OWN)

    @property
    def member(self) -> tuple[bytes, bytes]:
        """Session id and member code of somebody who checked in."""
        session, code = self.subject.split(":")
        return bytes.fromhex(session), bytes.fromhex(code)
