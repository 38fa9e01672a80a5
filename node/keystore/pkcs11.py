"""Signing keys in a token behind PKCS#11 (OASIS, v2.40 and v3.0): the extra ``pkcs11``.

Here: a session with one token, kept alive; keys made in it, never to leave it; and signing.
What a center publishes, and which of its keys lie here, is ``node.keystore.keys``'.

Importing this module needs the extra; only ``keys`` does, and only where a token is configured.

- Ed25519 only (CKM_EDDSA). PKCS#11 has no number for SM2, every vendor has its own, and none
  could be tested here; so ``gm-1`` is refused. Sealing keys stay files: HPKE needs the shared
  secret of X25519 in our hands, and a token that gives that away protects nothing more.
- The library's state belongs to the process, and python-pkcs11 initialises it for one thread at
  a time, while a node signs on its event loop and on its database's thread. So there is one
  lock for each library, and every call into it holds that.
- A session that broke is opened anew, at most every ``RETRY_SECONDS``; in between signing fails
  at once, because the caller may be the event loop. A PIN that was wrong is never tried again:
  a token locks itself after a few.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any, Final, TypeVar

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, PKCS11Error, Session
from pkcs11 import SignMixin as Handle
from typing_extensions import override

from federation.trust.envelope import Signer, key_id
from federation.trust.errors import SignerAway
from federation.trust.keys import Purpose
from federation.trust.secrets import Opener
from federation.trust.suite import INTL_1, Suite
from node.keystore.errors import BadKeys, WrongPin
from node.keystore.signer import OwnKey, Private

T = TypeVar("T")

RETRY_SECONDS: Final = 2.0  # a network module's time-out must not be the event loop's every time
ED25519_OID: Final = bytes.fromhex("06032b6570")  # RFC 8410 §3, as CKA_EC_PARAMS
POINT_BYTES: Final = 32
PROBE: Final = b"lianping: does this key still sign?\n"  # no envelope, no note, no document
NOT_OURS: Final = 0o077

_WRONG_PIN: Final = (
    pkcs11.PinIncorrect,
    pkcs11.PinInvalid,
    pkcs11.PinLenRange,
    pkcs11.PinExpired,
    pkcs11.PinLocked,
    pkcs11.UserPinNotInitialized,
)

_NOT_THE_SESSION: Final = (pkcs11.NoSuchKey, pkcs11.DataLenRange)
"""One key or one message: what else the token is asked may be well."""


class TokenTrouble(BadKeys):
    """A token that cannot be used; the text says which and what to do."""


class Library:
    """One vendor's library, loaded once for the process, with the lock of every call into it."""

    def __init__(self, module: Path) -> None:
        self.module = module
        self.lock = RLock()
        self.generation = 0
        self._was_loaded = False

    def loaded(self) -> Any:
        """The initialised library. Raises TokenTrouble."""
        try:
            found = pkcs11.lib(str(self.module))
        except RuntimeError as error:  # PKCS11Error is one
            raise TokenTrouble(
                f"PKCS#11 库 {self.module} 无法加载 · the library cannot be loaded "
                f"({_named(error)}): 检查 · check keys.module"
            ) from error
        self._was_loaded = True
        return found

    def refresh(self) -> None:
        """Begin anew: a library sees tokens come and go only then. Ends all sessions."""
        self.generation += 1
        self.loaded().reinitialize()

    def release(self) -> None:
        """End all sessions and let the library clean up."""
        with self.lock:
            if self._was_loaded:
                self.generation += 1
                self.loaded().finalize()


