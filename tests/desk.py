"""A person at the desk: a browser's requests without the browser, forgery checks included."""

import re
from html import unescape
from typing import Any

from django.contrib.auth.models import Permission, User

from core.db import OPERATOR, acting_as
from tests.money import Answer, a_client

ADMIN = "/admin/"
PASSWORD = "a good long password"


class Desk:
    """An operator who is logged in."""

    def __init__(self, *permissions: str, name: str = "noor") -> None:
        """Log in as somebody who may do these things, or everything if none is named."""
        with acting_as(OPERATOR):
            self.user = User.objects.create_user(
                name, password=PASSWORD, is_staff=True, is_superuser=not permissions
            )
            for permission in permissions:
                app, _, codename = permission.partition(".")
                found = Permission.objects.get(content_type__app_label=app, codename=codename)
                self.user.user_permissions.add(found)
        self.client = a_client()
        self.client.get(f"{ADMIN}login/")
        done = self.post("login/", username=name, password=PASSWORD)
        assert done.status_code == 302, done.content

    def get(self, path: str, **query: str) -> Answer:
        """Open a page of the admin."""
        return self.client.get(f"{ADMIN}{path}", query)

    def post(self, path: str, **form: Any) -> Answer:
        """Send a form, with the token that the browser has."""
        token = self.client.cookies["csrftoken"].value
        return self.client.post(f"{ADMIN}{path}", {"csrfmiddlewaretoken": token, **form})

    def hidden(self, path: str) -> dict[str, str]:
        """Open a page, and return what its form holds unseen."""
        shown = self.get(path).content.decode()
        found = re.findall(r'type="hidden" name="(\w+)"(?: value="([^"]*)")?', shown)
        return {name: unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}

    def fill(self, path: str, **form: Any) -> Answer:
        """Open a page, and send its form with this in it."""
        return self.post(path, **{**self.hidden(path), **form})

    def read(self, path: str, **query: str) -> str:
        """Return the text of a page, without its tags."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, (path, answer.status_code)
        return text(answer)


def timeline(desk: Desk, payment_id: Any) -> list[str]:
    """Return the lines of a payment's timeline as its page shows them."""
    shown = desk.get(page("payments.payment", payment_id)).content.decode()
    table = shown[shown.index("Timeline") :]
    found = re.findall(r"<tr>(.*?)</tr>", table[: table.index("</table>")], re.DOTALL)[1:]
    return [" ".join(unescape(re.sub("<[^>]+>", " ", row)).split()) for row in found]


def text(answer: Answer) -> str:
    """Return what a person reads on a page."""
    main = answer.content.decode().partition('<main id="content-start"')[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def page(label: str, key: Any) -> str:
    """Return the path of a row's page."""
    return f"{label.replace('.', '/')}/{key}/change/"
