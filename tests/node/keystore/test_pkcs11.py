"""Signing keys in a real token, SoftHSM2: made there, used there, and away when it is away."""

import asyncio
import random
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pkcs11 as cryptoki
import pytest
from pkcs11 import Attribute, ObjectClass

from federation.engine.floor import Floor
from federation.engine.sightings import log_keys, witness_keys
from federation.evidence.checkpoint import cosigned_at, verify_note
from federation.ports import Unreachable
from federation.protocol.agreement import DocumentSignature, Propose
from federation.trust.errors import SignerAway
from federation.trust.keys import Purpose
from federation.trust.suite import INTL_1
from node import config, wiring
from node.cli import WRONG_PIN
from node.config import BadConfig
from node.keystore import center, pkcs11, root_file
from node.keystore import keys as folder
from node.keystore.errors import BadKeys
from node.keystore.keys import Keys
from node.keystore.pkcs11 import Library, Token, TokenPrivate, TokenTrouble, raw_point
from node.keystore.rotation import Where, revoke
from node.keystore.signer import RawPrivate
from node.store.database import MEMORY, Database
from node.store.ledger import SqlLedger
from tests.node.commands.test_init import Place, run, swapped
from tests.node.keystore.test_keys import make_root
from tests.node.test_config import GOOD, write
from tests.support import tables
from tests.support.grpc_pair import CLOCK, HOME, GrpcNode, Party, SeededRandom, running
from tests.support.softhsm import MODULE, PIN, SoftToken

