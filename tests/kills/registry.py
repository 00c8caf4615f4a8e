"""What a story is, and where all of them are found by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.kills.teller import Teller

KILL, STOP = "kill", "stop"
# Frozen as by STOP, and woken up while another one holds its message.
WAKE = "wake"

Story = Callable[[Teller], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story, and what all processes are told at their start."""

    name: str
    tell: Story
    armed: str = ""
    # It is told for these points alone; without any, for all.
    points: tuple[str, ...] = ()
    actions: tuple[str, ...] = (KILL, STOP)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def about(self) -> str:
        """Return what it is about, in a sentence."""
        return " ".join((self.tell.__doc__ or "").split())


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    armed: str = "",
    points: tuple[str, ...] = (),
    actions: tuple[str, ...] = (KILL, STOP),
    **options: Any,
) -> Callable[[Story], Story]:
    """Add a story to the matrix under its function's name."""

    def add(tell: Story) -> Story:
        name = tell.__name__
        SCENARIOS[name] = Scenario(name, tell, armed, points, actions, options)
        return tell

    return add
