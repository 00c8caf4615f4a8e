"""`python -m tests.outside`: ask beside a stack that is up, or after one that was."""

import argparse
import os
import sys
from pathlib import Path

from tests.outside import checking


def main() -> int:
    """Print what does not hold; return 1 if there is anything."""
    parser = argparse.ArgumentParser(prog="python -m tests.outside", description=__doc__)
    parser.add_argument("--journal", type=Path, required=True, help="what merchants wrote down")
    parser.add_argument("--simulator-db", type=Path, default=os.environ.get("SIMULATOR_DB"))
    parser.add_argument("--owner-url", default=os.environ.get("DATABASE_OWNER_URL"))
    parser.add_argument("--at-rest", action="store_true", help="all work is done")
    given = parser.parse_args()
    if not given.simulator_db or not given.owner_url:
        parser.error("name --simulator-db and --owner-url, or set them as in .local/env")
    found = checking.check(
        given.owner_url, Path(given.simulator_db), given.journal, at_rest=given.at_rest
    )
    for violation in found:
        sys.stdout.write(f"{violation}\n")
    sys.stdout.write(f"{len(checking.CLAIMS)} asked, {len(found)} broken\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
