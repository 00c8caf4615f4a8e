"""Somebody who takes the simulator's webhooks, or does not."""

import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from config.stack.ports import LOOPBACK
from tests.simulator.provider import WEBHOOK_SECRET


class Receiver(ThreadingHTTPServer):
    """Keeps every webhook that arrives, and answers with ``status``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.url = f"http://{LOOPBACK}:{self.server_address[1]}/webhooks"
        self.status = 200
        self.taken: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        self.forged: list[dict[str, Any]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self, signature: str, body: bytes) -> int:
        """Take a webhook that the simulator has signed."""
        event = json.loads(body)
        if not is_genuine(signature, body):
            self.forged.append(event)
            return 400
        (self.taken if self.status == 200 else self.refused).append(event)
        return self.status

    def told(self, reference: str) -> list[str]:
        """Return the types of the events about a reference, as they were taken."""
        return [event["type"] for event in self.taken if event["data"]["reference"] == reference]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.take(self.headers["Simulator-Signature"], body))
        self.end_headers()

    def log_message(self, *args):
        """Say nothing."""


def is_genuine(signature: str, body: bytes) -> bool:
    """Compute the signature anew, as the page on it says."""
    stamp = signature.partition("t=")[2].partition(",")[0]
    mac = hmac.new(WEBHOOK_SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
    return signature == f"t={stamp},v1={mac.hexdigest()}"