ROOT = Path(__file__).resolve().parents[3]
SIGNING = (Purpose.MESSAGE, Purpose.LOG, Purpose.WITNESS)
PROPOSE = Propose(
    document=b"terms", signatures=(DocumentSignature("intl-1", bytes(16), bytes(64)),)
)
SUITES = '\n[trust]\nsuites = ["intl-1", "gm-1"]\n'


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftToken]:
    made = SoftToken(tmp_path / "token")
    made.folder.mkdir()
    made.make()
    monkeypatch.setenv("SOFTHSM2_CONF", str(made.conf))
    yield made
    pkcs11.release()


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that came back is found at once."""
    monkeypatch.setattr(pkcs11, "RETRY_SECONDS", 0.0)


def settings(where: Path, token: SoftToken, more: str = "") -> config.Config:
    where.mkdir(exist_ok=True)
    return config.load(write(where, f"{GOOD}\n{token.section}{more}"))


def create(where: Path, token: SoftToken, more: str = "") -> Keys:
    configured = settings(where, token, more)
    root = make_root(where, configured.trust.suites)
    chance = random.Random(7).randbytes
    center.complete(where / "keys", configured, root, chance, CLOCK.now_ms())
    return folder.load(where / "keys", configured.keys)


def in_token(token: SoftToken) -> list[dict[Attribute, Any]]:
    """What another program that has the PIN sees of the keys in it."""
    asked = (Attribute.LABEL, Attribute.ID, Attribute.SENSITIVE, Attribute.EXTRACTABLE)
    found = cryptoki.lib(str(MODULE)).get_token(token_label=token.label)
    with closing(found.open()) as session:  # logged in, as this process is
        keys = session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})
        return [{each: key[each] for each in asked} for key in keys]


def destroy(token: SoftToken, identifier: bytes) -> None:
    found = cryptoki.lib(str(MODULE)).get_token(token_label=token.label)
    with closing(found.open(rw=True)) as session:
        for key in list(session.get_objects({Attribute.ID: identifier})):
            key.destroy()


# Making keys


def test_signing_keys_are_made_in_the_token_and_the_others_in_files(
    tmp_path: Path, token: SoftToken
) -> None:
    keys = create(tmp_path, token)
    face = keys.identity().face("intl-1")
    kinds = {}
    for own in folder.own_keys(tmp_path / "keys", token.holding):
        kinds[own.purpose] = type(own.private)
        (public,) = keys.descriptor.keys_for(own.purpose, "intl-1")
        assert public.key == own.public
    assert kinds == {**dict.fromkeys(SIGNING, TokenPrivate), Purpose.SEALING: RawPrivate}
    for purpose in SIGNING:
        (public,) = keys.descriptor.keys_for(purpose, "intl-1")
        signed = face.signing(purpose, CLOCK.now_ms()).sign(b"x")
        assert INTL_1.verify(public.key, signed, b"x")
    (sealing,) = keys.descriptor.keys_for(Purpose.SEALING, "intl-1")
    assert face.unseal(b"i", INTL_1.seal(sealing.key, b"i", b"list")) == b"list"


def test_the_token_names_them_as_the_folder_does_and_never_gives_them_away(
    tmp_path: Path, token: SoftToken
) -> None:
    keys = create(tmp_path, token)
    found = {each[Attribute.LABEL]: each for each in in_token(token)}
    names = {path.stem for path in (tmp_path / "keys").glob("*.pkcs11")}
    assert set(found) == names
    assert {name.split(".")[1] for name in names} == {"message", "log", "witness"}
    published = {key.id for key in keys.descriptor.keys}
    for label, seen in found.items():
        assert seen[Attribute.ID].hex() == label.split(".")[2]
        assert seen[Attribute.ID] in published
        assert seen[Attribute.SENSITIVE]
        assert not seen[Attribute.EXTRACTABLE]
    session = cryptoki.lib(str(MODULE)).get_token(token_label=token.label).open()
    for key in list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})):
        with pytest.raises(cryptoki.AttributeSensitive):
            key[Attribute.VALUE]
    session.close()


def test_a_second_run_makes_nothing_and_finds_the_same_keys(
    tmp_path: Path, token: SoftToken
) -> None:
    first = create(tmp_path, token)
    assert folder.load(tmp_path / "keys", token.holding).descriptor == first.descriptor
    configured = settings(tmp_path, token)
    root = make_root(tmp_path / "again")
    done = center.complete(tmp_path / "keys", configured, root, lambda _: b"", CLOCK.now_ms())
    assert done.made == ()
    assert len(in_token(token)) == len(SIGNING)


def test_two_centers_may_share_a_token_and_keep_their_keys_apart(
    tmp_path: Path, token: SoftToken
) -> None:
    one, other = create(tmp_path / "one", token), create(tmp_path / "other", token)
    assert {key.id for key in one.signing}.isdisjoint(key.id for key in other.signing)
    assert len(in_token(token)) == 2 * len(SIGNING)


def test_gm_1_is_refused_in_a_token_unless_its_keys_may_be_files(
    tmp_path: Path, token: SoftToken
) -> None:
    with pytest.raises(TokenTrouble, match=r"gm-1.*file_suites"):
        create(tmp_path / "no", token, SUITES)
    assert not list((tmp_path / "no").glob("keys/gm-1*"))
    keys = create(tmp_path / "yes", token, f'file_suites = ["gm-1"]{SUITES}')
    assert keys.identity().suites == ("intl-1", "gm-1")
    kinds = {(key.suite.suite_id, type(key.private)) for key in keys.signing}
    assert kinds == {("intl-1", TokenPrivate), ("gm-1", RawPrivate)}


def test_keys_move_from_files_into_a_token_one_rotation_long(
    tmp_path: Path, token: SoftToken
) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    chance = random.Random(1).randbytes
    old = folder.add_key(keys, "intl-1", Purpose.MESSAGE, chance)
    new = folder.add_key(keys, "intl-1", Purpose.MESSAGE, chance, token.holding)
    both = folder.own_keys(keys, token.holding)
    assert {key.id for key in both} == {old.id, new.id}
    for key in both:
        assert INTL_1.verify(key.public, key.private.signer()(b"x"), b"x")


@pytest.mark.parametrize("head", [b"", b"\x04\x20", b"\x03\x21\x00"])
def test_a_public_key_is_read_however_a_token_writes_it(head: bytes) -> None:
    assert raw_point(head + b"k" * 32) == b"k" * 32


@pytest.mark.parametrize("found", [b"", b"k" * 31, b"\x04\x21" + b"k" * 32, b"k" * 65])
def test_what_is_no_public_key_is_refused(found: bytes) -> None:
    with pytest.raises(TokenTrouble, match="Ed25519"):
        raw_point(found)


# Starting


def test_a_wrong_pin_is_said_once_and_never_tried_again(tmp_path: Path, token: SoftToken) -> None:
    create(tmp_path, token)
    pkcs11.release()
    wrong = SoftToken(token.folder)
    wrong.set_pin("000000")
    tried = Token(Library(MODULE), token.label, token.pin_file)
    (key, *_) = (tmp_path / "keys").glob("*.message.*.pkcs11")
    with pytest.raises(SignerAway, match=r"PIN 不对.*the PIN is wrong"):
        tried.sign(bytes.fromhex(key.stem.split(".")[2]), b"x")
    token.set_pin(PIN)  # a node that runs does not try this either: it is restarted
    with pytest.raises(SignerAway, match="PIN"):
        tried.sign(bytes.fromhex(key.stem.split(".")[2]), b"x")


def test_a_node_does_not_start_without_its_token(tmp_path: Path, token: SoftToken) -> None:
    create(tmp_path, token)
    pkcs11.release()
    token.detach()
    with pytest.raises(TokenTrouble, match=r"插槽.*keys\.token"):
        folder.load(tmp_path / "keys", token.holding)


def test_a_node_does_not_start_without_one_of_its_keys(tmp_path: Path, token: SoftToken) -> None:
    keys = create(tmp_path, token)
    (log,) = keys.descriptor.keys_for(Purpose.LOG, "intl-1")
    destroy(token, log.id)
    with pytest.raises(TokenTrouble, match=log.id.hex()):
        folder.load(tmp_path / "keys", token.holding)


def test_a_node_does_not_start_with_another_key_under_its_id(
    tmp_path: Path, token: SoftToken
) -> None:
    keys = create(tmp_path, token)
    (log,) = keys.descriptor.keys_for(Purpose.LOG, "intl-1")
    (message,) = keys.descriptor.keys_for(Purpose.MESSAGE, "intl-1")
    destroy(token, log.id)
    found = cryptoki.lib(str(MODULE)).get_token(token_label=token.label)
    with closing(found.open(rw=True)) as session:
        (key,) = session.get_objects(
            {Attribute.ID: message.id, Attribute.CLASS: ObjectClass.PRIVATE_KEY}
        )
        key[Attribute.ID] = log.id
    with pytest.raises(TokenTrouble, match="签名无效"):
        folder.load(tmp_path / "keys", token.holding)


def test_keys_in_a_token_are_not_looked_for_where_none_is_configured(
    tmp_path: Path, token: SoftToken
) -> None:
    create(tmp_path, token)
    with pytest.raises(BadKeys, match=r"keys\.module"):
        folder.load(tmp_path / "keys")


def test_a_token_that_is_lost_for_good_is_left_by_the_root(
    tmp_path: Path, token: SoftToken
) -> None:
    keys = create(tmp_path, token)
    token.detach()
    root = root_file.open_file(tmp_path / "root1.pem", "x")
    chance, now_ms = random.Random(9).randbytes, CLOCK.now_ms() + 1
    where = Where(tmp_path / "keys", root, folder.FILES, chance, now_ms)
    for key in keys.signing:
        with pytest.raises(BadKeys):
            folder.load(tmp_path / "keys")
        revoke(where, key.id, reason="lost", since_ms=now_ms)
    after = folder.load(tmp_path / "keys")
    assert after.center == keys.center
    assert after.problem() == ""
    assert {type(key.private) for key in after.signing} == {RawPrivate}
    assert after.identity().face("intl-1").signing(Purpose.LOG, now_ms).sign(b"x")


def test_a_pin_that_others_can_read_is_refused(tmp_path: Path, token: SoftToken) -> None:
    token.set_pin(PIN, mode=0o640)
    with pytest.raises(TokenTrouble, match="chmod 600"):
        create(tmp_path, token)
    token.pin_file.unlink()
    with pytest.raises(TokenTrouble, match="PIN 文件"):
        create(tmp_path / "again", token)


def test_a_library_that_is_none_is_named(tmp_path: Path, token: SoftToken) -> None:
    other = token.holding.model_copy(update={"module": tmp_path / "no.so"})
    with pytest.raises(TokenTrouble, match=r"no\.so.*keys\.module"):
        folder.add_key(tmp_path, "intl-1", Purpose.LOG, lambda _: b"", other)


def test_two_tokens_of_one_label_are_refused(tmp_path: Path, token: SoftToken) -> None:
    token.add(token.label)
    with pytest.raises(TokenTrouble, match="two tokens"):
        create(tmp_path, token)


def test_without_the_extra_the_message_says_how_to_install_it(
    tmp_path: Path, token: SoftToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "node.keystore.pkcs11", None)
    monkeypatch.delattr("node.keystore.pkcs11")
    with pytest.raises(BadKeys, match=r"requirements-pkcs11\.lock"):
        create(tmp_path, token)


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ('provider = "pkcs11"', "module, token, pin_file"),
        ('provider = "pkcs11"\nmodule = "/m.so"\ntoken = "t"', "pin_file"),
        ('token = "t"', "module, pin_file"),
        ('provider = "hsm"', "'pkcs11'"),
        ('provider = "pkcs11"\ntokn = "t"', "'token'"),
    ],
)
def test_half_a_configuration_is_refused(tmp_path: Path, section: str, named: str) -> None:
    with pytest.raises(BadConfig, match=r"keys") as caught:
        config.load(write(tmp_path, f"{GOOD}\n[keys]\n{section}\n"))
    assert named in str(caught.value)


# Running


def test_threads_may_sign_at_the_same_time(tmp_path: Path, token: SoftToken) -> None:
    keys = create(tmp_path, token)
    face = keys.identity().face("intl-1")
    bad: list[object] = []

    def work(purpose: Purpose) -> None:
        (public,) = keys.descriptor.keys_for(purpose, "intl-1")
        key = face.signing(purpose, CLOCK.now_ms())
        for number in range(200):
            message = b"%d" % number
            try:
                if not INTL_1.verify(public.key, key.sign(message), message):
                    bad.append(number)
            except Exception as error:  # noqa: BLE001 - a thread's failure must be seen
                bad.append(error)

    threads = [threading.Thread(target=work, args=(purpose,)) for purpose in SIGNING * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bad == []


def test_a_token_that_is_away_is_asked_again_only_after_a_while(
    tmp_path: Path, token: SoftToken
) -> None:
    keys = create(tmp_path, token)
    identifier = keys.signing[0].id
    now = 100.0
    asked = Token(Library(MODULE), token.label, token.pin_file, lambda: now)
    assert asked.sign(identifier, b"x")
    token.detach()
    with pytest.raises(SignerAway, match="令牌 center"):
        asked.sign(identifier, b"x")
    token.attach()
    with pytest.raises(SignerAway, match="令牌 center"):
        asked.sign(identifier, b"x")
    now += pkcs11.RETRY_SECONDS
    assert INTL_1.verify(keys.signing[0].public, asked.sign(identifier, b"x"), b"x")


def test_one_key_that_is_gone_does_not_stop_the_others(tmp_path: Path, token: SoftToken) -> None:
    keys = create(tmp_path, token)
    face = keys.identity().face("intl-1")
    log = face.signing(Purpose.LOG, CLOCK.now_ms())
    assert keys.problem() == ""
    destroy(token, log.id)
    for _ in range(3):
        with pytest.raises(SignerAway, match=log.id.hex()):
            log.sign(b"x")
        assert face.signing(Purpose.MESSAGE, CLOCK.now_ms()).sign(b"x")
    assert log.id.hex() in keys.problem()


@pytest.mark.usefixtures("_impatient")
def test_a_session_that_another_program_ended_is_opened_again(
    tmp_path: Path, token: SoftToken
) -> None:
    keys = create(tmp_path, token)
    sign = keys.signing[0].private.signer()
    cryptoki.lib(str(MODULE)).reinitialize()
    assert INTL_1.verify(keys.signing[0].public, sign(b"x"), b"x")
    pkcs11.release()
    assert sign(b"x")


@asynccontextmanager
async def serving(keys: Keys) -> AsyncIterator[GrpcNode]:
    """A node that listens on loopback and signs with these keys."""
    database = await Database.open(MEMORY)
    try:
        await database.alone(tables.lay)
        node = GrpcNode(Party(keys.identity(), keys.tls, SeededRandom("token")), database)
        node.port = await node.server.start("127.0.0.1:0")
        try:
            yield node
        finally:
            await node.transport.close()
            await node.server.stop(0)
    finally:
        await database.close()


@asynccontextmanager
async def token_and_file(keys: Keys) -> AsyncIterator[tuple[GrpcNode, GrpcNode]]:
    """A node with a token, and one with files, that pinned each other."""
    async with serving(keys) as ours, running("长乐") as theirs:
        ours.keyring.pin(theirs.descriptor)
        theirs.keyring.pin(ours.descriptor)
        yield ours, theirs


def look(about: GrpcNode) -> Callable[[Floor[SqlLedger]], tuple[str, str]]:
    """Our checkpoint as a peer cosigned it, and the peer's as we did."""

    def run(floor: Floor[SqlLedger]) -> tuple[str, str]:
        cosigned = floor.ledger.cosigned(about.center, HOME)
        witnessed = floor.ledger.witnessed(about.center, HOME)
        assert cosigned is not None
        assert witnessed is not None
        return cosigned[1], witnessed[2]

    return run


