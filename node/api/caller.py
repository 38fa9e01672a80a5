"""Whoever sent a request: role and subject, as the token said."""

from dataclasses import dataclass

from node.services.accounts import Role


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds the token that came with the request."""

    role: Role
    subject: str
    token: str

    @property
    def member(self) -> tuple[bytes, bytes]:
        """Session id and member code of somebody who checked in."""
        session, code = self.subject.split(":")
        return bytes.fromhex(session), bytes.fromhex(code)
