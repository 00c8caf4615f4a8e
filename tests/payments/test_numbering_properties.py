"""Whoever writes, gives up or numbers, in whatever order: no gap, no swap, nothing left out."""

from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection

from core.models import Merchant
from tests.conftest import Database
from tests.payments.numbers import a_merchant, broken, number, told, write

WRITERS = 3
FEEDS = [(0, "test"), (0, "live"), (1, "test")]

by = st.integers(0, WRITERS)  # the last one commits at once
writers = st.integers(0, WRITERS - 1)
steps = st.one_of(
    st.tuples(st.just("write"), by, st.sampled_from(FEEDS)),
    st.tuples(st.just("write"), by, st.sampled_from(FEEDS)),
    st.tuples(st.just("commit"), writers),
    st.tuples(st.just("give_up"), writers),
    st.tuples(st.just("number"), st.integers(1, 4)),
)


@dataclass
class World:
    """Two merchants, writers that may keep their transactions open, and what a reader saw."""

    open: list[Connection]
    merchants: list[Merchant] = field(default_factory=lambda: [a_merchant(), a_merchant()])
    committed: set[UUID] = field(default_factory=set)
    uncommitted: dict[int, list[UUID]] = field(default_factory=dict)
    seen: dict[tuple[int, str], list[tuple[int, UUID]]] = field(default_factory=dict)

    def write(self, writer: int, feed: tuple[int, str]) -> None:
        which, mode = feed
        other = None if writer == WRITERS else self.open[writer]
        made = write(self.merchants[which], mode, by=other)
        if other is None:
            self.committed.add(made)
        else:
            self.uncommitted.setdefault(writer, []).append(made)

    def commit(self, writer: int) -> None:
        self.open[writer].commit()
        self.committed.update(self.uncommitted.pop(writer, []))

    def give_up(self, writer: int) -> None:
        self.open[writer].rollback()
        self.uncommitted.pop(writer, None)

    def number(self, most: int) -> None:
        number(most)

    def look(self) -> None:
        """See that each feed only ever grows at its end, and has no gap."""
        for which, mode in FEEDS:
            now = told(self.merchants[which], mode)
            before = self.seen.get((which, mode), [])
            assert now[: len(before)] == before
            assert [place for place, _ in now] == list(range(1, len(now) + 1))
            self.seen[which, mode] = now


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=st.lists(steps, min_size=6, max_size=30))
def test_a_feed_only_grows_at_its_end_and_ends_complete(
    committed_db: Database, history: list[tuple[object, ...]]
) -> None:
    with ExitStack() as stack:
        world = World(
            [stack.enter_context(closing(committed_db.connect())) for _ in range(WRITERS)]
        )

        # In the end everybody commits: who was passed over is missing then at the latest.
        ends = (("commit", writer) for writer in range(WRITERS))
        for step, *arguments in [*history, *ends, ("number", 100)]:
            getattr(world, str(step))(*arguments)
            world.look()

        assert {event for feed in world.seen.values() for _, event in feed} == world.committed
        assert broken() == []
