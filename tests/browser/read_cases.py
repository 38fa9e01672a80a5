"""Reads cases with the wire's decoders and tells what came of each; test_protobuf.py runs it twice.

    python -m tests.browser.read_cases < cases.json

Once with protobuf's compiled half, as in a node, once with its Python half, as in the page.
"""

import json
import sys

from google.protobuf.internal import api_implementation

from federation.errors import FederationError
from federation.wire.evidence import DECODE


def outcome(kind: str, payload_type: str, raw: bytes) -> str:
    try:
        match kind:
            case "statement":
                return repr(DECODE.statement(raw))
            case "word":
                return repr(DECODE.word(payload_type, raw))
            case "receipt":
                return repr(DECODE.receipt(payload_type, raw))
            case _:
                return repr(DECODE.terms(raw))
    except FederationError as error:
        return f"{type(error).__name__}: {error}"


def main() -> None:
    cases = json.load(sys.stdin)
    told = [outcome(kind, payload_type, bytes.fromhex(raw)) for kind, payload_type, raw in cases]
    json.dump([api_implementation.Type(), told], sys.stdout)


if __name__ == "__main__":
    main()
