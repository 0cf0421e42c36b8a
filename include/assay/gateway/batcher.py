"""Collects requests while a group is committed, so that one fsync answers all of them."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from assay.errors import RequestRefusedError
from assay.events.event import Progress
from assay.events.sinks import emit
from assay.gateway.commit import FAULT_RETRY, Commit, Result
from assay.gateway.records import Posted
from assay.ledger.receipts import Receipt

LINGER = 0.003  # seconds that a group is open once something is in it
MOST_IN_GROUP = 5_000
RECOVER_SECONDS = 5.0  # between two looks whether what was in the way is gone


@dataclass
class Waiting:
    """A request that waits for its group."""

    posted: Posted
    answer: asyncio.Future[Receipt]


class Batcher:
    """The queue between the requests and the one thread that commits groups."""

    def __init__(self, commit: Commit) -> None:
        self.commit = commit
        self.queue: list[Waiting] = []
        self.under_way: dict[tuple[str, str, str], Waiting] = {}
        self.wake = asyncio.Event()
        self.stopping = False
        self.trouble = ""
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Complete what an earlier gateway has left, and begin. Raises StackError."""
        await asyncio.get_running_loop().run_in_executor(self.thread, self.commit.open)
        self.trouble = self.commit.way.trouble
        self.task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Commit what is in the queue, and end."""
        self.stopping = True
        self.wake.set()
        if self.task is not None:
            await self.task
        self.thread.submit(self.commit.close)
        self.thread.shutdown()

    async def submit(self, posted: Posted) -> Receipt:
        """The receipt of a request, once its records are safe.

        A request that is sent again while its first is under way waits for the same receipt. Raises
        RequestRefusedError. Who gives up waiting takes nothing back.
        """
        before = self.under_way.get(posted.known_by) if posted.idempotency_key else None
        if before is not None:
            if before.posted.body_sha256 != posted.body_sha256:
                raise RequestRefusedError(
                    422, f"Idempotency-Key {posted.idempotency_key!r} was used with another body"
                )
            return await asyncio.shield(before.answer)
        waiting = Waiting(posted, asyncio.get_running_loop().create_future())
        waiting.answer.add_done_callback(_seen)
        if posted.idempotency_key:
            self.under_way[posted.known_by] = waiting
        self.queue.append(waiting)
        self.wake.set()
        return await asyncio.shield(waiting.answer)

    async def _run(self) -> None:
        while not (self.stopping and not self.queue):
            if not await self._is_woken():
                await self._recover()
                continue
            self.wake.clear()
            if not self.stopping:
                await asyncio.sleep(LINGER)
            group, self.queue = self.queue[:MOST_IN_GROUP], self.queue[MOST_IN_GROUP:]
            if self.queue:
                self.wake.set()
            if group:
                await self._commit(group)

    async def _is_woken(self) -> bool:
        """Wait for requests: with trouble not for long, since there may be none for hours."""
        try:
            async with asyncio.timeout(RECOVER_SECONDS if self.trouble else None):
                await self.wake.wait()
        except TimeoutError:
            return False
        return True

    async def _recover(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self.trouble = await loop.run_in_executor(self.thread, self.commit.recover)
        except Exception as error:  # noqa: BLE001 (it has to go on for all who come after)
            self.trouble = _fault(error)

    async def _commit(self, group: Sequence[Waiting]) -> None:
        posted = [waiting.posted for waiting in group]
        loop = asyncio.get_running_loop()
        try:
            results = await loop.run_in_executor(self.thread, self.commit.commit, posted)
            told = [str(each) for each in results if is_trouble(each)]
            self.trouble = next(iter(told), self.commit.way.trouble)
        except RequestRefusedError as error:
            self.trouble = str(error)
            results = [
                RequestRefusedError(error.status, str(error), retry_after=error.retry_after)
                for _ in group
            ]
        except Exception as error:  # noqa: BLE001 (it has to go on for all who come after)
            self.trouble = _fault(error)
            results = [RequestRefusedError(500, "the gateway has a fault") for _ in group]
        finally:
            for waiting in group:
                self.under_way.pop(waiting.posted.known_by, None)
        for waiting, result in zip(group, results, strict=True):
            if isinstance(result, Receipt):
                waiting.answer.set_result(result)
            else:
                waiting.answer.set_exception(result)


def is_trouble(result: Result) -> bool:
    """Whether it is the gateway that is to blame, not the request, nor the topic of a dataset."""
    if not isinstance(result, RequestRefusedError):
        return False
    return result.status == 503 and result.retry_after != FAULT_RETRY


def _fault(error: Exception) -> str:
    emit(Progress("".join(traceback.format_exception(error))))
    return f"{type(error).__name__}: {error}"


def _seen(answer: asyncio.Future[Receipt]) -> None:
    """Nobody may be waiting any more; then its error is nobody's."""
    if not answer.cancelled():
        answer.exception()
