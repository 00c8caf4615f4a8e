"""What a planted mistake is, and how it gets into a copy of the tree."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.servers import ROOT


class Moved(Exception):
    """The code is not any more what a mistake was written for."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A text that stands in a file exactly once, and what stands there instead."""

    path: str
    old: str
    new: str

    def made_in(self, text: str) -> str:
        """Return the file's text with this in it.

        :raises Moved: if the old text is not there, or not only once
        """
        if (count := text.count(self.old)) != 1:
            message = f"{self.path} has this {count} times, not once: {self.old.strip()[:80]!r}"
            raise Moved(message)
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: what is wrong, and what finds it (the rest of ``python -m …``)."""

    name: str
    about: str
    found_by: str
    edits: tuple[Edit, ...]

    def changed(self) -> dict[str, str]:
        """Return the texts of the files that this changes, by path.

        :raises Moved: if the code is another one by now
        """
        texts: dict[str, str] = {}
        for edit in self.edits:
            text = texts.get(edit.path) or (ROOT / edit.path).read_text(encoding="utf-8")
            texts[edit.path] = edit.made_in(text)
        return texts


def plant(mistake: Mistake, folder: Path) -> None:
    """Copy the tree into an empty folder, with the mistake in it."""
    for path in _files():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target)
    for path, text in mistake.changed().items():
        (folder / path).write_text(text, encoding="utf-8")


def _files() -> list[str]:
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for path in done.stdout.split("\0") if path and (ROOT / path).is_file()]
