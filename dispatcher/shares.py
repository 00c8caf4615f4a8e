"""Which part of the slots goes to telling merchants, endpoint by endpoint.

Anybody may name an address that lets us wait until our time is up, for as many events as they
like. So that this costs nobody else a delivery that is on time:

- a job is of one endpoint, and an endpoint has one job in flight at most;
- endpoints that let us wait (``webhooks.fanout.SLOWLY``) share a quarter of the slots, by turns:
  merchants first, and then those of each;
- of the others, a merchant has one job in flight at most, so who begins to let us wait takes one
  slot, once;
- one slot is nobody's who is told anything.
"""

from collections.abc import Sequence

from webhooks.fanout import DELIVER, SLOWLY

_QUICK, _SLOW = f"{DELIVER}:", f"{SLOWLY}:"


def is_delivery(lane: str) -> bool:
    """Tell whether a lane is an endpoint's."""
    return lane.startswith((_QUICK, _SLOW))


def free_jobs(lane: str, in_flight: Sequence[str], slots: int) -> int:
    """Return whether this lane may have a job in flight, beside those of these lanes."""
    deliveries = [of for of in in_flight if is_delivery(of)]
    if _endpoint_of(lane) in map(_endpoint_of, deliveries) or len(deliveries) >= max(1, slots - 1):
        return 0
    if lane.startswith(_SLOW):
        slow = sum(of.startswith(_SLOW) for of in deliveries)
        return int(slow < max(1, slots // 4))
    return int(not any(_merchant_of(of) == _merchant_of(lane) for of in deliveries))


def owner(lane: str) -> str:
    """Return who takes turns for a lane: a merchant for all of its slow endpoints, or the lane."""
    return _merchant_of(lane) if is_delivery(lane) else lane


def _endpoint_of(lane: str) -> str:
    """Return the part of a lane that an endpoint has, be it slow or not."""
    return lane.partition(":")[2]


def _merchant_of(lane: str) -> str:
    """Return the part of a lane that all endpoints of a merchant share, slow ones aside."""
    return lane.partition(".")[0]
