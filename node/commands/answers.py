"""What ``lianping init`` has to know, from flags, a file or a person; each answer checked at once.

The answers are a configuration: the same sections and keys as the file that comes of them, so
``--from FILE`` takes what ``config show`` and the example show, and there is no second
vocabulary. A table ``[init]`` beside them says where the secrets come from.

Not here: what is done with the answers (``node.commands.founding``).
"""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import TypeAdapter, ValidationError

from node import config
from node.commands.link import CannotDo
from node.config import BadConfig, Center, Listen, Storage, Trust
from node.config_sections import Section
from node.config_values import split_address

INIT: Final = "init"
INIT_KEYS: Final = (
    "root_key",
    "root_passphrase_file",
    "operator_password_file",
    "totp_file",
)
ADAPTERS: Final = ("trading", "messaging", "identity", "signing", "video", "experts")
TRADING_STAND_IN: Final = "http://127.0.0.1:8090"
"""Where ``lianping stand-in trading`` listens."""

_SECTIONS: Final[Mapping[str, type[Section]]] = {
    "center": Center,
    "listen": Listen,
    "storage": Storage,
    "trust": Trust,
}

Table = dict[str, dict[str, Any]]


def check(key: str, value: Any) -> None:
    """Hold one answer against what the configuration takes.

    Args:
        key: ``section.key``.
        value: As TOML has it.

    Raises:
        ValueError: Says what would do.
    """
    section, _, name = key.partition(".")
    field = _SECTIONS[section].model_fields[name]
    metadata = field.metadata or (None,)  # Annotated wants one at least
    shape: Any = Annotated[(field.annotation, *metadata)]
    check_shape(shape, value)


def check_shape(shape: Any, value: Any) -> None:
    """Hold a value against an annotated type. Raises ValueError, which says what would do."""
    adapter: TypeAdapter[Any] = TypeAdapter(shape)
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        said = "; ".join(each["msg"].removeprefix("Value error, ") for each in error.errors())
        raise ValueError(said) from error


def read_file(path: Path) -> tuple[Table, dict[str, str]]:
    """A file of answers: the configuration, and the table ``[init]``.

    Raises:
        BadConfig: It cannot be read, or ``[init]`` has an unknown key.
    """
    _, table = config.read(path)
    init = table.pop(INIT, {})
    unknown = set(init) - set(INIT_KEYS)
    if unknown:
        names = ", ".join(INIT_KEYS)
        raise BadConfig(
            path,
            [
                f"{INIT}.{each}: 未知的配置项 · unknown key;可用 · known are: {names}"
                for each in sorted(unknown)
            ],
        )
    return table, {key: str(value) for key, value in init.items()}


def stand_ins(trading_url: str = TRADING_STAND_IN) -> dict[str, Any]:
    """All outside systems played, for a trial."""
    adapters: dict[str, Any] = {each: {"kind": "stand_in"} for each in ADAPTERS}
    adapters["trading"]["url"] = trading_url
    return adapters


def merge(*tables: Mapping[str, Mapping[str, Any]]) -> Table:
    """One table of several; the later ones count."""
    merged: Table = {}
    for table in tables:
        for section, keys in table.items():
            merged.setdefault(section, {}).update(keys)
    return merged


def differing(existing: Mapping[str, Any], wanted: Mapping[str, Any], path: str = "") -> list[str]:
    """The keys that are wanted otherwise than an existing configuration says."""
    found = []
    for key, value in wanted.items():
        name = f"{path}{key}"
        if isinstance(value, Mapping):
            inner = existing.get(key, {})
            found += differing(inner if isinstance(inner, Mapping) else {}, value, f"{name}.")
        elif existing.get(key) != value:
            found.append(name)
    return found


def check_ports(addresses: Mapping[str, str]) -> None:
    """Every address can be listened on, and no two are the same.

    Args:
        addresses: ``section.key`` to ``host:port``.

    Raises:
        CannotDo: One is taken, or is not this machine's.
    """
    ports: dict[int, str] = {}
    for key, address in addresses.items():
        port = split_address(address)[1]
        if port and port in ports:
            raise CannotDo(
                f"{key} 与 {ports[port]} 用了同一端口 {port},请换一个",
                f"{key} and {ports[port]} both have port {port}: choose another",
            )
        ports[port] = key
        try:
            check_port(address)
        except ValueError as error:
            zh, _, en = str(error).partition(" · ")
            raise CannotDo(f"{key}:{zh}", f"{key}: {en}") from error


def check_port(address: str) -> None:
    """The address can be listened on now. Raises ValueError."""
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family):
            pass
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise ValueError(
            f"{address} 无法监听({why}),请换一个端口或地址 · {address} cannot be listened on "
            f"({why}): choose another port or address"
        ) from error