class Token:
    """A token that holds keys of ours. ``open_token`` gives the one of each token."""

    def __init__(
        self,
        library: Library,
        label: str,
        pin_file: Path,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._library = library
        self._label = label
        self._pin_file = pin_file
        self._timer = timer
        self._session: Session | None = None
        self._generation = -1
        self._found: dict[bytes, Handle] = {}
        self._retry_at = 0.0
        self._problem = ""
        self._for_good = False

    @override
    def __repr__(self) -> str:
        return f"Token({self._label!r})"

    def sign(self, identifier: bytes, message: bytes) -> bytes:
        """Sign with the key of that id. Safe on any thread. Raises SignerAway."""

        def ask(session: Session) -> bytes:
            return bytes(self._key(session, identifier).sign(message, mechanism=Mechanism.EDDSA))

        return self._ask(ask)

    def make(self, chosen: Suite, purpose: Purpose) -> OwnKey:
        """Make a key that never leaves the token, labelled ``suite.purpose.id``.

        Raises:
            TokenTrouble: The token cannot make such keys, or does not keep what it promises.
            WrongPin: It refused the PIN.
        """
        if chosen.suite_id != INTL_1.suite_id:
            raise TokenTrouble(
                f"令牌不能存放 {chosen.suite_id} 密钥:PKCS#11 没有统一的 SM2 机制,各厂商自定,本版本"
                f'均不支持;可在 [keys] 中设 file_suites = ["{chosen.suite_id}"] · a token cannot '
                f"hold keys of {chosen.suite_id}: PKCS#11 has no SM2 mechanism, each vendor has "
                "its own, and this version knows none; keep these keys in files with file_suites"
            )
        try:
            return self._ask(lambda session: self._make(session, chosen, purpose))
        except SignerAway as error:
            raise self._trouble(error) from error

    def require(self, chosen: Suite, public: bytes) -> None:
        """Make sure that the token signs with a key. Raises TokenTrouble, WrongPin."""
        identifier = key_id(chosen, public)
        try:
            signature = self.sign(identifier, PROBE)
        except SignerAway as error:
            raise self._trouble(error) from error
        if not chosen.verify(public, signature, PROBE):
            raise TokenTrouble(
                f"令牌 {self._label} 用密钥 {identifier.hex()} 签出的签名无效 · it signs wrongly"
            )

    def key(self, chosen: Suite, public: bytes) -> "TokenPrivate":
        """The private half of a key that this token made; it is not asked yet."""
        return TokenPrivate(self, chosen, public)

    def problem(self, identifier: bytes) -> str:
        """Why a key cannot sign now; empty if it can."""

        def look(session: Session) -> None:
            self._found.pop(identifier, None)
            self._key(session, identifier)

        try:
            self._ask(look)
        except SignerAway as error:
            return str(error)
        return ""

    def _ask(self, question: Callable[[Session], T]) -> T:
        """Ask the token; if it fails, once more over a new session. Raises SignerAway."""
        with self._library.lock:
            if self._session is None and self._too_soon():
                raise SignerAway(self._problem)
            try:
                return question(self._opened())
            except (TokenTrouble, pkcs11.DataLenRange) as error:
                raise self._away(error) from error
            except PKCS11Error as error:
                if self._too_soon():
                    raise self._away(error) from error
            self._retry_at = self._timer() + RETRY_SECONDS
            try:
                if self._generation == self._library.generation:
                    self._library.refresh()
                return question(self._opened())
            except (TokenTrouble, PKCS11Error) as error:
                raise self._away(error) from error

    def _trouble(self, error: SignerAway) -> BadKeys:
        return WrongPin(str(error)) if self._for_good else TokenTrouble(str(error))

    def _too_soon(self) -> bool:
        return self._for_good or self._timer() < self._retry_at

    def _away(self, error: TokenTrouble | PKCS11Error) -> SignerAway:
        said = str(error) if isinstance(error, TokenTrouble) else self._explained(error)
        if not isinstance(error, _NOT_THE_SESSION):
            self._session, self._problem = None, said
        return SignerAway(said)

    def _opened(self) -> Session:
        if self._session is not None and self._generation == self._library.generation:
            return self._session
        self._session, self._found = None, {}
        self._generation = self._library.generation
        pin = self._pin()
        token = self._library.loaded().get_token(token_label=self._label)
        try:
            self._session = token.open(user_pin=pin)
        except pkcs11.UserAlreadyLoggedIn:  # a login is the process', not the session's
            self._session = token.open()
        except _WRONG_PIN:
            self._for_good = True
            raise
        return self._session

    def _pin(self) -> str:
        try:
            if self._pin_file.stat().st_mode & NOT_OURS:
                raise TokenTrouble(
                    f"{self._pin_file} 对其他用户开放 · is open to others: "
                    f"chmod 600 {self._pin_file}"
                )
            return self._pin_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise TokenTrouble(
                f"PIN 文件 {self._pin_file} 无法读取 · the PIN's file cannot be read: {error}"
            ) from error

    def _key(self, session: Session, identifier: bytes) -> Handle:
        found = self._found.get(identifier)
        if found is None:
            wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.ID: identifier}
            every: list[Any] = list(session.get_objects(wanted))
            if not every:
                raise pkcs11.NoSuchKey(identifier.hex())
            found = self._found[identifier] = every[0]
        return found

    def _make(self, session: Session, chosen: Suite, purpose: Purpose) -> OwnKey:
        offered = session.token.slot.get_mechanisms()
        lacking = {Mechanism.EC_EDWARDS_KEY_PAIR_GEN, Mechanism.EDDSA} - offered
        if lacking:
            raise TokenTrouble(
                f"令牌 {self._label} 不支持 Ed25519 · the token lacks "
                f"{', '.join(sorted(each.name for each in lacking))}: 密钥改存文件 · keep the keys "
                'in files with keys.provider = "file"'
            )
        writing = session.token.open(rw=True)  # logged in already, as the process is
        try:
            parameters: Any = writing.create_domain_parameters(
                KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: ED25519_OID}, local=True
            )
            halves = parameters.generate_keypair(
                mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
                store=True,
                capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
                label=f"{chosen.suite_id}.{purpose.name.lower()}",
                private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
            )
            try:
                return self._named_key(chosen, purpose, halves)
            except BaseException:
                for half in halves:
                    half.destroy()
                raise
        finally:
            writing.close()

    def _named_key(self, chosen: Suite, purpose: Purpose, halves: Sequence[Any]) -> OwnKey:
        """Hold a new pair against what was asked for, and give it its id and its label."""
        public, private = halves
        raw = raw_point(public[Attribute.EC_POINT])
        key = OwnKey(chosen, purpose, raw, self.key(chosen, raw))
        stays = private[Attribute.NEVER_EXTRACTABLE] and private[Attribute.ALWAYS_SENSITIVE]
        signature = private.sign(PROBE, mechanism=Mechanism.EDDSA)
        if not stays or not chosen.verify(raw, signature, PROBE):
            raise TokenTrouble(
                f"令牌 {self._label} 生成的密钥可以导出,或签名无效 · the token makes keys that can "
                "leave it, or that sign wrongly"
            )
        for half in halves:
            half[Attribute.ID] = key.id
            half[Attribute.LABEL] = key.name
        return key

    def _explained(self, error: PKCS11Error) -> str:
        """What an operator can do about it: Chinese, then English."""
        said: tuple[tuple[tuple[type[Exception], ...], str, str], ...] = (
            (
                (pkcs11.PinLocked,),
                "PIN 已锁定,请用管理员 PIN 解锁,再重启节点",
                "its PIN is locked: unlock it with the security officer's, then restart the node",
            ),
            (
                _WRONG_PIN,
                f"PIN 不对,不再重试以免锁死;改正 {self._pin_file} 后重启节点",
                "the PIN is wrong and not tried again, lest the token lock: correct it, restart",
            ),
            (
                (pkcs11.NoSuchToken, pkcs11.TokenNotPresent, pkcs11.DeviceRemoved),
                f"{self._library.module} 的任何插槽中都没有它:请插好,或改正 keys.token",
                f"no slot of {self._library.module} has it: attach it, or correct keys.token",
            ),
            (
                (pkcs11.MultipleTokensReturned,),
                "有两个同名的令牌,请改名或拔出一个",
                "two tokens have this label: rename or remove one",
            ),
            (
                (pkcs11.NoSuchKey,),
                f"其中没有密钥 {error}:换了令牌,或密钥被删除",
                f"it lacks the key {error}: another token of the same name, or it was deleted",
            ),
            (
                (pkcs11.SessionCount, pkcs11.DeviceMemory, pkcs11.HostMemory),
                "正忙:会话过多,请停用其他程序",
                "it is busy: too many sessions, stop other programs",
            ),
        )
        for kinds, zh, en in said:
            if isinstance(error, kinds):
                return f"令牌 {self._label}:{zh} · the token: {en}"
        return (
            f"令牌 {self._label} 没有应答 · the token does not answer ({_named(error)}): "
            "检查连接 · check its connection"
        )


