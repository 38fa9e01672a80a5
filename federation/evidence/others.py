"""What others than the two centers have signed: outside contributors, the regulator.

Their words were said to one of the two centers, who shows them inside its own: a pledge in
``Commit``, a value in ``Reveal``, a permit in ``Open``. The dossier holds their descriptors,
so that each such word can be tied to the center whom the agreement names. A key of theirs
that was revoked proves nothing here: there is no log of theirs to order it by.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from federation.errors import Malformed
from federation.evidence.case import Decode, StatementLike, Step, examining, refute
from federation.protocol.conversation import Word
from federation.trust.envelope import BadEnvelope, Verifier
from federation.trust.keys import BadDescriptor, Purpose
from federation.trust.suite import Suite

WHERE = "others"


@dataclass(frozen=True, slots=True)
class Others:
    """Reads what others have signed.

    Args:
        suite: The agreement's.
        keys: Message keys of that suite that are not revoked, by center and id.
        decode: Reads protobuf.
        verifier: Remembers the signatures that it has seen.
        names: By center, as its newest descriptor has it.
    """

    suite: Suite
    keys: Mapping[str, Mapping[bytes, bytes]]
    decode: Decode
    verifier: Verifier
    names: Mapping[str, str]

    def read(self, raw: bytes, center: str) -> tuple[StatementLike, Word]:
        """A word of that center, as it is shown.

        Args:
            raw: A serialised SignedEnvelope.
            center: Who must have said it.

        Raises:
            Malformed: It cannot be read, or is not signed by that center; clause V1.
        """
        keys = self.keys.get(center)
        if keys is None:
            raise Malformed(f"the descriptor of {center} is missing", clause="V1")
        envelope = self.decode.envelope(raw)
        statement = self.decode.statement(envelope.payload)
        key = keys.get(envelope.key_id)
        if statement.sender != center or key is None:
            raise Malformed(f"a word that is shown is not signed by {center}", clause="V1")
        try:
            self.verifier.check(self.suite, envelope, key)
        except BadEnvelope as error:
            raise Malformed(f"the signature of {center} is bad: {error}", clause="V1") from error
        return statement, self.decode.word(envelope.payload_type, statement.body)

    def told(self, recipient: str) -> Callable[[bytes, str], Word]:
        """Reads what was said to that center.

        The answer's errors are those of ``read``, and Malformed for a word to somebody else.
        """

        def word(raw: bytes, center: str) -> Word:
            statement, found = self.read(raw, center)
            if statement.recipient != recipient:
                raise Malformed(
                    f"what {center} has signed was said to {statement.recipient}", clause="V1"
                )
            return found

        return word


def others(
    chains: Mapping[str, Sequence[bytes]], parties: Collection[str], suite: Suite, decode: Decode
) -> Others:
    """The others that a dossier names.

    Args:
        chains: ``Dossier.others``.
        parties: The two centers.
        suite: The agreement's.
        decode: Reads protobuf.

    Raises:
        Refuted: A chain of descriptors does not prove that center, or is of one of the two.
    """
    keys, names = {}, {}
    for center, chain in chains.items():
        if center in parties:
            refute(Step.DESCRIPTORS, WHERE, "双方中心不在其列", "one of the two is among them")
        keys[center], names[center] = _keys(center, chain, suite, decode)
    return Others(suite, keys, decode, Verifier(), names)


def _keys(
    center: str, chain: Sequence[bytes], suite: Suite, decode: Decode
) -> tuple[dict[bytes, bytes], str]:
    """Its good keys, and its name."""
    with examining(Step.DESCRIPTORS, WHERE, "外部中心的密钥说明不能证明其身份"):
        read = decode.chain(chain)
        if not read:
            raise BadDescriptor("there is none")
    found: dict[bytes, bytes] = {}
    revoked: set[bytes] = set()
    for descriptor, _ in read:
        if descriptor.center_id != center:
            refute(Step.DESCRIPTORS, WHERE, "密钥说明属于另一中心", "is of another center")
        found |= {
            key.id: key.key
            for key in descriptor.keys
            if key.purpose is Purpose.MESSAGE and key.suite == suite.suite_id
        }
        revoked |= {each.key_id for each in descriptor.revoked}
    good = {key_id: key for key_id, key in found.items() if key_id not in revoked}
    return good, read[-1][0].name
