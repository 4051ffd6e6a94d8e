"""A function applied to many documents at once, by threads or by processes."""

from __future__ import annotations

import os
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from functools import partial
from itertools import islice
from typing import Any, Protocol, TypeVar

from thalweg.docs.batching import batched
from thalweg.docs.doc_list import DocList
from thalweg.docs.doc_vec import DocVec
from thalweg.docs.progress import tracked

T = TypeVar("T")
R = TypeVar("R")
A = TypeVar("A", bound="DocList[Any] | DocVec[Any]")

_CHUNK = 16
"""Documents that a process is handed at once at most: a trip to another process takes about as long as ten pickles."""


def map_docs(
    docs: Iterable[T],
    func: Callable[[T], R],
    backend: str = "thread",
    num_worker: int | None = None,
    pool: Any = None,
    show_progress: bool = False,
) -> Iterator[R]:
    """What `func` makes of each document, in order, worked on at once by several threads or processes.

    Documents are taken only as fast as results are: a generator of any length may be given. Where `func` raises, its
    exception comes up in the place of the result, and what is not under way by then is not begun.

    Args:
        docs: documents; of a DocVec, views that write to its columns.
        func: takes a document and returns one, or anything else. For processes it has to be found by its name in a module:
            lambdas and functions inside of others are not. They get copies: what they change comes back only in what
            they return.
        backend: "thread", for work that waits or that releases the interpreter (reading files, NumPy, torch), or
            "process", for work in Python itself. Processes are started as `multiprocessing` is set up to; where that is
            "spawn" or "forkserver", a script needs `if __name__ == "__main__":`.
        num_worker: how many; None is one for each processor this program may use.
        pool: a pool to use in place of a new one: of `multiprocessing` or an executor of `concurrent.futures`; it is left
            open.
        show_progress: whether to show a bar.

    Raises:
        ValueError: another backend, less than one worker, or a function that processes cannot find.
    """
    workers = _Workers(func, backend, num_worker, pool)
    total = len(docs) if isinstance(docs, Sized) else None
    return tracked(workers.results(docs, total), "Mapping", show_progress, total)


def map_docs_batched(
    docs: A,
    func: Callable[[A], R],
    batch_size: int,
    backend: str = "thread",
    num_worker: int | None = None,
    shuffle: bool = False,
    pool: Any = None,
    show_progress: bool = False,
) -> Iterator[R]:
    """What `func` makes of each batch of documents, in order; see `map_docs`.

    Args:
        docs: a DocList or a DocVec. Batches are of the same class, the last may be shorter.
        func: takes a batch and returns one, or anything else.
        batch_size: documents in a batch.
        backend: "thread" or "process".
        num_worker: how many threads or processes.
        shuffle: whether the documents are put into random order first.
        pool: a pool to use in place of a new one.
        show_progress: whether to show a bar.

    Raises:
        ValueError: `batch_size` is less than one, or what `map_docs` raises it for.
    """
    workers = _Workers(func, backend, num_worker, pool)
    parts = batched(docs, batch_size, shuffle)
    total = -(-len(docs) // batch_size)
    return tracked(workers.results(parts, total), "Mapping batches", show_progress, total)


class _Future(Protocol):
    def result(self) -> Any: ...


class _Pending:
    """A result of a pool of `multiprocessing`, as `concurrent.futures` has it."""

    def __init__(self, pending: Any) -> None:
        self._pending = pending

    def result(self) -> Any:
        return self._pending.get()


class _Workers:
    """Threads or processes, and the function that they run."""

    def __init__(self, func: Callable[[Any], Any], backend: str, count: int | None, pool: Any) -> None:
        if backend not in ("thread", "process"):
            raise ValueError(f"there are the backends 'thread' and 'process', not {backend!r}")
        if count is not None and count < 1:
            raise ValueError(f"there is at least one worker, but num_worker is {count}")
        self._func = func
        self._count = count or _processors()
        self._pool = pool
        self._own = pool is None
        self._processes = backend == "process" if pool is None else _has_processes(pool)
        if self._processes:
            _check_name(func)

    def results(self, items: Iterable[Any], total: int | None) -> Iterator[Any]:
        from concurrent.futures import BrokenExecutor

        pool = self._made() if self._own else self._pool
        submit = _submitter(pool)
        try:
            if self._processes:
                size = _CHUNK if total is None else max(1, min(_CHUNK, total // (4 * self._count)))
                for done, error in self._ordered(partial(submit, _each, self._func), _chunks(items, size)):
                    yield from done
                    if error is not None:
                        raise error
            else:
                yield from self._ordered(partial(submit, self._func), items)
        except BrokenExecutor as error:
            error.add_note(
                "A process ended by itself. A script that starts processes needs: if __name__ == '__main__':"
            )
            raise
        finally:
            if self._own:
                pool.shutdown(wait=True, cancel_futures=True)

    def _ordered(self, submit: Callable[[Any], _Future], items: Iterable[Any]) -> Iterator[Any]:
        """The results in order; at most twice as many are under way as there are workers."""
        waiting = iter(items)
        pending = deque(map(submit, islice(waiting, 2 * self._count)))
        while pending:
            result = pending.popleft().result()
            pending.extend(map(submit, islice(waiting, 1)))
            yield result

    def _made(self) -> Any:
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

        if self._processes:
            return ProcessPoolExecutor(self._count)
        return ThreadPoolExecutor(self._count, thread_name_prefix="map_docs")


def _each(func: Callable[[Any], Any], items: list[Any]) -> tuple[list[Any], Exception | None]:
    """In another process: the results up to the first exception, and this one."""
    done: list[Any] = []
    for item in items:
        try:
            done.append(func(item))
        except Exception as error:
            return done, error
    return done, None


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    waiting = iter(items)
    while chunk := list(islice(waiting, size)):
        yield chunk


def _submitter(pool: Any) -> Callable[..., _Future]:
    if hasattr(pool, "submit"):
        submit: Callable[..., _Future] = pool.submit
        return submit
    if not hasattr(pool, "apply_async"):
        raise ValueError(f"a pool has 'submit' or 'apply_async', but {type(pool).__name__} has neither")
    return lambda func, *args: _Pending(pool.apply_async(func, args))


def _has_processes(pool: Any) -> bool:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.pool import Pool, ThreadPool

    return isinstance(pool, (Pool, ProcessPoolExecutor)) and not isinstance(pool, ThreadPool)


def _check_name(func: Callable[[Any], Any]) -> None:
    try:
        pickle.dumps(func)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        name = getattr(func, "__qualname__", repr(func))
        raise ValueError(
            f"processes cannot find {name}: define it with a name at the top of a module, or use the backend 'thread'"
        ) from error


def _processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