@dataclass(frozen=True, slots=True)
class TokenPrivate(Private):
    """A private key in a token: where it is, and nothing of it."""

    token: Token
    suite: Suite
    public: bytes

    @property
    def id(self) -> bytes:
        """CKA_ID: the key's id, 16 bytes."""
        return key_id(self.suite, self.public)

    @override
    def signer(self) -> Signer:
        token, identifier = self.token, self.id
        return lambda message: token.sign(identifier, message)

    @override
    def opener(self) -> Opener:
        raise BadKeys("令牌中的密钥只用于签名 · keys in a token only sign")

    @override
    def problem(self) -> str:
        return self.token.problem(self.id)

    @override
    def require(self) -> None:
        self.token.require(self.suite, self.public)


def raw_point(found: bytes) -> bytes:
    """An Ed25519 public key as tokens write it: bare, or in a DER string. Raises TokenTrouble."""
    for head in (b"", b"\x04\x20", b"\x03\x21\x00"):
        if len(found) == len(head) + POINT_BYTES and found.startswith(head):
            return found[len(head) :]
    raise TokenTrouble(f"{found.hex()[:80]} 不是公钥 · is no Ed25519 public key as tokens write it")


_libraries: dict[Path, Library] = {}
_tokens: dict[tuple[Path, str, Path], Token] = {}


def open_token(module: Path, label: str, pin_file: Path) -> Token:
    """The token of that label behind a library; nothing is asked of it yet.

    One for the process, as its login is.
    """
    library = _libraries.setdefault(module, Library(module))
    return _tokens.setdefault((module, label, pin_file), Token(library, label, pin_file))


def release() -> None:
    """Log out of all tokens and forget what they refused, as a new process begins."""
    for library in _libraries.values():
        library.release()
    _tokens.clear()


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")
