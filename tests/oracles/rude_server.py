"""A web server on this machine that misbehaves on request, for tests of downloading."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class RudeServer:
    """Serves ``content`` at every path; each behaviour in ``script`` is used for one request, afterwards it behaves well.

    Attributes:
        content: the bytes of the file.
        etag: its version; None to send none.
        script: what to do to the next requests, first come first served.
        seen: path and headers of every request.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.etag: str | None = '"one"'
        self.script: list[Callable[[BaseHTTPRequestHandler, RudeServer], None]] = []
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.released = threading.Event()  # lets stalled requests go when the test is over
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                (outer.script.pop(0) if outer.script else polite)(self, outer)

            def log_message(self, *_: object) -> None:
                """Be silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def ranges(self) -> list[str | None]:
        """The Range header of every request."""
        return [headers.get("range") for _, headers in self.seen]


def _start(handler: BaseHTTPRequestHandler, server: RudeServer, status: int, length: int, **more: str) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(length))
    if server.etag:
        handler.send_header("ETag", server.etag)
    for name, value in more.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def polite(handler: BaseHTTPRequestHandler, server: RudeServer) -> None:
    """Serve the file, or the rest of it, according to RFC 9110."""
    content = server.content
    wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    fresh = handler.headers.get("If-Range") in (None, server.etag)
    if not wanted or not fresh:
        _start(handler, server, 200, len(content))
        handler.wfile.write(content)
    elif int(wanted[1]) >= len(content):
        _start(handler, server, 416, 0, Content_Range=f"bytes */{len(content)}")
    else:
        first = int(wanted[1])
        _start(
            handler,
            server,
            206,
            len(content) - first,
            Content_Range=f"bytes {first}-{len(content) - 1}/{len(content)}",
        )
        handler.wfile.write(content[first:])


def ignore_range(handler: BaseHTTPRequestHandler, server: RudeServer) -> None:
    """Serve the whole file, whatever range was requested."""
    _start(handler, server, 200, len(server.content))
    handler.wfile.write(server.content)


def die_after(count: int, *, ranges: bool = True) -> Callable[[BaseHTTPRequestHandler, RudeServer], None]:
    """Announce the file, or the rest of it, and close the connection after ``count`` bytes."""

    def behave(handler: BaseHTTPRequestHandler, server: RudeServer) -> None:
        content = server.content
        wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        if wanted and ranges:
            first = int(wanted[1])
            rest = content[first:]
            where = f"bytes {first}-{len(content) - 1}/{len(content)}"
            _start(handler, server, 206, len(rest), Content_Range=where)
        else:
            rest = content
            _start(handler, server, 200, len(rest))
        handler.wfile.write(rest[:count])
        handler.wfile.flush()
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)

    return behave


def hang_up(handler: BaseHTTPRequestHandler, _server: RudeServer) -> None:
    """Close the connection without a response."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def stall_after(count: int) -> Callable[[BaseHTTPRequestHandler, RudeServer], None]:
    """Announce the file, send ``count`` bytes, and then nothing."""

    def behave(handler: BaseHTTPRequestHandler, server: RudeServer) -> None:
        _start(handler, server, 200, len(server.content))
        handler.wfile.write(server.content[:count])
        handler.wfile.flush()
        server.released.wait(20)
        handler.close_connection = True

    return behave


def answer(status: int, body: bytes = b"", **headers: str) -> Callable[[BaseHTTPRequestHandler, RudeServer], None]:
    """Answer with a status, headers and a body."""

    def behave(handler: BaseHTTPRequestHandler, server: RudeServer) -> None:
        _start(handler, server, status, len(body), **headers)
        handler.wfile.write(body)

    return behave


def endless(handler: BaseHTTPRequestHandler, _server: RudeServer) -> None:
    """Send zeros, without a length, until the client closes the connection."""
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    try:
        for _ in range(4096):
            handler.wfile.write(bytes(65536))
    except OSError:
        pass


def as_proxy(handler: BaseHTTPRequestHandler, server: RudeServer) -> None:
    """Serve the file for requests with a full url, as a proxy receives them."""
    if handler.path.startswith("http://"):
        polite(handler, server)
    else:
        answer(400)(handler, server)
