"""Ids sort by the time they were made, in every form they are made in."""

import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from uuid import RFC_4122, UUID

from core import ids
from core.ids import uuid7, uuid7_text

ROOT = Path(__file__).resolve().parents[2]
FORKED = """
import os, sys
from core.ids import uuid7_text
uuid7_text()
sys.stdout.flush()
if os.fork() == 0:
    os.write(1, (uuid7_text() + "\\n").encode())
    os._exit(0)
os.wait()
os.write(1, (uuid7_text() + "\\n").encode())
"""


def test_each_id_is_greater_than_the_last_in_either_form() -> None:
    made = [uuid7_text() if number % 2 else str(uuid7()) for number in range(3000)]

    assert made == sorted(set(made))


def test_an_id_as_text_is_the_text_of_a_version_7_id() -> None:
    for _ in range(1000):
        text = uuid7_text()
        found = UUID(text)
        assert str(found) == text
        assert (found.version, found.variant) == (7, RFC_4122)


def test_an_id_begins_with_the_milliseconds_of_now(monkeypatch) -> None:
    # 2100-01-01, so that it is later than any id this process has made.
    monkeypatch.setattr(time, "time_ns", lambda: 4_102_444_800_123 * 1_000_000)
    monkeypatch.setattr(ids, "_last", 0)

    assert uuid7().int >> 80 == 4_102_444_800_123
    assert int(uuid7_text().replace("-", ""), 16) >> 80 == 4_102_444_800_123


def test_threads_never_make_the_same_id() -> None:
    made: list[str] = []

    def make() -> None:
        made.extend([uuid7_text() for _ in range(5000)])

    threads = [Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(made)) == 20_000
    assert len({text[19:] for text in made}) == 20_000


def test_a_forked_process_has_random_numbers_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED], cwd=ROOT, capture_output=True, text=True, check=True
    )

    child, parent = done.stdout.split()
    assert child[19:] != parent[19:]
