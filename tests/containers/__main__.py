"""Runs the containers for real, the way README.md says: ``make containers-test``.

Needs root on Debian and podman; where no image registry is to be had, it makes stand-ins of the
official images first. Everything is made in one private folder and is gone afterwards, but for
the empty chains that podman's network leaves in the firewall.
"""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tests.containers import stand_ins
from tests.containers.compose import Compose
from tests.containers.podman import Podman, check_machine
from tests.containers.speech import Failed, say
from tests.containers.story import Story


def main() -> int:
    """Tell the story; return the exit code."""
    parser = argparse.ArgumentParser(prog="make containers-test", description=__doc__)
    parser.add_argument(
        "--bases",
        type=Path,
        metavar="FOLDER",
        help="keep the stand-ins' file systems here, and use them again",
    )
    parser.add_argument(
        "--official",
        action="store_true",
        help="pull the official images instead of making stand-ins",
    )
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    try:
        check_machine()
        with _private_podman() as podman:
            if not arguments.official:
                stand_ins.add(podman, arguments.bases or podman.folder / "bases")
            compose = Compose(podman)
            compose.prepare()
            Story(compose).tell()
    except Failed as failure:
        say(f"FAILED: {failure}")
        return 1
    say("everything held, and everything made is gone")
    return 0


@contextmanager
def _private_podman() -> Iterator[Podman]:
    # A short path: there are sockets below it.
    folder = Path(tempfile.mkdtemp(prefix="pay-", dir="/tmp"))
    podman = Podman(folder)
    try:
        yield podman
    finally:
        say("removing containers, volumes, networks, images and their folder")
        podman.remove_everything()
        shutil.rmtree(folder)


def _end(number: int, frame: FrameType | None) -> None:
    message = f"ended by {signal.Signals(number).name}"
    raise Failed(message)


if __name__ == "__main__":
    sys.exit(main())