async def test_a_node_with_a_token_and_one_with_files_exchange_words_and_cosign(
    tmp_path: Path, token: SoftToken
) -> None:
    async with token_and_file(create(tmp_path, token)) as (ours, theirs):
        await ours.open(theirs.center, PROPOSE)
        await ours.outbox.deliver(theirs.center)
        await theirs.open(ours.center, PROPOSE)
        await theirs.outbox.deliver(ours.center)
        for node in (ours, theirs):
            assert [receipt.outcome.name for *_, receipt in node.watched.receipts] == ["ACCEPTED"]
        for _ in range(2):  # shows what is new, then fetches what was cosigned meanwhile
            await ours.outbox.greet(theirs.center)
            await theirs.outbox.greet(ours.center)
        own, other = await ours.negotiator.transact(look(theirs))
        shown, key = verify_note(own, log_keys(ours.descriptor, HOME))
        assert key.public_key == ours.descriptor.keys_for(Purpose.LOG, HOME)[0].key
        assert shown.size == (await ours.cosigned_by(theirs.center))[0]
        cosigned_at(own, witness_keys(theirs.descriptor, HOME))
        cosigned_at(other, witness_keys(ours.descriptor, HOME))


@pytest.mark.usefixtures("_impatient")
async def test_nothing_is_lost_while_the_token_is_away(tmp_path: Path, token: SoftToken) -> None:
    keys = create(tmp_path, token)
    async with token_and_file(keys) as (ours, theirs):
        await ours.outbox.greet(theirs.center)
        token.detach()
        assert "令牌" in keys.problem()
        await ours.open(theirs.center, PROPOSE)  # said and on disk: only its signature waits
        assert not await ours.outbox.deliver(theirs.center)
        assert "令牌" in ours.outbox.link(theirs.center).last_error
        with pytest.raises(Unreachable, match="we cannot sign"):
            await ours.outbox.greet(theirs.center)
        await theirs.open(ours.center, PROPOSE)
        assert not await theirs.outbox.deliver(ours.center)
        assert ("Deliver", "keys_away") in ours.watched.refusals
        assert "UNAVAILABLE" in theirs.outbox.link(ours.center).last_error
        assert theirs.watched.receipts == []

        token.attach()
        assert keys.problem() == ""
        for node, other in ((ours, theirs), (theirs, ours)):
            node.outbox.reset(other.center)
            await node.outbox.deliver(other.center)
            waiting = await node.negotiator.transact(
                lambda floor, peer=other.center: floor.ledger.pending(peer, 64, 1 << 20)  # type: ignore[misc]
            )
            assert waiting == []
            outcomes = [receipt.outcome.name for *_, receipt in other.watched.receipts]
            assert outcomes[-1] == "ACCEPTED"


