"""What a newcomer does with the containers, and what may happen to them."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.containers.compose import Compose
from tests.containers.speech import Failed, check, say, wait_until

# docker-compose.yml reads it, too.
PORT = int(os.environ.get("PORT") or "8005")
URL = f"http://localhost:{PORT}"
OURS = ("web", "dispatcher", "worker", "simulator")
SIMULATOR_PORT = int(os.environ.get("SIMULATOR_PORT") or "8006")
USER_ID = 10001
KILLED = 128 + signal.SIGKILL
PAYMENTS = 30

# As the README has them.
CREATE = (
    f"curl -X POST {URL}/api/payments/"
    ' -H "X-API-KEY: test_api_key"'
    ' -H "Idempotency-Key: pay-001"'
    ' -H "Content-Type: application/json"'
    """ -d '{"amount": 1000, "currency": "INR"}'"""
)
REFUND = f'curl -X POST {URL}/api/payments/{{payment_id}}/refund/ -H "X-API-KEY: test_api_key"'


class Story:
    """One run from the build to the last volume's end."""

    def __init__(self, compose: Compose) -> None:
        self.compose = compose
        self.podman = compose.podman
        self.names: dict[str, str] = {}

    def tell(self) -> None:
        """Do it all.

        :raises Failed: at the first thing that is not as it must be
        """
        with socket.socket() as door:
            check(door.connect_ex(("127.0.0.1", PORT)), f"port {PORT} is free (PORT= changes it)")
        self.compose("build")
        self._look_at_the_image()
        with self._running(self.podman.folder / "up.log"):
            self._migrate()
            self._pay_and_refund()
            self._hear_a_webhook()
            self._compare_books()
            self._look_at_the_processes()
            self._verify()
            with self._second_worker():
                self._kill_the_worker()
            self._verify("--quiescent")
            self._find_what_hangs()
            self._stop()
        self.compose("down", "-v")
        check(self.podman("ps", "--all", "--quiet") == "", "no container is left")
        check(self.podman("volume", "ls", "--quiet") == "", "no volume is left")

    def _look_at_the_image(self) -> None:
        found = json.loads(self.podman("inspect", "payment-aggregator:local"))[0]
        check(found["Config"]["User"] == f"{USER_ID}:{USER_ID}", "the image's user is a number")
        secrets = [one for one in found["Config"]["Env"] if "PASSWORD" in one or "SECRET" in one]
        check(not secrets, "no secret is in the image's environment")
        look = ["run", "--rm", "--network=none", "payment-aggregator:local"]
        listed = self.podman(*look, "sh", "-c", "ls -A /app; ls /opt/venv/bin")
        check("requirements" in listed, "the folder of the code was listed")
        for name in (".git", ".env", ".local", "tests", "pip"):
            check(name not in listed.split(), f"there is no {name} in the image")

    @contextmanager
    def _running(self, log: Path) -> Iterator[None]:
        # In a terminal podman-compose starts all containers at once, each with what it needs, and
        # podman may then start one twice and another never. Detached it starts one after another.
        self.compose("up", "-d")
        with log.open("wb") as output:
            follower = self.compose.begin(output, "logs", "-f")
            try:
                self._wait_ready()
                yield
            except BaseException:
                say(f"the end of {log.name}:\n{log.read_text(errors='replace')[-8000:]}")
                raise
            finally:
                _end(follower)

    def _wait_ready(self) -> None:
        def is_ready() -> bool:
            return _curl(f"curl {URL}/readyz").get("status") == "ready"

        wait_until(is_ready, f"{URL}/readyz says ready", 240)
        self.names = self.podman.containers()
        check({*OURS, "postgres", "redis", "init"} == {*self.names}, "all seven services exist")
        check(self.podman.state(self.names["init"])["ExitCode"] == 0, "init ended well")

    def _migrate(self) -> None:
        said = self.compose("exec", "web", "python", "manage.py", "migrate")
        check("No migrations to apply" in said, "init had migrated already")
        check("Granted" in said, "web's migrate is the owner")

    def _pay_and_refund(self) -> None:
        payment = _curl(CREATE)
        check(payment["status"] == "CREATED", "the brief's payment is accepted")
        self._wait_for(payment["id"], "SUCCESS")
        refund = _curl(REFUND.replace("{payment_id}", payment["id"]))
        check(refund["status"] == "PENDING", "the brief's refund is accepted")
        self._wait_for(payment["id"], "REFUNDED")
        check(_curl(CREATE)["id"] == payment["id"], "the same request again is the same payment")

    def _hear_a_webhook(self) -> None:
        payment = _pay("late-1", "tok_late_success")
        self._wait_for(payment, "FAILED")
        # Only the mock's webhook can say so within a day.
        self._wait_for(payment, "SUCCESS")

    def _compare_books(self) -> None:
        payment = _pay("sim-1", "sim_drop_after+webhook_none", gateway="simulator")
        self._wait_for(payment, "SUCCESS")
        pending = _pay("sim-2", "sim_pending_success", gateway="simulator")
        self._wait_for(pending, "SUCCESS")
        held = _curl(f"curl http://localhost:{SIMULATOR_PORT}/charges")["results"]
        check(
            [one["status"] for one in held] == ["captured"] * 2,
            "the simulator charged two payments once each",
        )

    def _wait_for(self, payment: str, status: str) -> None:
        wait_until(lambda: _status(payment) == status, f"payment {payment} is {status}", 60)

    def _look_at_the_processes(self) -> None:
        for name in OURS:
            container = self.names[name]
            user = self.podman("exec", container, "id", "-u")
            check(user == str(USER_ID), f"{name} is not root")
            touched = self.podman.code("exec", container, "touch", "/app/config/mine.py")
            check(touched, f"{name} cannot write to its code")
            self._wait_healthy(name)
        env = self.podman("exec", self.names["worker"], "env")
        check("demo-owner" not in env, "the worker does not know the owner's password")

    def _wait_healthy(self, name: str) -> None:
        # Without a systemd to do it nobody runs podman's health checks, so we do.
        container = self.names[name]
        command = ["healthcheck", "run", container]
        wait_until(lambda: self.podman.code(*command) == 0, f"{name} is healthy", 60)

    def _verify(self, *options: str) -> None:
        said = self.compose("exec", "web", "python", "manage.py", "verify", *options)
        say(f"  {said.splitlines()[-1]}")

    @contextmanager
    def _second_worker(self) -> Iterator[None]:
        log = self.podman.folder / "second-worker.log"
        words = ["web", "celery", "-A", "config", "worker", "-l", "info"]
        with log.open("wb") as output:
            client = self.compose.begin(output, "exec", *words)
            try:
                wait_until(lambda: " ready." in log.read_text(), "a second worker is ready", 60)
                yield
                # The client has no terminal whose Ctrl-C it could hand on.
                os.kill(min(self.podman.pids(self.names["web"], "celery")), signal.SIGTERM)
                wait_until(lambda: client.poll() is not None, "the second worker ended", 40)
            finally:
                _end(client)

    def _kill_the_worker(self) -> None:
        before = self.podman.state(self.names["worker"])["Pid"]
        payments = [_pay(f"slow-{number}", "tok_slow") for number in range(PAYMENTS)]
        wait_until(
            lambda: any(_status(payment) == "PROCESSING" for payment in payments),
            "some of them are being carried out",
            30,
        )
        say(f"killing the worker's container with -9, pid {before}")
        os.kill(before, signal.SIGKILL)
        for payment in payments:
            self._wait_for(payment, "SUCCESS")

        def is_back() -> bool:
            state = self.podman.state(self.names["worker"])
            return bool(state["Running"] and state["Pid"] != before)

        wait_until(is_back, "the worker was started again", 60)
        self._wait_healthy("worker")

    def _find_what_hangs(self) -> None:
        container = self.names["dispatcher"]
        for pid in self.podman.pids(container, "dispatch"):
            os.kill(pid, signal.SIGSTOP)
        command = ["healthcheck", "run", container]
        wait_until(lambda: self.podman.code(*command), "a frozen dispatcher is unhealthy", 60)
        for pid in self.podman.pids(container, "dispatch"):
            os.kill(pid, signal.SIGCONT)
        self._wait_healthy("dispatcher")

    def _stop(self) -> None:
        began = time.monotonic()
        self.compose("stop")
        say(f"  stopped within {time.monotonic() - began:.1f} s")
        for name, container in self.names.items():
            state = self.podman.state(container)
            check(not state["Running"], f"{name} does not run")
            check(state["ExitCode"] != KILLED, f"{name} was not killed, it ended by itself")


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _curl(command: str) -> dict[str, Any]:
    """Run a command line of curl as a person would; return the JSON it answers, or nothing."""
    done = subprocess.run(
        ["bash", "-c", command.replace("curl ", "curl --silent --max-time 10 ", 1)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {}
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        message = f"{command} answers: {done.stdout[:500]}"
        raise Failed(message) from error
    return answer


def _pay(key: str, method: str, gateway: str = "mock") -> str:
    body = {"amount": 1000, "currency": "INR", "gateway": gateway, "payment_method": method}
    command = CREATE.replace("pay-001", key).partition(" -d ")[0] + f" -d '{json.dumps(body)}'"
    identity: str = _curl(command)["id"]
    return identity


def _status(payment: str) -> str:
    answer = _curl(f'curl {URL}/api/payments/{payment}/ -H "X-API-KEY: test_api_key"')
    return str(answer.get("status", ""))
