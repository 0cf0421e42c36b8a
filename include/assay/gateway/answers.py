"""Answers of POST: what became of the records, or why none was taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.types import Send

from assay.errors import RequestRefusedError
from assay.gateway.records import REFUSED, Prepared
from assay.ledger.receipts import Receipt

PLAIN = (b"content-type", b"application/json")
Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Answer:
    """Status, body and headers of an answer."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = ()

    async def send(self, send: Send) -> None:
        """Send it."""
        length = (b"content-length", str(len(self.body)).encode())
        headers = [PLAIN, length, *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def refusal(error: RequestRefusedError) -> Answer:
    """A refusal as an answer; one that stopped reading ends the connection."""
    headers: list[Header] = []
    if error.retry_after is not None:
        headers.append((b"retry-after", str(error.retry_after).encode()))
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if error.status in (408, 413):
        headers.append((b"connection", b"close"))
    return Answer(error.status, msgspec.json.encode({"error": str(error)}), (*headers,))


def told(status: int, prepared: Prepared, receipt: Receipt | None) -> Answer:
    """What became of each record; of one that was sent again, what its receipt says."""
    refused = receipt.refused if receipt else prepared.refused
    findings = receipt.findings if receipt else prepared.findings
    facts: dict[str, Any] = {
        "receipt": receipt.receipt_id if receipt else None,
        "dataset": prepared.target.dataset,
        "accepted": receipt.records if receipt else 0,
        "quarantine": receipt.doubtful if receipt else 0,
        "refused": refused,
        "records": [
            {"record": number, "status": state, "reasons": reasons}
            for number, state, reasons in findings
        ],
    }
    if receipt is None:
        facts["error"] = f"no record is good: {refused:,} {REFUSED}"
        return Answer(status, msgspec.json.encode(facts))
    place = f"/v1/receipts/{receipt.receipt_id}".encode()
    return Answer(status, msgspec.json.encode(facts), ((b"location", place),))