# The commands


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.delenv("LIANPING_OPERATOR_PASSWORD", raising=False)
    monkeypatch.delenv("LIANPING_ROOT_PASSPHRASE", raising=False)
    return Place(tmp_path)


def with_token(place: Place, token: SoftToken) -> list[str]:
    """``lianping init`` from a file of answers that names the token."""
    answers = place.folder / "answers.toml"
    answers.write_text(token.section, encoding="utf-8")
    return [*place.command, "--from", str(answers)]


def test_init_makes_the_keys_in_the_token_and_readiness_looks_at_them(
    place: Place, token: SoftToken
) -> None:
    done = run(with_token(place, token))
    assert done.exit_code == 0, done.output
    assert len(in_token(token)) == len(SIGNING)
    configured = config.load(place.config)
    assert configured.keys == token.holding
    asyncio.run(watch_the_token_go(configured, token))


async def watch_the_token_go(configured: config.Config, token: SoftToken) -> None:
    keys = wiring.open_keys(configured.storage.folder, configured.keys)
    node = await wiring.assemble(configured, keys)
    try:
        probes = node.probes(lambda: False)
        assert probes.keys_problem() == ""
        token.detach()
        assert "令牌" in probes.keys_problem()
    finally:
        await node.close()


def test_init_with_a_wrong_pin_says_so_and_is_completed_later(
    place: Place, token: SoftToken
) -> None:
    token.set_pin("000000")
    refused = run(with_token(place, token))
    assert refused.exit_code == WRONG_PIN
    assert "PIN 不对" in refused.stderr
    assert not list(place.data.glob("keys/descriptors/*"))
    unit = (ROOT / "deploy" / "systemd" / "lianping.service").read_text(encoding="utf-8")
    assert f"RestartPreventExitStatus={WRONG_PIN}\n" in unit  # or systemd locks the token
    token.set_pin(PIN)
    pkcs11.release()
    assert run(with_token(place, token)).exit_code == 0
    assert len(in_token(token)) == len(SIGNING)


