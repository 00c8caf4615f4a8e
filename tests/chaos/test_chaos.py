"""The short form of `make chaos`: everything it has, for a minute and a half."""

import os
import re
import subprocess
import sys

from tests.servers import ROOT

SEED = 20_260
SECONDS = 90
LIMIT_SECONDS = 420
LAST_LINE = re.compile(
    r"CHAOS seed=\d+ payments=(?P<payments>\d+) kills=(?P<kills>\d+) duplicates=0 lost=0"
    r" unbalanced=0 stuck=0 stale=\d+ fenced=\d+ settle_p99_s=[\d.]+"
)


def test_everything_that_was_promised_happens_once_whatever_dies():
    command = [sys.executable, "-m", "tests.chaos", "--seed", str(SEED), "--duration", str(SECONDS)]
    # The run is not this test's: it has servers and settings of its own.
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}

    done = subprocess.run(
        command,
        cwd=ROOT,
        env=inherited,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
    found = LAST_LINE.fullmatch(done.stdout.splitlines()[-1])
    assert found
    assert int(found["payments"]) > 300
    assert int(found["kills"]) > 20
