"""The ``.local`` folder: what a running stack keeps, and what is known about its processes."""

import contextlib
import fcntl
import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import psutil

from config.stack.processes import started_at

SUPERVISOR = "supervisor"
# Every process of a run carries the run's id here, also one whose parent is long gone.
RUN_VARIABLE = "PAY_STACK_RUN"


@dataclass(frozen=True, slots=True)
class Keys:
    """What is made once for a data folder and belongs to it."""

    admin_password: str
    owner_password: str
    serving_password: str
    secret_key: str
    webhook_secret: str
    operator_password: str
    demo_operator_password: str
    simulator_api_key: str
    simulator_control_token: str
    simulator_webhook_secret: str
    webhook_key: str
    postgres_port: int = 0
    broker_port: int = 0
    simulator_port: int = 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """A process of the stack as it was written down."""

    name: str
    pid: int
    started: float

    def alive(self) -> bool:
        """Test whether this very process still runs, and not another with its number."""
        return started_at(self.pid) == self.started


@dataclass(frozen=True, slots=True)
class Folder:
    root: Path

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def env(self) -> Path:
        return self.root / "env"

    def prepare(self) -> None:
        """Make the folders; what is in them is nobody else's business."""
        self.root.mkdir(mode=0o700, exist_ok=True)
        self.run.mkdir(exist_ok=True)
        (self.root / "log").mkdir(exist_ok=True)

    def log(self, name: str) -> Path:
        return self.root / "log" / f"{name}.log"

    def lock(self) -> int | None:
        """Take the lock of the one supervisor and keep it until we end; None if it is taken."""
        handle = os.open(self.run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        return handle

    def keys(self) -> Keys:
        """Return the keys of this folder; what it has none of yet is made and kept."""
        path = self.root / "keys.json"
        kept = {}
        with contextlib.suppress(FileNotFoundError):
            kept = json.loads(path.read_text(encoding="ascii"))
        made = {field.name: secrets.token_hex(24) for field in fields(Keys) if field.type is str}
        keys = Keys(**{**made, **kept})
        if made.keys() - kept.keys():
            write_private(path, json.dumps(asdict(keys)))
        return keys

    def remember_ports(self, postgres: int, broker: int, simulator: int) -> None:
        """Note the ports, to be tried first next time."""
        keys = replace(
            self.keys(), postgres_port=postgres, broker_port=broker, simulator_port=simulator
        )
        write_private(self.root / "keys.json", json.dumps(asdict(keys)))

    def values(self) -> dict[str, str]:
        """Return what the last ``up`` wrote to ``env``."""
        if not self.env.exists():
            return {}
        lines = self.env.read_text(encoding="utf-8").splitlines()
        return {key: value for key, _, value in (line.partition("=") for line in lines)}

    def record(self, name: str, pid: int) -> None:
        """Write down a process, with its start time, since numbers are used again."""
        (self.run / f"{name}.started").write_text(f"{started_at(pid)}\n", encoding="ascii")
        (self.run / f"{name}.pid").write_text(f"{pid}\n", encoding="ascii")

    def forget(self, name: str) -> None:
        for suffix in ("pid", "started"):
            (self.run / f"{name}.{suffix}").unlink(missing_ok=True)

    def recorded(self) -> list[Recorded]:
        """Return every process that was written down and not taken back."""
        found = []
        for path in sorted(self.run.glob("*.pid")):
            with contextlib.suppress(OSError, ValueError):
                started = float(path.with_suffix(".started").read_text(encoding="ascii"))
                pid = int(path.read_text(encoding="ascii"))
                found.append(Recorded(path.stem, pid, started))
        return found

    def begin_run(self) -> str:
        """Write down and return a new id for this run."""
        run_id = secrets.token_hex(8)
        write_private(self.run / "id", run_id)
        return run_id

    def strays(self) -> list[psutil.Process]:
        """Return the processes that still carry the id of the last run."""
        path = self.run / "id"
        if not path.exists():
            return []
        run_id = path.read_text(encoding="ascii")
        return [one for one in psutil.process_iter() if _carries(one, run_id)]


def _carries(process: psutil.Process, run_id: str) -> bool:
    with contextlib.suppress(psutil.Error, OSError):
        return bool(process.environ().get(RUN_VARIABLE) == run_id)
    return False


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, readable by its owner only."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    Path(file.name).replace(path)
