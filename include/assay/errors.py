"""Every error that Assay raises on purpose.

AssayError
├── SettingsError        a setting or param cannot be used
├── ContractError        a contract file contradicts itself or the rules
├── StackError           the embedded stack cannot start, stop or be found
├── ObjectStoreError     an object store cannot be reached, or refuses what it is asked
├── KafkaUnavailableError  no broker answers, or it refuses our login
│   └── TopicMissingError  brokers answer, and nobody has made the topic yet
├── GatewayRefusedError  the HTTP gateway does not answer, or refuses events that we send
├── SampleError          sample files do not decide what a contract has to say
├── FileRejectedError    a landing file cannot be taken; carries the reason
├── BatchError           a batch is not in a state that allows what was asked
│   └── StaleBaseError   silver or gold has moved since the batch was built
├── RequestRefusedError  the gateway does not take a request; carries the status of its answer
├── GateFailedError      an expectation stopped the batch
├── StagingError         Postgres would not take a row of the batch; nothing was committed
├── StagingLostError     what was staged is no longer there; it is staged again
├── FencedError          a newer attempt has taken over; this one changed nothing
├── StreamGapError       records of Kafka are gone before a stream has recorded them
├── ExportError          a table or release cannot be exported
└── ReconciliationError  an equation of the row ledger or of the sums does not hold
"""

from __future__ import annotations


class AssayError(Exception):
    """Base of all errors whose text is meant for the person who runs the pipeline."""


class SettingsError(AssayError):
    """A setting or a param cannot be used; the text names it."""


class ContractError(AssayError):
    """A contract file contradicts itself or the rules; the text names file and key."""


class StackError(AssayError):
    """The embedded stack cannot do what was asked; the text names the remedy."""


class ObjectStoreError(AssayError):
    """An object store cannot be reached or refuses; the text names address and remedy."""


class KafkaUnavailableError(AssayError):
    """No broker answers, or it refuses us; the text names its address, the cause and the remedy."""


class TopicMissingError(KafkaUnavailableError):
    """Brokers answer, and have no topic of that name yet; the text names it and the remedy."""


class GatewayRefusedError(AssayError):
    """The HTTP gateway does not take events that we send; the text names address and answer."""


class SampleError(AssayError):
    """Sample files do not decide what a contract has to say; the text names what does."""


class FileRejectedError(AssayError):
    """A landing file cannot be taken; the text is the reason that is recorded."""


class BatchError(AssayError):
    """The batch is not in a state that allows what was asked; the text names the way out."""


class StaleBaseError(BatchError):
    """A table has moved since the batch was built on it; nothing was written."""


class RequestRefusedError(AssayError):
    """The gateway does not take a request; the text is for its sender.

    `status` is that of HTTP, `retry_after` are seconds until it may be sent again, as it is.
    """

    def __init__(self, status: int, text: str, *, retry_after: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after


class GateFailedError(AssayError):
    """At least one expectation of severity `fail` was not met."""


class StagingError(AssayError):
    """Postgres would not take a row of the batch; the text names file, record and reason."""


class StagingLostError(AssayError):
    """A staging table does not hold what was copied into it: Postgres has crashed since."""


class FencedError(AssayError):
    """A newer attempt holds the lease; this attempt changed nothing."""


class StreamGapError(AssayError):
    """Kafka no longer has records that the stream has not recorded; the text names which."""


class ExportError(AssayError):
    """A table or release cannot be exported; the text says which can, or what to do."""


class ReconciliationError(AssayError):
    """An equation of the row ledger, or of the sums, does not hold; the text names it."""
