"""Policies of C2SP's tlog-policy: which logs, which witnesses, and how many must have cosigned.

The keys in a policy are trusted; whoever verifies got it by another way than the proof. Both
suites' keys are written as signed-note's verifier keys: the type of ``gm-1`` is its own. At most
32 logs, witnesses and groups each, as many as the specification asks every reader to take.
"""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from federation.evidence.checkpoint import (
    LOG,
    WITNESS,
    BadCheckpoint,
    Checkpoint,
    NoteKey,
    NoteKind,
    cosigned_at,
    verify_note,
)
from federation.trust.suite import SUITES, Suite, SuiteUnavailable, suite

MAX_EACH: Final = 32
"""Logs, witnesses and groups (tlog-policy, Implementation limits)."""
MAX_POLICY_BYTES: Final = 64 * 1024

_NONE: Final = "none"
_VKEY: Final = re.compile(r"([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class BadPolicy(ValueError):
    """A policy or a verifier key is not what C2SP describes."""


@dataclass(frozen=True, slots=True)
class Group:
    """So many of these must have cosigned; each is a witness or an earlier group."""

    at_least: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """When a checkpoint counts.

    Args:
        logs: Keys of the logs that are accepted.
        witnesses: By the names that the policy gives them.
        groups: By name, each after those that it names.
        quorum: A witness, a group, or ``none``.
    """

    logs: tuple[NoteKey, ...]
    witnesses: Mapping[str, NoteKey] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    quorum: str = _NONE

    def write(self) -> str:
        """The policy file."""
        lines = [f"log {vkey(key)}" for key in self.logs]
        lines += [f"witness {name} {vkey(key)}" for name, key in self.witnesses.items()]
        lines += [
            f"group {name} {group.at_least} {' '.join(group.members)}"
            for name, group in self.groups.items()
        ]
        return "\n".join([*lines, f"quorum {self.quorum}"]) + "\n"

    def check(self, note: str) -> tuple[Checkpoint, frozenset[str]]:
        """Hold a cosigned checkpoint to the policy.

        Returns:
            The checkpoint, and the names of the witnesses that cosigned it.

        Raises:
            BadCheckpoint: No listed log signed it, or the quorum did not cosign.
        """
        head = self._signed(note)
        who = frozenset(name for name, key in self.witnesses.items() if _cosigned(note, key))
        if self.quorum != _NONE and not self._reached(self.quorum, who):
            raise BadCheckpoint(
                f"cosigned by {', '.join(sorted(who)) or 'nobody'}: not the quorum {self.quorum}"
            )
        return head, who

    def _signed(self, note: str) -> Checkpoint:
        failure = BadCheckpoint("the policy lists no log")
        for key in self.logs:
            try:
                return verify_note(note, [key])[0]
            except BadCheckpoint as error:
                failure = error
        raise failure

    def _reached(self, name: str, who: frozenset[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in who
        return sum(self._reached(each, who) for each in group.members) >= group.at_least


def _cosigned(note: str, key: NoteKey) -> bool:
    try:
        cosigned_at(note, [key])
    except BadCheckpoint:
        return False
    return True


def vkey(key: NoteKey) -> str:
    """A public key as signed-note writes it: name, key id, type and key."""
    encoded = base64.b64encode(key.type + key.public_key).decode()
    return f"{key.name}+{key.key_id.hex()}+{encoded}"


def read_vkey(text: str, kind: NoteKind) -> NoteKey:
    """Read a verifier key of a suite of ours. Raises BadPolicy."""
    found = _VKEY.fullmatch(text)
    if found is None:
        raise BadPolicy(f"{text[:80]!r} is no verifier key")
    name, key_id, encoded = found.groups()
    try:
        raw = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise BadPolicy(f"the key of {name} is not base64") from error
    for spoken in _spoken():
        kinds = {LOG: spoken.note_log_type, WITNESS: spoken.note_witness_type}
        if raw.startswith(kinds[kind]) and base64.b64encode(raw).decode() == encoded:
            try:
                key = NoteKey(spoken, name, kind, raw[len(kinds[kind]) :])
            except BadCheckpoint:
                continue
            if key.key_id.hex() != key_id:
                raise BadPolicy(f"the key id {key_id} is not that of {name}")
            return key
    raise BadPolicy(f"the key of {name} is not that of a {kind.value} in a suite that we know")


def _spoken() -> list[Suite]:
    found = []
    for name in SUITES:
        try:
            found.append(suite(name))
        except SuiteUnavailable:
            continue  # this machine's OpenSSL lacks it
    return found


def read_policy(text: str) -> Policy:
    """Read a policy file.

    Raises:
        BadPolicy: With the line that is wrong, and why.
    """
    if len(text.encode()) > MAX_POLICY_BYTES or _CONTROL.search(text):
        raise BadPolicy("the policy is too long, or contains a control character")
    draft = _Draft()
    for number, line in enumerate(text.split("\n"), start=1):
        words = [word for word in re.split("[ \t]", line) if word]
        try:
            if words and not words[0].startswith("#"):
                draft.add(words[0], words[1:])
        except BadPolicy as error:
            raise BadPolicy(f"line {number}: {error}") from error
    if not draft.quorum:
        raise BadPolicy("there is no quorum line")
    if max(len(draft.logs), len(draft.witnesses), len(draft.groups)) > MAX_EACH:
        raise BadPolicy(f"more than {MAX_EACH} logs, witnesses or groups")
    return Policy(tuple(draft.logs), draft.witnesses, draft.groups, draft.quorum)


@dataclass(slots=True)
class _Draft:
    """What the lines so far have defined."""

    logs: list[NoteKey] = field(default_factory=list)
    witnesses: dict[str, NoteKey] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    quorum: str = ""

    def add(self, verb: str, rest: Sequence[str]) -> None:
        """Take one line. Raises BadPolicy."""
        if verb == "log":
            _add_log(self.logs, rest)
        elif verb == "witness":
            _add_witness(self.witnesses, self.groups, rest)
        elif verb == "group":
            _add_group(self.witnesses, self.groups, rest)
        elif verb == "quorum" and not self.quorum and len(rest) == 1:
            _require_known(rest, self.witnesses, self.groups, (_NONE,))
            self.quorum = rest[0]
        else:
            raise BadPolicy("not a log, a witness, a group, or the one quorum")


def _add_log(logs: list[NoteKey], rest: Sequence[str]) -> None:
    if len(rest) not in {1, 2}:
        raise BadPolicy("a log has a verifier key, and perhaps an address")
    key = read_vkey(rest[0], LOG)
    _require_new(key, logs)
    logs.append(key)


def _add_witness(
    witnesses: dict[str, NoteKey], groups: Mapping[str, Group], rest: Sequence[str]
) -> None:
    if len(rest) not in {2, 3}:
        raise BadPolicy("a witness has a name, a verifier key, and perhaps an address")
    _require_unused(rest[0], witnesses, groups)
    key = read_vkey(rest[1], WITNESS)
    _require_new(key, witnesses.values())
    witnesses[rest[0]] = key


def _add_group(
    witnesses: Mapping[str, NoteKey], groups: dict[str, Group], rest: Sequence[str]
) -> None:
    if len(rest) < 3:  # noqa: PLR2004 (name, threshold, at least one member)
        raise BadPolicy("a group has a name, a threshold and members")
    name, threshold, *members = rest
    _require_unused(name, witnesses, groups)
    _require_known(members, witnesses, groups)
    taken = {member for group in groups.values() for member in group.members}
    if len(set(members)) != len(members) or taken & set(members):
        raise BadPolicy("a name is a member of a group once")
    spelled = {"all": len(members), "any": 1}
    if threshold not in spelled and not re.fullmatch(r"[1-9][0-9]{0,2}", threshold):
        raise BadPolicy(f"the threshold {threshold[:20]!r} is not all, any or a number")
    at_least = spelled.get(threshold) or int(threshold)
    if at_least > len(members):
        raise BadPolicy(f"the group {name} can never be reached")
    groups[name] = Group(at_least, tuple(members))


def _require_new(key: NoteKey, known: Iterable[NoteKey]) -> None:
    if any(each.public_key == key.public_key for each in known):
        raise BadPolicy(f"the public key of {key.name} is listed twice")


def _require_unused(
    name: str, witnesses: Mapping[str, NoteKey], groups: Mapping[str, Group]
) -> None:
    if name == _NONE or name in witnesses or name in groups:
        raise BadPolicy(f"the name {name} is taken")


def _require_known(
    names: Iterable[str],
    witnesses: Mapping[str, NoteKey],
    groups: Mapping[str, Group],
    besides: Sequence[str] = (),
) -> None:
    unknown = [name for name in names if name not in {*witnesses, *groups, *besides}]
    if unknown:
        raise BadPolicy(f"{unknown[0]} is defined on no line before")
