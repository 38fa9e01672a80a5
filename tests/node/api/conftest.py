"""The root keys of these tests are stretched as little as argon2 allows, as their passwords are.

Not so for the commands: there a process of its own opens what the test has made.
"""

from typing import Any

import pytest
from argon2.low_level import hash_secret_raw

from node.keystore import root_file
from tests.node.conftest import LEAST


def _cheaply(secret: bytes, salt: bytes, **asked: Any) -> bytes:
    return hash_secret_raw(secret, salt, **{**asked, **LEAST})


@pytest.fixture(autouse=True)
def little_stretching_of_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root_file, "hash_secret_raw", _cheaply)
