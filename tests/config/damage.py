"""One way, or several, to break each invariant in a database in which a day went by.

A value is the SQL that does the damage, and the other invariants that the same damage breaks.
"""

from tests.config.damage_to_actions import OF_ACTIONS
from tests.config.damage_to_disputes import OF_DISPUTES
from tests.config.damage_to_holds import OF_HOLDS
from tests.config.damage_to_lists import OF_LISTS
from tests.config.damage_to_money import OF_MONEY, OF_SURPLUS, OF_TRANSACTIONS
from tests.config.damage_to_numbers import OF_NUMBERS
from tests.config.damage_to_payments import OF_FACTS, OF_HISTORY
from tests.config.damage_to_rooms import OF_CORE, OF_OUTBOX, OF_WEBHOOKS
from tests.config.damage_to_telling import OF_TELLING
from tests.config.damage_to_unasked import OF_UNASKED
from tests.config.planting import Damage

ALL: dict[str, list[Damage]] = {
    **OF_CORE,
    **OF_OUTBOX,
    **OF_WEBHOOKS,
    **OF_HISTORY,
    **OF_ACTIONS,
    **OF_FACTS,
    **OF_HOLDS,
    **OF_NUMBERS,
    **OF_MONEY,
    **OF_SURPLUS,
    **OF_TRANSACTIONS,
    **OF_UNASKED,
    **OF_DISPUTES,
    **OF_LISTS,
    **OF_TELLING,
}
