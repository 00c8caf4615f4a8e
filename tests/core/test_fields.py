import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.exceptions import ValidationError

from core.errors import problem_for
from core.fields import StrictInteger, StrictString
from tests.core.urls import Order

GOOD = {"amount": 1000, "currency": "INR"}
FULL = {
    **GOOD,
    "gateway": "mock",
    "reference": "order 1",
    "description": "two\nlines",
    "return_url": "https://shop.example/back?order=1#done",
    "metadata": {"colour": "blue", "empty": ""},
}


def refusal(body):
    order = Order(data=body)
    with pytest.raises(ValidationError) as caught:
        order.is_valid(raise_exception=True)
    return problem_for(caught.value)


def faults(body):
    return {(error["pointer"], error["code"]) for error in refusal(body).errors}


@pytest.mark.parametrize("body", [GOOD, FULL])
def test_a_good_body_is_taken_as_it_is(body):
    order = Order(data=body)

    assert order.is_valid()
    assert order.validated_data == body


@pytest.mark.parametrize(
    "amount",
    [True, False, "10", " 10 ", "1_000", "１０", "٣", "+5", 10.0, 1e3, 10.5, None, [], {}, [1000]],
)
def test_an_amount_that_is_no_integer_token_is_a_wrong_form(amount):
    problem = refusal({**GOOD, "amount": amount})

    assert (problem.status, problem.slug) == (400, "validation-error")
    assert problem.errors[0]["pointer"] == "/amount"


@pytest.mark.parametrize("amount", [0, -1, 1_000_000_000_000, 10**30, -(10**30)])
def test_an_amount_out_of_range_is_a_wrong_value(amount):
    problem = refusal({**GOOD, "amount": amount})

    assert (problem.status, problem.slug) == (422, "amount-invalid")


@pytest.mark.parametrize("amount", [1, 999_999_999_999])
def test_the_bounds_of_an_amount_are_allowed(amount):
    assert Order(data={**GOOD, "amount": amount}).is_valid()


@pytest.mark.parametrize("currency", ["inr", "XAU", "CLF", "ZZZ", "", "INR ", "INR\n"])
def test_an_unsupported_currency_is_a_wrong_value(currency):
    problem = refusal({**GOOD, "currency": currency})

    assert (problem.status, problem.slug) == (422, "currency-unsupported")


@pytest.mark.parametrize("currency", [1, True, None, ["INR"], {"code": "INR"}])
def test_a_currency_that_is_no_string_is_a_wrong_form(currency):
    assert refusal({**GOOD, "currency": currency}).status == 400


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("reference", "x" * 11),
        ("reference", ""),
        ("reference", "  "),
        ("reference", "a\nb"),
        ("reference", "a\x7f"),
        ("reference", "a\u2028b"),
        ("description", "x" * 501),
        ("description", "a\x1b[31m"),
        ("description", "a\rb"),
        ("gateway", "other"),
        ("gateway", ""),
        ("return_url", "ftp://shop.example/"),
        ("return_url", "javascript:alert(1)"),
        ("return_url", "//shop.example/"),
        ("return_url", "https://"),
        ("return_url", "https://user:pw@shop.example/"),
        ("return_url", "https://shop.example:99999/"),
        ("return_url", "https://shop.example/a b"),
        ("return_url", "https://shop.example/" + "x" * 2048),
        ("return_url", "https://[::1/"),
        ("metadata", {f"k{n}": "v" for n in range(51)}),
        ("metadata", {"k" * 41: "v"}),
        ("metadata", {"": "v"}),
        ("metadata", {"k": "v" * 501}),
        ("metadata", {"k": "\x01"}),
    ],
)
def test_a_value_that_is_not_allowed_is_a_wrong_value(member, value):
    problem = refusal({**GOOD, member: value})

    assert (problem.status, problem.slug) == (422, "value-invalid")
    assert problem.errors[0]["pointer"].startswith(f"/{member}")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("reference", 1),
        ("reference", None),
        ("reference", True),
        ("description", ["x"]),
        ("gateway", 1),
        ("gateway", ["mock"]),
        ("return_url", {}),
        ("metadata", []),
        ("metadata", "x"),
        ("metadata", {"k": 1}),
        ("metadata", {"k": None}),
        ("metadata", {"k": {"deep": "x"}}),
    ],
)
def test_a_value_of_the_wrong_type_is_a_wrong_form(member, value):
    problem = refusal({**GOOD, member: value})

    assert (problem.status, problem.slug) == (400, "validation-error")
    assert problem.errors[0]["pointer"].startswith(f"/{member}")


def test_the_largest_metadata_is_taken():
    metadata = {f"{n:0>40}": "v" * 500 for n in range(50)}

    assert Order(data={**GOOD, "metadata": metadata}).is_valid()


def test_unknown_members_are_refused():
    assert faults({**GOOD, "amonut": 5}) == {("/amonut", "unknown-field")}


def test_read_only_members_are_refused():
    assert faults({**GOOD, "id": "x"}) == {("/id", "read-only")}


def test_every_fault_is_reported_at_once():
    body = {"amount": "10", "colour": 1, "id": 2, "metadata": {"a/b": 1}}

    assert faults(body) == {
        ("/amount", "wrong-type"),
        ("/currency", "required"),
        ("/colour", "unknown-field"),
        ("/id", "read-only"),
        ("/metadata/a~1b", "wrong-type"),
    }


def test_a_wrong_form_outranks_a_wrong_value():
    assert refusal({"amount": 0, "currency": 1}).status == 400


def test_two_kinds_of_wrong_values_have_the_general_type():
    problem = refusal({"amount": 0, "currency": "ZZZ"})

    assert (problem.status, problem.slug) == (422, "value-invalid")
    assert {error["code"] for error in problem.errors} == {"amount-invalid", "currency-unsupported"}


@pytest.mark.parametrize("body", [[], [GOOD], "x", 1, None, True])
def test_a_body_that_is_no_object_is_refused(body):
    problem = refusal(body)

    assert (problem.status, problem.slug) == (400, "validation-error")


def test_the_api_description_shows_the_limits():
    schema = SchemaGenerator(urlconf="tests.core.urls").get_schema(public=True)

    members = schema["components"]["schemas"]["Order"]["properties"]
    assert members["amount"]["minimum"] == 1
    assert members["amount"]["maximum"] == 999_999_999_999
    assert members["currency"]["pattern"] == "^[A-Z]{3}$"
    assert members["description"]["maxLength"] == 500
    assert members["metadata"]["maxProperties"] == 50
    assert members["return_url"]["format"] == "uri"
    assert members["id"]["readOnly"]


@pytest.mark.parametrize("name", ["reference", "description"])
def test_half_of_a_surrogate_pair_is_a_wrong_value(name):
    problem = refusal({**GOOD, name: "half \ud83d"})

    assert (problem.status, problem.slug) == (422, "value-invalid")


@pytest.mark.parametrize("field", [StrictInteger, StrictString])
@pytest.mark.parametrize("option", [{"validators": [print]}, {"min_length": 2}])
def test_a_field_that_checks_itself_is_given_no_check_it_would_not_make(field, option):
    with pytest.raises(TypeError, match="checks its value itself"):
        field(**option)
