"""The settings of the crash tests: the project's, and gateways that die and hang on request."""

from config.settings import *  # noqa: F403
from config.settings import GATEWAYS, MOCK_DB

_options = {"database": MOCK_DB}
GATEWAYS = {
    **GATEWAYS,
    "hanging": {"class": "tests.crash.gateways.Hanging", "options": _options},
    "hanging_keyless": {
        "class": "tests.crash.gateways.Hanging",
        "options": {**_options, "keys": False},
    },
    "down": {"class": "tests.crash.gateways.Down", "options": _options},
    "poison": {"class": "tests.crash.gateways.Poison", "options": _options},
}
