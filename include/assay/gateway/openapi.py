"""What GET /openapi.json says of the route that FastAPI does not see."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from assay.gateway.body import TYPES, Kind

EVENTS_PATH = "/v1/datasets/{name}/events"
RECORD = {"type": "object", "additionalProperties": True}
SCHEMAS: dict[Kind, dict[str, Any]] = {
    Kind.JSON: {"anyOf": [RECORD, {"type": "array", "items": RECORD, "minItems": 1}]},
    Kind.LINES: {"type": "string"},
    Kind.CSV: {"type": "string"},
}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}},
}
TAKEN = {
    "type": "object",
    "required": ["receipt", "dataset", "accepted", "quarantine", "refused", "records"],
    "properties": {
        "receipt": {"type": ["string", "null"], "description": "For GET /v1/receipts/{receipt}."},
        "dataset": {"type": "string"},
        "accepted": {"type": "integer", "description": "Records that are safe now."},
        "quarantine": {"type": "integer", "description": "Of these, such as will be quarantined."},
        "refused": {"type": "integer", "description": "Records that were not accepted: strict=1."},
        "records": {
            "type": "array",
            "description": "Records that are not good, by their number in the body; at most 100.",
            "items": {
                "type": "object",
                "required": ["record", "status", "reasons"],
                "properties": {
                    "record": {"type": "integer"},
                    "status": {"enum": ["quarantine", "refused"]},
                    "reasons": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
    },
}
REFUSALS = {
    400: "The body cannot be read.",
    401: "There is no good API key.",
    403: "The key is not for this dataset.",
    404: "There is no such dataset.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    415: "The dataset takes no such body.",
    422: "No record was accepted, or the Idempotency-Key was used with another body.",
    429: "The key has made too many requests, or too large ones at once; see Retry-After.",
    503: "The gateway is behind; see Retry-After.",
}
NO_RECEIPT = {404: "The producer has no such receipt.", 503: "The books cannot be read."}
RECEIPT_ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": (REFUSALS | NO_RECEIPT)[status],
        "content": {"application/json": {"schema": ERROR}},
    }
    for status in (401, 404, 429, 503)
}


def describe_api(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the gateway."""
    if app.openapi_schema is None:
        told = get_openapi(title=app.title, version=app.version, routes=app.routes)
        # FastAPI describes a check of the path that is ours, since the key is asked for first.
        told["components"] = {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}}
        receipts = told["paths"]["/v1/receipts/{receipt}"]["get"]
        del receipts["responses"]["422"]
        receipts["security"] = [{"key": []}]
        told["paths"][EVENTS_PATH] = {"post": _events()}
        app.openapi_schema = told
    return app.openapi_schema


def _events() -> dict[str, Any]:
    answers: dict[str, Any] = {
        str(status): {
            "description": text,
            "content": {"application/json": {"schema": ERROR}},
        }
        for status, text in REFUSALS.items()
    }
    answers["202"] = {
        "description": "The records are safe, and are brought in by the next batch or by a stream.",
        "content": {"application/json": {"schema": TAKEN}},
    }
    return {
        "summary": "Post records of a dataset",
        "operationId": "post_events",
        "security": [{"key": []}],
        "parameters": [
            {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}},
            {
                "name": "strict",
                "in": "query",
                "schema": {"enum": ["0", "1", "true", "false"]},
                "description": "Refuse the records that would be quarantined.",
            },
            {
                "name": "Idempotency-Key",
                "in": "header",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200},
                "description": (
                    "A request that is sent again with it has one receipt. A topic may have the"
                    " records of one that was not answered twice; the stream makes one row of them."
                ),
            },
            {"name": "Content-Encoding", "in": "header", "schema": {"enum": ["gzip", "identity"]}},
        ],
        "requestBody": {
            "required": True,
            "content": {name: {"schema": SCHEMAS[kind]} for name, kind in TYPES.items()},
        },
        "responses": answers,
    }
