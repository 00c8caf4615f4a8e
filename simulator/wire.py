"""Puts an answer on the wire, or what a bad connection or a bad provider makes of it."""

import contextlib
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler

from simulator.answers import Answer

OVERSIZED_BYTES = 4 * 1024 * 1024
DRIP_SECONDS = 1.0
JSON = "application/json"


def send(handler: BaseHTTPRequestHandler, answer: Answer, slow_seconds: float) -> None:
    """Send the answer, or play the fault that it met."""
    body, kind = answer.text.encode(), JSON
    match answer.met:
        case "drop":
            return cut(handler)
        case "slow":
            time.sleep(slow_seconds)
        case "malformed":
            body = b'{"object": "charge", "id": ch_'
        case "html":
            body, kind = b"<html><body><h1>Welcome to nginx!</h1></body></html>", "text/html"
        case "oversized":
            body = body[:-1] + b', "padding": "' + b"x" * OVERSIZED_BYTES + b'"}'
        case "truncated":
            _head(handler, answer, kind, len(body))
            handler.wfile.write(body[: len(body) // 2])
            return cut(handler)
        case "drip":
            _head(handler, answer, kind, len(body))
            return _drip(handler, body, slow_seconds)
    _head(handler, answer, kind, len(body))
    handler.wfile.write(body)
    return None


def page(handler: BaseHTTPRequestHandler, text: str) -> None:
    """Send a page for people. Nothing in it is carried out."""
    body = text.encode()
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html; charset=utf-8")
    handler.send_header("Content-Length", str(len(body)))
    policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    handler.send_header("Content-Security-Policy", policy)
    handler.send_header("X-Content-Type-Options", "nosniff")
    handler.end_headers()
    handler.wfile.write(body)


def redirect(handler: BaseHTTPRequestHandler, address: str) -> None:
    """Send somebody elsewhere, to be asked for with GET."""
    handler.send_response(303)
    handler.send_header("Location", address)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Reset the connection, so that the other side notices at once and has no answer."""
    handler.close_connection = True
    with contextlib.suppress(OSError):
        handler.wfile.flush()
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.connection.close()


def _head(handler: BaseHTTPRequestHandler, answer: Answer, kind: str, length: int) -> None:
    handler.send_response(answer.status if answer.met != "html" else 200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(length))
    for name, value in answer.headers.items():
        handler.send_header(name, value)
    handler.end_headers()


def _drip(handler: BaseHTTPRequestHandler, body: bytes, slow_seconds: float) -> None:
    end = time.monotonic() + slow_seconds
    for at in range(len(body)):
        if time.monotonic() > end:
            return cut(handler)
        handler.wfile.write(body[at : at + 1])
        handler.wfile.flush()
        time.sleep(DRIP_SECONDS)
    return None
