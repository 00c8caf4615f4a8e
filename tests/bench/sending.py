"""Plain Celery's side: ``python -m tests.bench.sending`` calls ``.delay()`` for every row."""

from config.celery import app
from core.db import rows
from tests.bench import touching


def main() -> None:
    """Send one task for each row that nobody touched yet."""
    app.set_current()
    for (row_id,) in rows("SELECT id::text FROM bench_row WHERE touched = 0"):
        touching.touch.delay(row_id)


if __name__ == "__main__":
    main()
