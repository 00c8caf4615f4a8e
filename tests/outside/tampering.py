"""What somebody else wrote, changed: rows of a simulator, or of a journal, in memory."""


def table(told, name):
    return next(one for one in told if one.name == name)


def alter(told, name, which, **changed):
    """Change a row of somebody else's; `which` says of a row, by its columns, if it is the one."""
    one = table(told, name)
    columns = list(one.columns)
    place = next(n for n, row in enumerate(one.rows) if which(dict(zip(columns, row, strict=True))))
    row = dict(zip(columns, one.rows[place], strict=True))
    one.rows[place] = [changed.get(column, row[column]) for column in columns]
    return row


def add(told, name, which, **changed):
    """Write a row of somebody else's once more, changed."""
    one = table(told, name)
    columns = list(one.columns)
    rows = (dict(zip(columns, row, strict=True)) for row in one.rows)
    row = next(row for row in rows if which(row))
    one.rows.append([changed.get(column, row[column]) for column in columns])
    return row


def remove(told, name, which):
    one = table(told, name)
    columns = list(one.columns)
    kept = [row for row in one.rows if not which(dict(zip(columns, row, strict=True)))]
    assert len(kept) < len(one.rows)
    one.rows = kept


def rows(told, name):
    one = table(told, name)
    return [dict(zip(one.columns, row, strict=True)) for row in one.rows]
