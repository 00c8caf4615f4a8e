"""The operator of a story, at the desk of a place where anybody may die."""

import re
import time
from html import unescape

import requests

from tests.kills.place import Place

ADMIN_ADDRESS = "/admin/"


class Desk:
    """An operator with a browser, who looks again whenever a page does not come."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def act(self, page: str, label: str) -> bool:
        """Press a button of a page, if it is there; say whether it was."""
        while True:
            try:
                return self._pressed(page, label)
            except requests.RequestException:
                time.sleep(0.05)

    def _pressed(self, page: str, label: str) -> bool:
        with requests.Session() as browser:
            browser.trust_env = False
            browser.cookies.update(self._place.ground.cookies)
            shown = browser.get(self._place.url(f"{ADMIN_ADDRESS}{page}/change/"), timeout=10)
            assert shown.ok, (shown.status_code, shown.url)
            button = re.search(rf'<a class="button" href="([^"]+)">{label}</a>', shown.text)
            if button is None:
                return False
            address = self._place.url(unescape(button[1]))
            form = browser.get(address, timeout=10).text
            hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
            filled = {name: unescape(value) for name, value in hidden}
            asked = {**filled, "reason": "the kill matrix"}
            browser.post(address.partition("?")[0], asked, timeout=10, allow_redirects=False)
        return True
