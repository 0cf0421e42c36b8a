"""The forms of the DAGs batch_actions and release_rollback, as JSON schemas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assay.ledger.actions import ACTIONS
from assay.param_schemas import REASON_LENGTH

ROLLBACK_PARAMS: dict[str, dict[str, Any]] = {
    "to_release": {
        "type": ["null", "integer"],
        "minimum": 1,
        "default": None,
        "title": "Back to release",
        "description": "The number of the release that readers shall see again.",
    },
    "batch": {
        "type": ["null", "string"],
        "minLength": 1,
        "maxLength": 200,
        "default": None,
        "title": "Or undo the batch",
        "description": "The newest batch of its pipeline; it may be committed and not released.",
    },
    "give_back_files": {
        "type": "boolean",
        "default": False,
        "title": "Give the files back",
        "description": "The files of the batches are pending again; else they are archived.",
    },
    "why": {
        "type": "string",
        "minLength": REASON_LENGTH[0],
        "maxLength": REASON_LENGTH[1],
        "title": "Reason",
        "description": "Why, for the books; 3 to 200 characters.",
    },
}


def action_params(pipelines: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The fields of the form, in its order; what depends on the books is checked by the run."""
    return {
        "action": {
            "type": "string",
            "enum": [*ACTIONS],
            "default": "retry",
            "title": "Action",
            "description": (
                "retry goes on with the batch from the first task that it needs; reject-file goes"
                " on without one file; abandon gives all its files back to landing."
            ),
        },
        "pipeline": {
            "type": ["null", "string"],
            "enum": [None, *pipelines],
            "default": None,
            "title": "Pipeline",
            "description": "Its only open batch is meant, when no batch is named.",
        },
        "batch": {
            "type": ["null", "string"],
            "minLength": 1,
            "maxLength": 200,
            "default": None,
            "title": "Batch",
            "description": "As the note of the red run names it; one that is wrong lists the open.",
        },
        "file": {
            "type": ["null", "string"],
            "minLength": 1,
            "maxLength": 1000,
            "default": None,
            "title": "File",
            "description": (
                "For reject-file: its name, or the beginning of its sha256; one that is wrong"
                " lists the files of the batch."
            ),
        },
        "reason": {
            "type": "string",
            "minLength": REASON_LENGTH[0],
            "maxLength": REASON_LENGTH[1],
            "title": "Reason",
            "description": "Why, for the books; 3 to 200 characters.",
        },
    }
