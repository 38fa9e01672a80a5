"""Nodes that are set up, for tests that need one: as ``lianping init`` does it, but cheaply.

The root key's passphrase costs next to nothing here, because nobody guesses at it.
"""

from pathlib import Path
from typing import Final

from node.commands import founding
from node.commands.founding import Report
from node.config import Config
from node.keystore.root_file import Cost
from node.services.totp import secret_of

CHEAP: Final = Cost(8, 1, 1)
PASSPHRASE: Final = "月落乌啼霜满天江枫渔火"


async def found(settings: Config, root_key: Path, password: str) -> str:
    """Keys, database and first operator of a configuration; answers the codes' secret."""
    report = Report()
    founding.check_places(settings, root_key)
    root = founding.make_root(root_key, settings, PASSPHRASE, report, CHEAP)
    founding.make_keys(settings, root, root_key, report)
    codes = root_key.with_name("operator.totp")
    secret, address = founding.totp_secret(codes, settings.center.name)
    assert secret_of(address) == secret
    await founding.make_operator(settings, password, secret, report)
    return secret