def test_rotation_makes_the_new_keys_in_the_token_too(place: Place, token: SoftToken) -> None:
    assert run(with_token(place, token)).exit_code == 0
    words = [
        "keys",
        "rotate",
        "--purpose",
        "all",
        "--config",
        str(place.config),
        "--root-key",
        str(place.root),
    ]
    done = run([*words, "--passphrase-file", str(place.folder / "passphrase")])
    assert done.exit_code == 0, done.output
    configured = config.load(place.config)
    keys = wiring.open_keys(configured.storage.folder, configured.keys)
    assert keys.descriptor.sequence == 2
    assert keys.descriptor.revoked == ()
    for purpose in SIGNING:
        old_and_new = {key.id for key in keys.descriptor.keys_for(purpose, "intl-1")}
        assert len(old_and_new) == 2
        assert old_and_new <= {key[Attribute.ID] for key in in_token(token)}
        newest = keys.identity().face("intl-1").all_signing(purpose, CLOCK.now_ms())[0]
        assert newest.sign(b"x")


def test_init_refuses_a_label_that_no_token_has(place: Place, token: SoftToken) -> None:
    command = with_token(place, SoftToken(token.folder, "elsewhere"))
    refused = run(swapped(command, "--name", "别处中心"))
    assert refused.exit_code == 2
    assert "elsewhere" in refused.stderr
