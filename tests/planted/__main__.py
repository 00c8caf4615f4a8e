"""``make planted``: plant one mistake after the other in a copy, and see that each is found."""

import argparse
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from config.stack.speech import show
from tests.planted import page
from tests.planted.catalogue import MISTAKES
from tests.planted.finding import Found, look
from tests.planted.planting import Mistake, Moved
from tests.servers import ROOT

KEPT = ROOT / ".local" / "planted.json"
LINES_SHOWN = 15


def main() -> int:
    """Look for the mistakes that were asked for; return 1 if any is missed, or has no place."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = [one for one in MISTAKES if not asked.only or any(p in one.name for p in asked.only)]
    if not chosen:
        show("there is no such mistake")
        return 1
    known = page.kept(KEPT) if asked.resume else {}
    found = _look_for([one for one in chosen if one.name not in known], asked)
    if not asked.sound:
        known |= {one.name: one for one in found}
        page.keep(KEPT, known)
        if asked.into:
            page.write(asked.into, MISTAKES, known)
    bad = [one for one in found if bool(one.by) == asked.sound]
    show(f"{len(found) - len(bad)} of {len(found)} as they should be")
    return 1 if bad else 0


def _arguments() -> argparse.Namespace:
    listed = "\n".join(f"  {one.name:<34} {one.about}" for one in MISTAKES)
    parser = argparse.ArgumentParser(
        prog="make planted",
        usage='make planted ARGS="[--only NAME] [--jobs N] [--resume] [--sound] …"',
        description=f"{__doc__}\n\nmistakes:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", action="append", default=[], metavar="NAME",
        help="only mistakes whose name has this in it; may be given again")  # fmt: skip
    add("--jobs", type=int, default=1, metavar="N", help="how many side by side (1)")
    add("--sound", action="store_true", help="plant nothing: then nothing may be found")
    add("--resume", action="store_true", help="leave out what an earlier run has looked for")
    add("--into", type=Path, metavar="FOLDER",
        help="where the page goes (docs after a whole run, else nowhere)")  # fmt: skip
    asked = parser.parse_args()
    if asked.into is None and not asked.only:
        asked.into = ROOT / "docs"
    return asked


def _look_for(chosen: Sequence[Mistake], asked: argparse.Namespace) -> list[Found]:
    with ThreadPoolExecutor(asked.jobs) as pool:
        try:
            return list(pool.map(lambda one: _told(one, sound=asked.sound), chosen))
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise


def _told(mistake: Mistake, *, sound: bool) -> Found:
    """Look for one, and say what came of it."""
    try:
        found = look(mistake, sound=sound)
    except Moved as moved:
        show(f"{mistake.name}: cannot be planted: {moved}")
        return Found(mistake.name, "cannot be planted" if sound else "", 0)
    word = "found" if found.by else "nothing found" if sound else "MISSED"
    show(f"{word} in {found.seconds} s: {mistake.name}, by {mistake.found_by}: {found.by}")
    if bool(found.by) == sound:
        show("\n".join(f"  {line}" for line in found.output.splitlines()[-LINES_SHOWN:]))
    return found


if __name__ == "__main__":
    sys.exit(main())
