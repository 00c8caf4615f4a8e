import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.json_text import encoder

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
FORMS = [
    {},
    {"ensure_ascii": False, "default": repr},
    {"ensure_ascii": False, "separators": (",", ":")},
    {"ensure_ascii": False, "separators": (",", ":"), "sort_keys": True},
    {"indent": 1},
]


@pytest.mark.parametrize("form", FORMS)
@given(VALUES)
def test_a_text_is_the_one_of_json(form, value):
    encode = encoder(**form)

    assert [encode(value), encode([value]), encode(value)] == [
        *(json.dumps(value, **form), json.dumps([value], **form), json.dumps(value, **form)),
    ]


def test_what_is_no_json_is_written_as_the_form_says():
    assert encoder(default=repr)({"a": {1}}) == '{"a": "{1}"}'


def test_what_is_no_json_is_refused_without_a_word_of_the_form():
    with pytest.raises(TypeError, match="set"):
        encoder()({"a": {1}})
    with pytest.raises(ValueError, match="not JSON compliant"):
        encoder(allow_nan=False)(math.nan)


def test_an_encoder_works_on_after_a_value_it_refused():
    encode = encoder()
    value = [1, {2}]
    with pytest.raises(TypeError):
        encode(value)
    value.pop()

    assert encode(value) == "[1]"
