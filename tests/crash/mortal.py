"""A PostgreSQL that may be killed in the middle of anything."""

import signal
from pathlib import Path

from config.stack import processes
from tests import servers

STOP_SECONDS = 20


class Mortal(servers.TestDatabases):
    """A server of its own, which loses nothing that it has acknowledged when it is killed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        assert self._cluster is not None
        self._cluster.settings = {**servers.FAST, "synchronous_commit": "on"}

    @property
    def port(self) -> int:
        """Return the port that it listens on, in this life and the next."""
        assert self._cluster is not None
        return self._cluster.port

    def crash(self) -> None:
        """Kill it, and start it again."""
        assert self._cluster is not None
        assert self._process is not None
        processes.kill_tree(self._process)
        self._begin_anew()

    def stop_at_once(self) -> None:
        """Have it leave everything as it lies, which is its immediate shutdown; start it again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(STOP_SECONDS)
        self._begin_anew()

    def _begin_anew(self) -> None:
        assert self._cluster is not None
        program = self._cluster.program()
        self._process = processes.start(program, self.folder / "postgres.log")
        self._cluster.wait_ready(self._process)
