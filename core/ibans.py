"""Bank account numbers (ISO 13616), so that one is not taken for a card number."""

import re
from collections.abc import Iterator

# The registry's lengths: without them, any four digits of a card could be read as an end.
_REGISTRY = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 "
    "DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 "
    "IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 "
    "MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 "
    "SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
)
_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _REGISTRY.split()}
_HEAD = re.compile(r"(?<![^\W_])[A-Z]{2}[0-9]{2}(?= ?[A-Z0-9])")
_IN_ONE = re.compile(r"[A-Z0-9]+", re.ASCII)
_IN_FOURS = re.compile(r"(?:[A-Z0-9]{4} )+[A-Z0-9]{1,4}", re.ASCII)


def _is_right(iban: str) -> bool:
    """Tell whether the check digits agree (ISO 7064, mod 97-10)."""
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def find_ibans(text: str) -> Iterator[tuple[int, int]]:
    """Find where bank account numbers stand, in one piece or in groups of four."""
    for head in _HEAD.finditer(text):
        length = _LENGTHS.get(head[0][:2])
        if length is None:
            continue
        start = head.start()
        spaces = (length - 1) // 4
        for form, end in ((_IN_ONE, start + length), (_IN_FOURS, start + length + spaces)):
            if not form.fullmatch(text, start, end) or text[end : end + 1].isalnum():
                continue
            if _is_right(text[start:end].replace(" ", "")):
                yield start, end
