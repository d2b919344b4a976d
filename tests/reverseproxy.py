"""A reverse proxy on loopback that serves another server under a path, as nginx does with `location /wb/ { proxy_pass http://…/; }`."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOP = ("transfer-encoding", "connection", "content-length", "keep-alive")


class Handler(BaseHTTPRequestHandler):
    """Hands on what is below `prefix`, without it."""

    protocol_version = "HTTP/1.1"

    def __init__(self, port: int, prefix: str, *arguments: Any) -> None:
        self.port, self.prefix = port, prefix
        super().__init__(*arguments)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing on stderr."""

    def hand_on(self) -> None:
        if not self.path.startswith(f"{self.prefix}/"):
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        length = int(self.headers.get("Content-Length", 0))
        asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {**dict(self.headers.items()), "X-Forwarded-For": self.client_address[0]}
        asking.request(self.command, self.path.removeprefix(self.prefix), self.rfile.read(length) or None, headers)
        self._give(asking.getresponse())
        asking.close()

    do_GET = do_POST = do_HEAD = hand_on

    def _give(self, answer: http.client.HTTPResponse) -> None:
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(ConnectionError):
            while piece := answer.read1(65_536):
                self.wfile.write(piece)
                self.wfile.flush()


@contextlib.contextmanager
def proxied(port: int, prefix: str) -> Iterator[str]:
    """The address under which `port` is reached through the proxy."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, port, prefix))
    server.daemon_threads = True
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{prefix}"
    finally:
        server.shutdown()
        server.server_close()
