"""Whoever books, gives up or rolls up, in whatever order: snapshot and tail are the sum."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection

from core.db import rows, transaction
from ledger import books, portable, rollup, sql
from ledger.books import Layer, Posting
from tests.conftest import Database
from tests.ledger.plain_sql import Sql
from tests.ledger.sample import Sale
from tests.ledger.test_rollup import EQUAL_SUMS

WRITERS = 3

amounts = st.integers(1, 999_999_999_999)
whos = st.integers(0, 1)
by = st.integers(0, WRITERS)  # the last one commits at once
steps = st.one_of(
    st.tuples(st.just("sell"), by, whos, amounts),
    st.tuples(st.just("capture"), by),
    st.tuples(st.just("fail"), by),
    st.tuples(st.just("refund"), by, whos, amounts),
    st.tuples(st.just("hold"), by, whos, amounts),
    st.tuples(st.just("commit"), st.integers(0, WRITERS - 1)),
    st.tuples(st.just("give_up"), st.integers(0, WRITERS - 1)),
    st.tuples(st.just("roll_up"), st.integers(1, 4)),
)


@dataclass
class World:
    """Two merchants, and writers that may keep their transactions open."""

    open: list[Connection]
    merchants: list[Sale] = field(default_factory=lambda: [Sale(), Sale()])
    pending: list[Posting] = field(default_factory=list)
    uncommitted: dict[int, list[Posting]] = field(default_factory=dict)

    def begin(self) -> None:
        # Accounts are there before: two writers who add one would wait for each other.
        for merchant in self.merchants:
            with transaction():
                books.book(merchant.created())
                books.book(merchant.captured())
                books.book(merchant.refunded(1))
        # Or the mark of a short history would always be far behind its open transactions.
        while rollup.add_block():
            pass

    def book(self, writer: int, posting: Posting) -> None:
        expects = [posting] if any(leg.layer is Layer.PENDING for leg in posting.legs) else []
        if writer == WRITERS:
            with transaction():
                books.book(posting)
            self.pending += expects
        else:
            Sql(self.open[writer]).run(sql.POST, sql.params(posting))
            self.uncommitted.setdefault(writer, []).extend(expects)

    def sale(self, who: int, amount: int) -> Sale:
        return Sale(amount=amount, merchant_id=self.merchants[who].merchant_id)

    def sell(self, writer: int, who: int, amount: int) -> None:
        self.book(writer, self.sale(who, amount).created())

    def refund(self, writer: int, who: int, amount: int) -> None:
        self.book(writer, self.sale(who, amount).refunded(amount))

    def hold(self, writer: int, who: int, amount: int) -> None:
        sale = self.sale(who, amount)
        leg = books.Leg(Layer.PENDING, sale.payable, sale.clearing, amount)
        self.book(writer, sale.posting("held", leg))

    def resolve(self, writer: int, *, keep: bool) -> None:
        if not self.pending:
            return
        was = self.pending.pop(0)
        (leg,) = was.legs
        legs = (books.Leg(Layer.POSTED, leg.debit, leg.credit, leg.amount),) if keep else ()
        self.book(
            writer,
            Posting(
                kind="resolved",
                source_id=uuid4(),
                merchant_id=was.merchant_id,
                mode=was.mode,
                legs=legs,
                resolves=was.id,
            ),
        )

    def capture(self, writer: int) -> None:
        self.resolve(writer, keep=True)

    def fail(self, writer: int) -> None:
        self.resolve(writer, keep=False)

    def commit(self, writer: int) -> None:
        self.open[writer].commit()
        self.pending += self.uncommitted.pop(writer, [])

    def give_up(self, writer: int) -> None:
        self.open[writer].rollback()
        self.uncommitted.pop(writer, None)

    def roll_up(self, most: int) -> None:
        assert rollup.add_block(most) is not None


@contextmanager
def one_snapshot() -> Iterator[None]:
    with transaction():
        rows("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def check(world: World) -> None:
    with one_snapshot():
        for sale in world.merchants:
            found = rollup.balances(sale.merchant_id, "test")
            assert found == portable.balances(sale.merchant_id, "test")
            for account in (sale.payable, sale.receivable, sale.clearing):
                for layer in Layer.values:
                    net = rollup.net_debit(account.id, layer)
                    assert net == portable.net_debit(account.id, layer)
        assert rows(EQUAL_SUMS) == []


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=st.lists(steps, min_size=6, max_size=25))
def test_snapshot_and_tail_are_the_sum_at_any_moment(
    committed_db: Database, history: list[tuple[object, ...]]
) -> None:
    with ExitStack() as stack:
        world = World(
            [stack.enter_context(closing(committed_db.connect())) for _ in range(WRITERS)]
        )
        world.begin()

        # In the end everybody commits: who was passed over is missing then at the latest.
        for step, *arguments in [*history, *(("commit", by) for by in range(WRITERS))]:
            getattr(world, str(step))(*arguments)
            check(world)
