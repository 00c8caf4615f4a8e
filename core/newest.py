"""The newest rows of each of some parents, in one statement that reads no more than it shows."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models.expressions import RawSQL

from core.db import rows
from core.meanings import on_sqlite
from core.pagination import LARGEST_ID, SMALLEST_ID


def of_each(parent: str) -> str:
    """Return the condition, order and limit that find the newest rows of the parent ``p``.

    ``parent`` is the column that begins the index, before the id. Whole rows are compared for the
    reason that ``core.pagination.ranged`` gives.
    """
    return f"""
        ({parent}, id) >= (p.id, '{SMALLEST_ID}') AND ({parent}, id) < (p.id, '{LARGEST_ID}')
        ORDER BY {parent} DESC, id DESC LIMIT %s"""


def newest(table: str, parent: str) -> str:
    """Return the statement for the ids of the newest rows of each; ``chosen`` gives it both."""
    return f"""
        SELECT r.id FROM unnest(%s::uuid[]) AS p(id)
        CROSS JOIN LATERAL (SELECT id FROM {table} WHERE {of_each(parent)}) AS r
    """  # noqa: S608 - our own constants


def chosen(sql: str, parents: Sequence[UUID], limit: int) -> Any:
    """Return the ids that a statement finds, or itself to be part of another one."""
    given = ([str(one) for one in parents], limit)
    if on_sqlite():
        return [one for (one,) in rows(sql, given)]
    return RawSQL(sql, given)  # noqa: S611 - our own constants
