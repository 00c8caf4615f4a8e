"""Keys and references as merchants' systems make them, by their kind, the same ones every time."""

import base64
import string
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from uuid import UUID

_BASE62 = string.digits + string.ascii_letters
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_START = 1_790_000_000
Kind = Callable[[Random], str]


def _seconds(chance: Random) -> int:
    return _START + chance.randrange(10**7)


def _digits(chance: Random, count: int) -> str:
    return str(chance.randrange(10 ** (count - 1), 10**count))


def _hex(count: int, before: str, chance: Random) -> str:
    return before + chance.randbytes(count).hex()


def _letters(alphabet: str, count: int, before: str, chance: Random) -> str:
    return before + "".join(chance.choices(alphabet, k=count))


def _uuid(form: str, chance: Random) -> str:
    made = UUID(int=chance.getrandbits(128), version=4)
    return form.format(made, hex=made.hex, upper=str(made).upper(), half=str(made)[:18])


def _counted(separator: str, unit: int, chance: Random) -> str:
    moment = _seconds(chance) * unit + chance.randrange(unit)
    parts = (moment, chance.randrange(10**9), chance.randrange(1000), chance.randrange(100))
    return separator.join(map(str, parts))


def _snowflake(epoch_ms: int, before: str, chance: Random) -> str:
    made = _seconds(chance) * 1000 + chance.randrange(1000) - epoch_ms
    return f"{before}{made << 22 | chance.getrandbits(22)}"


def _timed(form: str, chance: Random) -> str:
    moment = datetime.fromtimestamp(_seconds(chance), UTC)
    moment += timedelta(microseconds=chance.randrange(10**6))
    return moment.strftime(form).format(n=chance.randrange(10**6))


def _pattern(form: str, chance: Random) -> str:
    """Return the form with a random digit for each ``#``."""
    return "".join(str(chance.randrange(10)) if char == "#" else char for char in form)


def _iban(country: str, length: int, size: int, chance: Random) -> str:
    account = _digits(chance, length - 4)
    code = "".join(str(int(char, 36)) for char in country)
    check = 98 - int(f"{account}{code}00") % 97
    whole = f"{country}{check:02}{account}"
    return " ".join(whole[begin : begin + size] for begin in range(0, length, size))


# Those in which a card number may stand by chance only.
KINDS: dict[str, Kind] = {
    **{
        f"{before}hex of {count} bytes": partial(_hex, count, before)
        for before in ("", "k", "pay_", "pay-")
        for count in (4, 5, 6, 7, 9, 10, 12, 14, 16, 20)
    },
    **{
        f"uuid {form}": partial(_uuid, form)
        for form in ("{}", "{upper}", "{hex}", "k{hex}", "pay_{}", "pay_{hex}", "{}-12", "{half}")
    },
    "ulid": partial(_letters, _CROCKFORD, 26, ""),
    "nanoid": partial(_letters, _BASE62 + "_-", 21, ""),
    "base62": partial(_letters, _BASE62, 24, "ch_"),
    "base36": partial(_letters, _BASE62[:36], 16, ""),
    "base32": lambda chance: base64.b32encode(chance.randbytes(16)).decode().rstrip("="),
    "base64": lambda chance: base64.urlsafe_b64encode(chance.randbytes(32)).decode().rstrip("="),
    **{
        f"moment in 1/{unit} s and counters by {separator!r}": partial(_counted, separator, unit)
        for separator in "-_.:"
        for unit in (1, 1000, 10**6, 10**9)
    },
    "snowflake": partial(_snowflake, 1_288_834_974_657, ""),
    "order and snowflake": partial(_snowflake, 1_420_070_400_000, "order-"),
    **{
        f"moment {form}": partial(_timed, form)
        for form in (
            *("order-%Y%m%d-{n:06}", "ORD%Y%m%d{n:06}", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y%m%dT%H%M%SZ"),
            *("%Y%m%d%H%M%S", "%Y%m%d%H%M%S%f", "%Y%m%d-%H%M%S-{n}", "%Y-%m-%d %H:%M:%S"),
            *("HDFCR5%Y%m%d{n:08}", "INV/%Y/{n:06}"),
        )
    },
    **{
        f"digits {form}": partial(_pattern, form)
        for form in (
            *("############", "+91 ##### #####", "+1 ###-###-####", "+49 30 #### ####"),
            *("##########-1795588677", "#####-1795588677-######", "########-########"),
            *("##########, ##########", "1##.1##.##.1## 1##.2##.#.1##", "##.## ###.## ##.## #.##"),
            *("612345-179558867####", "5012-############"),
        )
    },
    **{
        f"iban {country} in {size}": partial(_iban, country, length, size)
        for country, length in {"DE": 22, "ES": 24, "AT": 20, "DK": 18, "NO": 15, "PL": 28}.items()
        for size in (4, 34)
    },
}
# Decimal numbers of the lengths of cards. Nothing tells a random one from a card, but what is
# issued in which length does.
NUMBERS: dict[str, Kind] = {
    **{f"{count} digits": partial(_pattern, "#" * count) for count in range(13, 20)},
    **{
        f"order and {count} digits": partial(_pattern, "order-" + "#" * count) for count in (16, 18)
    },
    # Counted from 2022, 2023 and 2024: 18 digits that begin with 6, 4 and 3.
    **{
        f"snowflake since {year}": partial(
            _snowflake, int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000), ""
        )
        for year in (2022, 2023, 2024)
    },
}


# Sixteen hexadecimal digits without a letter are sixteen digits.
SIXTEEN_HEX: dict[str, Kind] = {
    "hex of 8 bytes": partial(_hex, 8, ""),
    "k and hex of 8 bytes": partial(_hex, 8, "k"),
}


def made(kind: str, count: int) -> list[str]:
    """Return this many of a kind."""
    chance = Random(kind)
    make = (KINDS | NUMBERS | SIXTEEN_HEX)[kind]
    return [make(chance) for _ in range(count)]
