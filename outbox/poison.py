"""The poison rule: which messages keep killing their workers.

A message whose starts lapsed twice in a row runs *alone* next time, one at a time in the whole
system, and only lapses of lone starts count against it. Its first lapse says nothing: a worker that
dies takes all it had with it, and each of those run alone would make the recovery from an ordinary
death wait in a queue of one. A lone lapse in company (another start of the same worker
lapsed around the same time) does not count: the worker died of something else. The verdict is taken
a run lease later, when every lapse of that moment has been swept.
"""

LAPSES_BEFORE_ALONE = 2
LONE_LAPSES_MAX = 3
CRASH_LOOP = "crash loop: its worker died or froze on three lone starts"

# Of a row of outbox_message called m. Whoever claims must ask it, too: the claim may come before
# the burial.
IS_POISON = f"""
    (m.starts >= {LONE_LAPSES_MAX} AND {LONE_LAPSES_MAX} <= (
        SELECT count(*) FROM outbox_lapse l
        WHERE l.message_id = m.id AND l.alone AND NOT EXISTS (
            SELECT FROM outbox_lapse o
            WHERE o.worker = l.worker AND o.message_id <> l.message_id
              AND o.started_at < l.lease_until AND o.lease_until > l.started_at)))
"""  # noqa: S608 - our own constant
