"""How a task ends that a person, or a later try, must help: one sentence, and no traceback."""

from __future__ import annotations

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

LONGEST_SENTENCE = 2000


class TaskEnded(SystemExit):
    """Ends a task with a sentence that says what is wrong and what to do; it may be tried again.

    Airflow logs a traceback for every exception but a SystemExit, of which it logs the code. The
    sentence itself is logged last, when the task has ended (see `listeners`).
    """

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(kind)
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


class NeedsPerson(TaskEnded):
    """Ends a task for good: a further try would end like this one."""


NO_RETRY_WITHOUT_PERSON = ExceptionRetryPolicy(
    rules=[RetryRule(exception=NeedsPerson, action=RetryAction.FAIL)]
)


def last_line(error: BaseException) -> str:
    """The line that the log of a failed task ends with."""
    if isinstance(error, TaskEnded):
        return error.sentence
    text = " ".join(str(error).split())[:LONGEST_SENTENCE]
    return (
        f"{type(error).__name__}, which was not expected: {text or 'no text'}; the lines above say"
        " where. Airflow tries again a few times; if it comes again, clear the task once the cause"
        " is gone"
    )
