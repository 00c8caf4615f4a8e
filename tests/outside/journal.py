"""The merchants' journal: what was asked and what was answered, on disk before anybody goes on.

One JSON object a line. A line that a kill cut in half is the last one, and is not read.
"""

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

ASK, ANSWER, SILENCE, FAULT = "ask", "answer", "silence", "fault"


class Journal:
    """Appends lines that survive whoever wrote them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._file = path.open("ab", buffering=0)

    def ask(self, *, merchant: str, path: str, key: str, body: Mapping[str, Any]) -> str:
        """Write down a request before it is sent; return its number."""
        request = uuid4().hex
        self._write(ASK, request=request, merchant=merchant, path=path, key=key, body=body)
        return request

    def answer(self, request: str, status: int, body: str, *, replayed: bool) -> None:
        """Write down what came back, to the letter."""
        self._write(ANSWER, request=request, status=status, body=body, replayed=replayed)

    def silence(self, request: str, why: str) -> None:
        """Write down that nothing came back."""
        self._write(SILENCE, request=request, why=why)

    def fault(self, what: str, begun: float, ended: float, *, excuses: bool) -> None:
        """Write down a fault; one that excuses may have cost somebody an answer."""
        self._write(FAULT, fault=what, begun=begun, ended=ended, excuses=excuses)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, what: str, **members: Any) -> None:
        line = json.dumps({"what": what, "at": time.time(), **members}) + "\n"
        with self._lock:
            self._file.write(line.encode())
            os.fdatasync(self._file.fileno())


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read a journal's lines."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)
