"""The front page's table: how things stand, and where to look. Each room adds its lines."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that an operator may have to look at."""

    what: str
    how_much: str
    address: str
    calls: bool  # whether it calls for a person now
    permission: str


Lines = Callable[[], Iterable[Line]]
_boards: list[Lines] = []


def board(lines: Lines) -> Lines:
    """Have these lines shown on the front page."""
    _boards.append(lines)
    return lines


def lines_for(request: HttpRequest) -> list[Line]:
    """Return the lines that this person may see."""
    known = [line for lines in _boards for line in lines()]
    return [line for line in known if request.user.has_perm(line.permission)]
