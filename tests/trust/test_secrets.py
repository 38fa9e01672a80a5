"""A face signs with its newest valid key and opens with any; no secret ever shows."""

import pytest

from federation.trust.errors import CannotOpen
from federation.trust.keys import PublicKey, Purpose
from federation.trust.secrets import Face, NoKey, public_half
from federation.trust.suite import suite
from tests.support.identities import FOREVER_MS, describe, follow, make_secrets
from tests.support.pair import NOON, SeededRandom
from tests.support.secret_keys import face_of, generate

BOTH = ("intl-1", "gm-1")
SECRETS = make_secrets(SeededRandom("secrets").bytes, BOTH)
FIRST = describe(SECRETS, "吉安", NOON)
MESSAGE = FIRST.keys_for(Purpose.MESSAGE, "intl-1")[0]


@pytest.mark.parametrize("name", BOTH)
def test_a_face_signs_and_opens(name: str) -> None:
    face = face_of(FIRST, SECRETS[name])
    (envelope,) = face.sign([("type", b"payload")], NOON)
    assert envelope.key_id == FIRST.keys_for(Purpose.MESSAGE, name)[0].id
    sealing = FIRST.keys_for(Purpose.SEALING, name)[0].key
    assert face.unseal(b"info", face.suite.seal(sealing, b"info", b"secret")) == b"secret"
    with pytest.raises(CannotOpen):
        face.unseal(b"other", face.suite.seal(sealing, b"info", b"secret"))
    with pytest.raises(NoKey, match="keys rotate"):
        face.signing(Purpose.MESSAGE, MESSAGE.not_after_ms + 1)


def test_secrets_do_not_show() -> None:
    assert repr(face_of(FIRST, SECRETS["gm-1"])) == "Face(gm-1, …)"


@pytest.mark.parametrize("name", BOTH)
def test_while_a_key_is_replaced_the_newest_signs_and_both_are_at_hand(name: str) -> None:
    spoken, old = suite(name), SECRETS[name]
    fresh = generate(spoken, SeededRandom(f"fresh {name}").bytes)
    newer = PublicKey(
        name, Purpose.LOG, public_half(spoken, Purpose.LOG, fresh.log), NOON, FOREVER_MS
    )
    both = follow(FIRST, keys=(*FIRST.keys, newer))
    (before,) = both.keys_for(Purpose.LOG, name)[1:]
    face = Face(
        spoken,
        both,
        {newer.id: spoken.signer(fresh.log), before.id: spoken.signer(old.log)},
        {},
    )
    assert face.signing(Purpose.LOG, NOON).id == newer.id
    assert [key.id for key in face.all_signing(Purpose.LOG, NOON)] == [newer.id, before.id]
    assert face.signing(Purpose.LOG, NOON - 1).id == before.id
    assert face.log_name == FIRST.log_name(name)
    with pytest.raises(CannotOpen, match="any of our keys"):
        face.unseal(b"", b"")
