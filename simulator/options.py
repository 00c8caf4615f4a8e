"""How one simulator is set up: the command line, and secrets from the environment."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

DAY_SECONDS = 86_400.0
AUTHORIZATION_SECONDS = 7 * DAY_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything that stays as it is while the program runs."""

    database: Path
    host: str = "127.0.0.1"
    port: int = 8006
    api_key: str
    control_token: str = ""
    webhook_url: str = ""
    webhook_secret: str = ""
    public_url: str = ""  # where payers find us; where we listen, if that is not said
    key_lifetime_seconds: float | None = DAY_SECONDS  # None: keys are ignored
    authorization_seconds: float = AUTHORIZATION_SECONDS
    slow_seconds: float = 30.0
    profile: str = ""
    seed: int = 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    lifetime = "how long an idempotency key is honoured (86400)"
    held = "how long an authorization is held (604800)"
    profile = "faults by chance: calm, rough, storm or a JSON file (what was in force before)"
    made = argparse.ArgumentParser(
        prog="python -m simulator",
        description="A payment provider to test against, with books of its own.",
        epilog="Read from the environment: SIMULATOR_DB, SIMULATOR_API_KEY (both required), "
        "SIMULATOR_WEBHOOK_URL, SIMULATOR_WEBHOOK_SECRET (without them no webhook is sent), "
        "SIMULATOR_PUBLIC_URL (where payers find its pages; where it listens), "
        "SIMULATOR_CONTROL_TOKEN (without it nobody controls).",
    )
    add = made.add_argument
    add("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    add("--port", type=int, default=8006, help="the port to listen on (8006)")
    add("--key-lifetime", type=float, default=DAY_SECONDS, metavar="SECONDS", help=lifetime)
    add("--authorization-lifetime", type=float, default=AUTHORIZATION_SECONDS,
        metavar="SECONDS", help=held)  # fmt: skip
    add("--no-keys", action="store_true", help="ignore idempotency keys")
    add("--slow-seconds", type=float, default=30.0, help="how long a slow answer takes (30)")
    add("--profile", default="", metavar="FILE|NAME", help=profile)
    add("--seed", type=int, default=0, help="what the chances are drawn from (0)")
    return made


def read(arguments: list[str] | None = None) -> Options:
    """Return what the command line and the environment say."""
    made = parser()
    given = made.parse_args(arguments)
    env = os.environ.get
    if not env("SIMULATOR_DB") or not env("SIMULATOR_API_KEY"):
        made.error("SIMULATOR_DB and SIMULATOR_API_KEY must be set")
    if min(given.key_lifetime, given.authorization_lifetime) <= 0 or given.slow_seconds < 0:
        made.error("a time is above zero")
    return Options(
        database=Path(os.environ["SIMULATOR_DB"]),
        host=given.host,
        port=given.port,
        api_key=os.environ["SIMULATOR_API_KEY"],
        control_token=env("SIMULATOR_CONTROL_TOKEN", ""),
        webhook_url=env("SIMULATOR_WEBHOOK_URL", ""),
        public_url=env("SIMULATOR_PUBLIC_URL", "").rstrip("/"),
        # While one is changed there are two, and the new one comes last.
        webhook_secret=env("SIMULATOR_WEBHOOK_SECRET", "").partition(",")[0],
        key_lifetime_seconds=None if given.no_keys else given.key_lifetime,
        authorization_seconds=given.authorization_lifetime,
        slow_seconds=given.slow_seconds,
        profile=given.profile,
        seed=given.seed,
    )
