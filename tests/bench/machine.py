"""What a figure was measured on."""

import os
import platform
import shlex
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psutil

from tests import servers
from tests.bench.ground import Ground

GIB = 2**30
# The settings that decide how careful with data the server is.
_CAREFUL = ("fsync", "synchronous_commit", "full_page_writes")


def circumstances(ground: Ground, arguments: list[str]) -> dict[str, Any]:
    """Return when, where and how a figure was measured."""
    return {
        "command": command(arguments),
        "quick": ground.quick,
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": _machine(ground),
    }


def command(arguments: list[str]) -> str:
    """Return what a person types for these arguments."""
    return f'make bench ARGS="{shlex.join(arguments)}"' if arguments else "make bench"


def _machine(ground: Ground) -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = psutil.virtual_memory().total / GIB
    parts = [f"{cores} cores", f"{memory:.0f} GiB", f"{platform.system()} {platform.machine()}"]
    return ", ".join([*parts, f"Python {platform.python_version()}", _database(ground)])


def _database(ground: Ground) -> str:
    with (
        closing(servers.connect(ground.databases.admin_url)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SHOW server_version")
        (version,) = cursor.fetchone() or ("",)
        careful = []
        for name in _CAREFUL:
            cursor.execute(f"SHOW {name}")
            careful += [f"{name} {value}" for (value,) in cursor.fetchall()]
    return f"PostgreSQL {version} ({', '.join(careful)})"
