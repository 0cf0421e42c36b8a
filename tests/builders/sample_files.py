"""Sample files in the shapes of exports that people have, for proposals of datasets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

RECORDS = 240
START = datetime(2026, 1, 5, tzinfo=UTC)
CITIES = ("K\u00f6ln \u20ac", "M\u00fcnchen", "B\u00f8rkop")


def european_csv(folder: Path) -> Path:
    """Semicolons, decimal commas, days first, in cp1252; `k. A.` where there is no amount."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=";")
    writer.writerow(["Kunden-Nr", "Betrag (EUR)", "Datum", "bezahlt", "Ort", "E-Mail"])
    for n in range(RECORDS):
        writer.writerow(
            [
                f"{n:05}",
                "k. A." if n % 40 == 7 else european(Decimal(n * 37_123 % 900_000) / 100),
                f"{1 + n % 28:02}/{1 + n % 12:02}/2026",
                "Ja" if n % 3 else "Nein",
                CITIES[n % 3],
                f"kunde{n}@example.org",
            ]
        )
    return _write(folder / "kunden.csv", file.getvalue().encode("cp1252"))


def european(amount: Decimal) -> str:
    """1234.5 as 1.234,50."""
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


def nested_json(folder: Path) -> Path:
    """Quotes with an object in each, of which one is null; some prices are floats with noise."""
    records = [
        {
            "stockId": 9000 + n % 40,
            "price": 100.25 + n if n % 120 else 0.1 + 0.2,
            "volume": n % 150 * 10_000,
            "timestamp": (START + timedelta(seconds=n)).strftime("%Y-%m-%dT%H:%M:%S"),
            "details": {"exchange": "NYSE" if n % 2 else "XETR", "order": n} if n != 5 else None,
        }
        for n in range(RECORDS)
    ]
    return _write(folder / "quotes.jsonl", "".join(json.dumps(r) + "\n" for r in records).encode())


def pandas_parquet(folder: Path) -> Path:
    """As pandas writes it: whole numbers with a gap are floats, and no amount is NaN."""
    numbers = range(RECORDS)
    table = pa.table(
        {
            "return_id": [f"rr-{n:04}" for n in numbers],
            "qty": pa.array([None if n == 3 else float(n % 5) for n in numbers], pa.float64()),
            "amount": pa.array([float("nan") if n == 4 else n / 100 for n in numbers]),
            "return_date": pa.array([(START + timedelta(days=n)).date() for n in numbers]),
            "ingest_ts": pa.array([START + timedelta(hours=n) for n in numbers]),
            "tags": pa.array([[str(n)] for n in numbers]),
        }
    )
    path = folder / "returns.parquet"
    pq.write_table(
        table, path, coerce_timestamps="us", store_schema=False, allow_truncated_timestamps=True
    )
    return path


def clickstream_csv(folder: Path) -> Path:
    """In the shape of REES46: no column, nor any three of them, tells its events apart."""
    lines = ["event_time,event_type,product_id,category_id,category_code,brand,price,user_id"]
    for n in range(RECORDS):
        second = START + timedelta(seconds=n // 8)
        kind = ("view", "cart", "purchase", "view")[n % 4]
        row = [f"{second:%Y-%m-%d %H:%M:%S} UTC", kind, 1_004_000 + n // 8 % 5]
        row += [2_053_013_555_631_882_655, "electronics" if n % 3 else "", "", f"{n % 7}.99"]
        lines.append(",".join(map(str, [*row, 541_300_000 + n // 8 % 3])))
    return _write(folder / "2026-Jan.csv", "\n".join(lines).encode())


def plain_csv(folder: Path, change: Callable[[int], list[object]], header: str) -> Path:
    """Records that a test makes, one for each number."""
    lines = [header, *(",".join(map(str, change(n))) for n in range(RECORDS))]
    return _write(folder / "plain.csv", "\n".join(lines).encode())


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
