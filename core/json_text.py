"""JSON texts of one form, each by the same encoder.

``json`` makes an encoder in C for every text, which costs as much as a short text. One that looks
for no cycles keeps nothing between two texts.
"""

import json
from collections.abc import Callable
from json import encoder as parts
from typing import Any


def encoder(**form: Any) -> Callable[[Any], str]:
    """Return what ``json.JSONEncoder(**form).encode`` is, for values without a cycle."""
    plain = json.JSONEncoder(check_circular=False, **form)
    make = getattr(parts, "c_make_encoder", None)
    if make is None or form.get("indent") is not None:
        return plain.encode
    string = parts.encode_basestring_ascii if plain.ensure_ascii else parts.encode_basestring
    texts_of = make(
        *(None, plain.default, string, None, plain.key_separator, plain.item_separator),
        *(plain.sort_keys, plain.skipkeys, plain.allow_nan),
    )

    def encode(value: Any) -> str:
        return "".join(texts_of(value, 0))

    return encode
