"""Passwords of these tests are stretched as little as argon2 allows.

What stretching costs, and that it is what RFC 9106 says, is tried where it lives
(``tests/node/keystore``, ``tests/node/services/test_accounts.py``); a node that is assembled and
logged into for each of hundreds of tests would spend most of their time on it.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import pytest
from argon2 import PasswordHasher

from node.services import accounts

LEAST: Final[Mapping[str, Any]] = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}


@pytest.fixture(autouse=True)
def little_stretching(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "PasswordHasher", partial(PasswordHasher, **LEAST))
