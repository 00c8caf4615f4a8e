"""`manage.py verify`: is everything that must hold so?"""

import json
from datetime import timedelta
from threading import Timer
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config import verifying
from config.verifying import Finding
from core.invariants import Invariant

PROGRESS_AFTER_SECONDS = 2.0
TIMEOUT_SECONDS = 300


class Command(BaseCommand):
    help = (
        "Ask the database whether what must always hold does: one line per invariant, with the "
        "number of rows that break it. Exit 1 if one is broken or could not be asked. Safe on a "
        "live system: it reads, each time in a transaction of its own, and locks nobody out."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--quiescent",
            action="store_true",
            help="also ask for what holds only at rest: nobody calls us and all work is done",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON array instead")
        parser.add_argument(
            "--timeout",
            type=int,
            default=TIMEOUT_SECONDS,
            metavar="SECONDS",
            help="give an invariant up after this long (default %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, print, and exit 1 if anybody has to act."""
        invariants = verifying.invariants(quiescent=options["quiescent"])
        width = max(len(invariant.name) for invariant in invariants)
        timeout = timedelta(seconds=options["timeout"])
        findings = []
        for number, invariant in enumerate(invariants, 1):
            finding = self._ask(invariant, timeout, f"{number} of {len(invariants)}")
            findings.append(finding)
            if not options["json"]:
                self._print(finding, width)
        if options["json"]:
            self.stdout.write(json.dumps([_as_dict(finding) for finding in findings], indent=2))
        else:
            self.stdout.write(_summary(findings))
        if any(finding.is_bad for finding in findings):
            raise SystemExit(1)

    def _ask(self, invariant: Invariant, timeout: timedelta, place: str) -> Finding:
        text = f"… {invariant.name} ({place}) is taking a while"
        progress = Timer(PROGRESS_AFTER_SECONDS, self.stderr.write, [text])
        progress.daemon = True
        progress.start()
        try:
            return verifying.ask(invariant, timeout)
        finally:
            progress.cancel()

    def _print(self, finding: Finding, width: int) -> None:
        rows = "-" if finding.rows is None else finding.rows
        name, claim = finding.invariant.name, finding.trouble or finding.invariant.claim
        self.stdout.write(f"{finding.word:<7} {rows:>5}  {name:<{width}}  {claim}")
        for example in finding.examples:
            members = " ".join(f"{column}={value}" for column, value in example.items())
            self.stdout.write(f"{'':>13}  {members}")


def _as_dict(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.invariant.name,
        "claim": finding.invariant.claim,
        "result": finding.word,
        "rows": finding.rows,
        "examples": finding.examples,
        "trouble": finding.trouble,
    }


def _summary(findings: list[Finding]) -> str:
    words = [finding.word for finding in findings]
    return ", ".join(
        f"{words.count(word)} {meaning}"
        for word, meaning in (
            ("ok", "hold"),
            ("BROKEN", "are broken"),
            ("unasked", "could not be asked"),
            ("skip", "skipped on SQLite"),
        )
        if word in words
    )
