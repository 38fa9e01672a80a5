"""The report of a joint test as the bytes that both sides sign.

All of a report follows from the words of the test, so equal words give equal bytes: each side
makes the report itself and signs only what it has made.
"""

from typing import Final

from lianping.federation.v1 import peering_pb2

from federation.protocol.peering import JointTestReport
from federation.wire.codec import Codec

REPORT: Final = Codec(JointTestReport, peering_pb2.JointTestReport)


def report_type(suite_id: str) -> str:
    """What the signatures of both sides cover beside the document: it names the suite."""
    return f"application/vnd.lianping.v1.{suite_id}.joint-test-report+protobuf"
