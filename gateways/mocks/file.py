"""One SQLite file, shared by threads and processes that may be killed or fork at any time."""

import fcntl
import os
import sqlite3
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

_BUSY_SECONDS = 10.0
_OPEN_TRIES = 50
_OPEN_WAIT_SECONDS = 0.1


class SharedFile:
    """The file, by one connection for each process, used by one thread at a time."""

    def __init__(self, path: str, schema: str) -> None:
        self._path = Path(path)
        self._schema = schema
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._turn = -1
        _files.add(self)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the file's write lock for the block; what it wrote stays, or nothing does."""
        with self._lock:
            if self._connection is None:
                self._connection = self._open()
            # SQLite's own wait for a lock is a sleep, ever longer; the kernel's is a queue.
            fcntl.flock(self._turn, fcntl.LOCK_EX)
            try:
                yield from _transaction(self._connection)
            finally:
                fcntl.flock(self._turn, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close this process's connection; the next use opens a new one."""
        with self._lock:
            self._drop()

    def before_fork(self) -> None:
        """Leave nothing open for a child to inherit, and let nobody open it."""
        self._lock.acquire()
        self._drop()

    def after_fork(self) -> None:
        """Let this process, parent or child, open a connection of its own."""
        self._lock.release()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            os.close(self._turn)

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        db.execute("PRAGMA synchronous = OFF")
        _turn_wal_on(db)
        db.executescript(f"BEGIN IMMEDIATE;{self._schema}COMMIT;")
        self._turn = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        return db


def _transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _turn_wal_on(db: sqlite3.Connection) -> None:
    for tries_left in reversed(range(_OPEN_TRIES)):
        try:
            # Unlike every other statement this one does not wait for other processes.
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if not tries_left:
                raise
            time.sleep(_OPEN_WAIT_SECONDS)
        else:
            return


# A forked child inherits SQLite's own list of locked files, and would then wait for locks that
# nobody holds. So no connection is open while a process forks.
_files: "weakref.WeakSet[SharedFile]" = weakref.WeakSet()
_forking: list[SharedFile] = []


def _before_fork() -> None:
    _forking[:] = sorted(_files, key=id)
    for file in _forking:
        file.before_fork()


def _after_fork() -> None:
    while _forking:
        _forking.pop().after_fork()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
