"""Whether one process of ours does its work: ``python -m config.probe web`` (or another name).

For a container's health check. It asks every few seconds, so it imports nothing but the standard
library: starting a Django each time would cost more than the work of an idle process.

Web is asked for /readyz. Dispatcher and worker do not listen; they touch HEARTBEAT_FILE each time
they get through their loop: the dispatcher only when the database answered, the worker as long as
the broker can give it jobs. So a process that hangs is found, and one that merely exists is not
taken for healthy.
"""

import http.client
import os
import sys
import time
from pathlib import Path

# Both touch the file every two seconds or faster; half a minute of a slow database is not death.
BEAT_AGE_SECONDS_MAX = 30.0
WEB_SECONDS = 3.0
NAMES = ("web", "dispatcher", "worker")


def main(name: str) -> int:
    """Print what was found; return 0 if it is well."""
    wrong = _ask_web() if name == "web" else _ask_heart()
    print(wrong or "ok")  # noqa: T201 - the runtime keeps it for who asks why
    return 1 if wrong else 0


def _ask_web() -> str:
    port = int(os.environ.get("PORT") or "8005")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WEB_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        text = answer.read(500).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {error}"
    finally:
        connection.close()
    return "" if answer.status == http.client.OK else f"{answer.status} {text}"


def _ask_heart() -> str:
    file = os.environ.get("HEARTBEAT_FILE", "")
    try:
        age = time.time() - Path(file).stat().st_mtime
    except OSError as error:
        return f"no heartbeat: {error.strerror}"
    return "" if age <= BEAT_AGE_SECONDS_MAX else f"no heartbeat for {age:.0f} s"


if __name__ == "__main__":
    if sys.argv[1:] not in [[name] for name in NAMES]:
        sys.exit(f"usage: python -m config.probe {'|'.join(NAMES)}")
    sys.exit(main(sys.argv[1]))
