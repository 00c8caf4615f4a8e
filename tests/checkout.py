"""Which code is run, for pages that say what was found in it."""

import subprocess
from datetime import UTC, datetime

from tests.servers import ROOT


def code() -> str:
    """Return the day, and the commit that is checked out."""
    told = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(told, cwd=ROOT, capture_output=True, text=True, check=False)
    return f"{datetime.now(UTC):%Y-%m-%d}, code of {done.stdout.strip() or 'no commit'}"
