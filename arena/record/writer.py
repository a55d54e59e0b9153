"""One thread writes, and many votes share one commit.

Every job runs in its own savepoint, so that a refused vote does not take its neighbours along, and
a caller hears of success only after the commit has returned. SQLite's own waiting is not fair: with
many writing connections single votes wait for seconds. This file knows no tables.
"""

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar, cast

from sqlalchemy import Connection, Engine

from arena.errors import StoreError

Result = TypeVar("Result")
Job = Callable[[Connection], Result]
_Queued = tuple[Job[Any], "Future[Any]"]

MAX_BATCH: Final = 256  # jobs that share a commit
MAX_WAITING: Final = 10_000  # jobs in the queue; beyond that the caller is told at once
CLOSE_S: Final = 10.0  # how long closing waits for the jobs already taken


class Writer:
    """A queue of jobs and the thread that runs them, in order, on one connection."""

    def __init__(self, engine: Engine, before_batch: Callable[[], None]) -> None:
        self._engine = engine
        self._before_batch = before_batch
        self._jobs: queue.Queue[_Queued | None] = queue.Queue(MAX_WAITING)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="vote-writer", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether jobs are taken and run."""
        return not self._closed and self._thread.is_alive()

    def submit(self, job: Job[Result]) -> "Future[Result]":
        """Queue a job; the future is done once its batch is on the disk.

        Raises
        ------
        StoreError
            If the writer is closed or its queue is full.
        """
        if not self.alive:
            raise StoreError("The database is closed.")
        future: Future[Result] = Future()
        try:
            self._jobs.put_nowait((job, future))
        except queue.Full:
            raise StoreError(f"{MAX_WAITING} writes are waiting already; try again.") from None
        return future

    def close(self) -> None:
        """Finish what was queued and stop."""
        self._closed = True
        self._jobs.put(None)
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            batch, last = self._gather(first)
            self._write(batch)
            if last:
                return

    def _gather(self, first: _Queued) -> tuple[list[_Queued], bool]:
        batch = [first]
        while len(batch) < MAX_BATCH:
            try:
                queued = self._jobs.get_nowait()
            except queue.Empty:
                break
            if queued is None:
                return batch, True
            batch.append(queued)
        return batch, False

    def _write(self, batch: list[_Queued]) -> None:
        outcomes: list[tuple[Future[Any], Any, Exception | None]] = []
        # From here on a caller who gives up cannot take a job back: it is done, and once.
        batch = [(job, future) for job, future in batch if future.set_running_or_notify_cancel()]
        try:
            self._before_batch()
            with self._engine.begin() as connection:
                for job, future in batch:
                    outcomes.append((future, *_run_job(job, connection)))
        except Exception as error:  # noqa: BLE001 - each caller gets it through its future
            for _, future in batch:
                future.set_exception(error)
            return
        for future, result, refusal in outcomes:
            if refusal is None:
                future.set_result(result)
            else:
                future.set_exception(refusal)


def _run_job(job: Job[Any], connection: Connection) -> tuple[Any, Exception | None]:
    # To the driver itself: two statements for each job, and the layer above it takes longer.
    driver = cast("sqlite3.Connection", connection.connection.driver_connection)
    driver.execute("SAVEPOINT job")
    try:
        result = job(connection)
    except Exception as error:  # noqa: BLE001 - the caller gets it through its future
        try:
            driver.execute("ROLLBACK TO job")
            driver.execute("RELEASE job")
        except sqlite3.Error:
            # A full disk ends the whole transaction, so the whole batch fails for that reason.
            raise error from None
        return None, error
    driver.execute("RELEASE job")
    return result, None
