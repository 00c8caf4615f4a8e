"""``make bench``: measure, print, and write docs/performance.md."""

import argparse
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from config.stack.problem import StackProblem
from config.stack.speech import say, show
from tests.bench import page
from tests.bench.balance import balance
from tests.bench.claim import claim
from tests.bench.create import create
from tests.bench.drain import drain
from tests.bench.ground import Ground, alone, ground
from tests.bench.latency import latency
from tests.bench.machine import circumstances
from tests.bench.memory import memory
from tests.bench.results import BenchProblem, Figure, Missing
from tests.bench.settled import settled
from tests.servers import ROOT

# In the order of the page. The first line of each docstring is its help.
FIGURES: dict[str, Callable[[Ground], Figure]] = {
    "create": create,
    "drain": drain,
    "settled": settled,
    "latency": latency,
    "claim": claim,
    "balance": balance,
    "memory": memory,
}
DOCS = ROOT / "docs"
QUICK = ROOT / ".local" / "performance"


def main() -> int:
    """Measure what was asked for; return 1 if something of it could not be."""
    asked = _arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Whoever says nohup means it.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)
    into = asked.into or (QUICK if asked.quick else DOCS)
    into.mkdir(parents=True, exist_ok=True)
    try:
        with alone(), ground(quick=asked.quick) as where:
            results = [_measured(name, where, into) for name in asked.figures or FIGURES]
    except (BenchProblem, StackProblem) as problem:
        show(f"{problem}")
        return 1
    except KeyboardInterrupt:
        show("stopped; what was measured before is written")
        return 1
    show(f"written to {into / page.PAGE_NAME} and {page.JSON_NAME}")
    return 0 if all(results) else 1


def _arguments() -> argparse.Namespace:
    figures = "".join(f"  {name:<9} {each.__doc__}\n" for name, each in FIGURES.items())
    parser = argparse.ArgumentParser(
        prog="make bench",
        usage='make bench ARGS="[--quick] [--into FOLDER] [figure …]"',
        description=f"{__doc__}\n\nfigures:\n{figures}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("figures", nargs="*", metavar="figure", help="all of them if none is named")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="short and few rounds: shows that it works, and measures nothing; what is missing is "
        f"skipped; written to {QUICK.relative_to(ROOT)} unless --into says otherwise",
    )
    parser.add_argument(
        "--into", type=Path, metavar="FOLDER", help="where page and JSON go (default: docs)"
    )
    asked = parser.parse_args()
    for name in asked.figures:
        if name not in FIGURES:
            parser.error(f"no figure {name!r}; there are {', '.join(FIGURES)}")
    return asked


def _measured(name: str, where: Ground, into: Path) -> bool:
    """Measure one figure and write it down; say whether all is as it should be."""
    say(name, "begins")
    try:
        figure = FIGURES[name](where)
    except Missing as missing:
        say(name, f"skipped: {missing}")
        return where.quick
    except (BenchProblem, AssertionError) as problem:
        say(name, f"no figure: {problem}")
        return False
    except Exception:  # noqa: BLE001 - the other figures can still be measured
        say(name, f"no figure: {traceback.format_exc()}")
        return False
    data = circumstances(where, sys.argv[1:])
    page.record(into, name, figure, data, list(FIGURES))
    show("\n" + page.section(name, {**data, **figure.as_dict()}))
    return True


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
