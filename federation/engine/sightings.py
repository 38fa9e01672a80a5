"""What a log turned out to be when it was looked at, and the keys that it is looked at with.

Here: names and look-ups that both ``witness`` and ``passing`` need, and nothing that decides.
"""

from enum import StrEnum

from federation.evidence.checkpoint import LOG, WITNESS, NoteKey
from federation.trust.keys import Descriptor, Purpose
from federation.trust.suite import suite


class Sighting(StrEnum):
    """What a peer's checkpoint turned out to be."""

    NONE = "none"
    COSIGNED = "cosigned"
    OLD = "old"
    BAD = "bad"
    FORK = "fork"
    UNPROVEN = "unproven"
    """For an hour the log has not proven that a head that others have goes together with ours."""


def log_keys(descriptor: Descriptor, suite_id: str) -> list[NoteKey]:
    """The keys that a node's checkpoints are signed with, newest first."""
    return [
        NoteKey(suite(suite_id), descriptor.log_name(suite_id), LOG, key.key)
        for key in descriptor.keys_for(Purpose.LOG, suite_id)
    ]


def witness_keys(descriptor: Descriptor, suite_id: str) -> list[NoteKey]:
    """The keys that a node cosigns with, newest first."""
    return [
        NoteKey(suite(suite_id), descriptor.witness_name(suite_id), WITNESS, key.key)
        for key in descriptor.keys_for(Purpose.WITNESS, suite_id)
    ]
