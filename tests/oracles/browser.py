"""A headless Chromium, driven over its debugging pipe, to test the behaviour of pages.

No package is needed: the DevTools protocol is JSON, one document after another with a zero byte between them.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path


def chromium():
    """Return the path of Chromium or Chrome, or None if neither is installed."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Browser:
    """One page of a headless browser; `requests` and `complaints` collect its requests and its console errors."""

    def __init__(self, binary):
        self._folder = tempfile.mkdtemp(prefix="vidbench-browser-")
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        # Chromium reads commands from descriptor 3 and writes answers to descriptor 4.
        command = (
            f'exec "$0" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --hide-scrollbars '
            f'--disable-background-networking --user-data-dir="$1" --remote-debugging-pipe '
            f"3<&{theirs_in} 4>&{theirs_out} about:blank"
        )
        self._process = subprocess.Popen(
            ["bash", "-c", command, binary, self._folder],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._buffer = b""
        self._next = 0
        self._session = None
        self._loaded = False
        self.requests = []
        self.complaints = []
        target = self._command("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._command(f"{domain}.enable")

    def close(self):
        self._session = None
        try:
            self._command("Browser.close")
        except (OSError, TimeoutError):
            self._process.kill()
        self._process.wait(20)
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self._folder, ignore_errors=True)

    def open(self, url):
        """Load a page and wait until it is loaded."""
        self._loaded = False
        self._command("Page.navigate", url=url)
        # A link within a page loads nothing.
        while not self._loaded and "#" not in url:
            self._read(30)
        self.run("document.readyState")

    def run(self, script):
        """Evaluate JavaScript in the page; its value must be JSON-able."""
        answer = self._command("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key, text=""):
        """Press a key."""
        codes = {"Tab": 9, "Enter": 13, " ": 32}
        common = {"key": key, "windowsVirtualKeyCode": codes.get(key, ord(key[0].upper())), "text": text}
        self._command("Input.dispatchKeyEvent", type="keyDown", **common)
        self._command("Input.dispatchKeyEvent", type="keyUp", **{**common, "text": ""})

    def look(self, width, height, scheme="light", scale=1):
        """Set the window size and the colour scheme."""
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 500,
        )
        self._command(
            "Emulation.setEmulatedMedia",
            features=[
                {"name": "prefers-color-scheme", "value": scheme},
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ],
        )

    def screenshot(self, path):
        """Write a screenshot as PNG."""
        Path(path).write_bytes(base64.b64decode(self._command("Page.captureScreenshot", format="png")["data"]))

    def _command(self, method, **parameters):
        self._next += 1
        number = self._next
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read(30)
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _read(self, seconds):
        """Return the next message, recording events before it."""
        until = time.monotonic() + seconds
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError("the browser says nothing")
            chunk = os.read(self._in, 1 << 20)
            if not chunk:
                raise TimeoutError("the browser has gone")
            self._buffer += chunk
        first, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(first)
        self._note(message)
        return message

    def _note(self, message):
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.consoleAPICalled" or method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(parameters)[:500])
        elif method == "Log.entryAdded":
            self.complaints.append(parameters["entry"]["text"])
