"""The provider to test against, which is a program of its own (docs/simulator.md)."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from config.stack.ports import LOOPBACK
from config.stack.processes import Program

STOP_SECONDS = 6


@dataclass(frozen=True, slots=True)
class Simulator:
    """Where it listens, and what it is told besides."""

    port: int
    arguments: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def program(self, values: Mapping[str, str]) -> Program:
        """Return how to run it; it is told its own settings and none of ours."""
        command = [sys.executable, "-m", "simulator", "--port", str(self.port)]
        command += ["--key-lifetime", values["SIMULATOR_KEY_LIFETIME_SECONDS"], *self.arguments]
        if values["SIMULATOR_KEYS"].lower() in {"0", "false", "off"}:
            command.append("--no-keys")
        env = {key: value for key, value in values.items() if key.startswith("SIMULATOR_")}
        return Program("simulator", command, env, stop_seconds=STOP_SECONDS)
