"""The page for people shows what is held, a page at a time, and carries nothing out."""

import requests


def page(provider, **query):
    return requests.get(provider.url, params=query, timeout=5)


def test_the_page_shows_charges_and_refunds(provider):
    charge = provider.charge("tok_visa").json()
    refund = provider.refund(charge["id"]).json()

    text = page(provider).text

    assert charge["id"] in text
    assert refund["id"] in text
    assert 'href="/charges"' in text


def test_what_clients_write_is_text_on_the_page(provider):
    provider.charge("<script>alert(1)</script>", reference='"><img src=x>')

    answer = page(provider)

    assert "<script" not in answer.text
    assert "<img" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_older_charges_are_on_further_pages(begin):
    provider = begin()
    made = [provider.charge().json()["id"] for _ in range(51)]

    first = page(provider)
    second = page(provider, charges_before=2)

    assert "<h2>51 charges</h2>" in first.text
    assert made[50] in first.text
    assert made[0] not in first.text
    assert "charges_before=2" in first.text
    assert made[0] in second.text
    assert made[1] not in second.text


def test_a_page_that_cannot_be_is_refused(provider):
    assert page(provider, charges_before="x").status_code == 400
    assert page(provider, refunds_before="9" * 40).status_code == 400


def test_an_outage_is_said_on_the_page(begin):
    provider = begin()
    provider.control("outage", seconds=60, silence="drop")

    assert "There is an outage: drop." in page(provider).text
