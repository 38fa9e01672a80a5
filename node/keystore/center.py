"""A whole center's keys at once: everything that is missing is made, nothing is made twice.

For ``lianping init`` and for tests. A run that was cut short anywhere is completed by the next
one: files that it left are taken as they are, and the first descriptor comes last.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from federation.trust.keys import Purpose, RootKey, root_center_id
from node.config import Config
from node.keystore import chain, files
from node.keystore import keys as key_folder
from node.keystore.errors import BadKeys
from node.keystore.root_file import RootKeys
from node.keystore.signer import OwnKey


@dataclass(frozen=True, slots=True)
class Made:
    """What ``complete`` did: names of what it made, and the descriptor's number."""

    made: tuple[str, ...]
    sequence: int


def complete(
    keys: Path,
    config: Config,
    root: RootKeys,
    random: Callable[[int], bytes],
    now_ms: int,
) -> Made:
    """Make what is missing of a center's keys, and publish what the configuration says.

    Args:
        keys: The key folder; made if missing.
        config: Name, USCC, region, address and suites.
        root: The opened root key.
        random: Gives that many bytes fit for keys.
        now_ms: The time, unix milliseconds.

    Raises:
        BadKeys: The root is another center's or of other suites than configured, a file in the
            folder is damaged, or the token cannot make keys.
        SuiteUnavailable: This machine lacks a suite's algorithms.
        OSError: Something cannot be written.
    """
    if tuple(root.private) != config.trust.suites:
        raise BadKeys(
            f"根密钥的密码套件为 {'、'.join(root.private)},与配置 trust.suites 不符 · the root "
            f"key is for {', '.join(root.private)}, and trust.suites says "
            f"{', '.join(config.trust.suites)}"
        )
    files.make_folder(keys)
    if chain.exists(keys):
        return _follow(keys, config, root, now_ms)
    files.clear_drafts(keys)
    made = ["data"] if key_folder.make_data_key(keys, random) else []
    own = key_folder.own_keys(keys, config.keys)
    public = []
    for each in config.trust.suites:
        for purpose in Purpose:
            key = _first(own, each, purpose)
            if key is None:
                key = key_folder.add_key(keys, each, purpose, random, config.keys)
                made.append(f"{each} {purpose.name.lower()}")
            public.append(key.published(now_ms))
    home = config.trust.suites[0]
    center = root_center_id(RootKey(home, root.public()[home]))
    certificate = next(iter(key_folder.certificates(keys, center)), None)
    if certificate is None:
        certificate = key_folder.add_certificate(keys, center, now_ms)
        made.append("tls")
    chain.publish(keys, chain.first(config, root, public, [certificate], now_ms), root)
    return Made((*made, "descriptor 1"), 1)


def _follow(keys: Path, config: Config, root: RootKeys, now_ms: int) -> Made:
    signed = chain.read(keys)
    current = chain.current(keys, signed)
    if chain.published(current) == chain.named(config):
        return Made((), current.sequence)
    name, uscc, region_code, address = chain.named(config)
    following = chain.following(
        signed, now_ms, name=name, uscc=uscc, region_code=region_code, address=address
    )
    chain.publish(keys, following, root)
    return Made((f"descriptor {following.sequence}",), following.sequence)


def _first(own: list[OwnKey], suite_id: str, purpose: Purpose) -> OwnKey | None:
    for key in own:
        if key.suite.suite_id == suite_id and key.purpose is purpose:
            return key
    return None
