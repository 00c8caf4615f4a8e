"""SQLite files for tests, as `manage.py` makes them, and processes that work on them."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from config.stack.roles import Role, Roles
from tests import servers
from tests.crash.stack import Stack
from tests.servers import ROOT

NOBODY = Role("nobody", "")


def url(file: Path | str) -> str:
    return f"sqlite:///{file}"


def manage(file: Path | str, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of manage.py on a file."""
    said = {"DATABASE_URL": url(file), "DEBUG": "1", "DJANGO_SETTINGS_MODULE": "config.settings"}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **said, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Files:
    """A migrated file and copies of it, in the place of databases on a server."""

    roles = Roles(NOBODY, NOBODY, NOBODY)

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "template.sqlite3"
        self._copies = 0
        done = manage(self._template, "migrate", "--verbosity=0")
        assert done.returncode == 0, done.stderr

    def fresh(self) -> str:
        """Return the path of a new copy."""
        self._copies += 1
        return shutil.copy(self._template, f"{self._folder}/{self._copies}.sqlite3")

    def env(self, database: str) -> dict[str, str]:
        return {"DATABASE_URL": url(database), "DEBUG": "1"}

    def drop(self, database: str) -> None:
        """Leave the file to the folder's end."""


class OnSqlite(Stack):
    """The project's processes on a file."""

    def __init__(self, folder: Path, files: Files, **env: str) -> None:
        super().__init__(folder, cast("servers.TestDatabases", files), **env)

    def rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """Ask the file."""
        with closing(sqlite3.connect(self.database, timeout=10)) as connection:
            return connection.execute(sql, params).fetchall()
