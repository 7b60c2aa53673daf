"""A Chromium without a window, told what to do over a pipe, so that no other package is needed."""

import base64
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

AXE = Path(sys.prefix, "axe/axe_playwright_python/axe.min.js")
"""axe-core, where `make test` puts it; beside the environment, whose packages are the lock's."""

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--remote-debugging-pipe",
    "--window-size=1200,900",
)


def executable() -> str | None:
    """The browser of this machine, if it has one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page in a browser of its own, below `folder`; what its console says is kept.

    Chrome's DevTools protocol: messages are JSON, each ended by a zero byte; the browser reads them
    from its descriptor 3 and writes its own to 4.
    """

    def __init__(self, folder: Path):
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        self._buffer, self._number = b"", 0
        self.said: list[str] = []
        """What the console said, and what scripts raised."""
        self.asked: list[str] = []
        """The addresses that the page asked for."""

        def descriptors() -> None:
            # Neither may be in the other's place when it is put there.
            high = os.dup(to_browser), os.dup(from_browser)
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        command = [str(executable()), *_SWITCHES, f"--user-data-dir={folder}", "about:blank"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=descriptors,
            close_fds=False,
        )
        for descriptor in (to_browser, from_browser):
            os.close(descriptor)
        targets = self._ask("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        attached = self._ask("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        with suppress(OSError, EOFError):
            self._ask("Browser.close")
        self._process.wait(timeout=30)
        os.close(self._read)
        os.close(self._write)

    def offline(self) -> None:
        """Let no request leave the machine."""
        self.call(
            "Network.emulateNetworkConditions",
            offline=True,
            latency=0,
            downloadThroughput=0,
            uploadThroughput=0,
        )

    def open(self, address: str) -> None:
        """Load a page, to its end."""
        self.call("Page.navigate", url=address)
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def window(self, width: int, height: int = 900) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def media(self, kind: str = "", scheme: str = "light") -> None:
        """Show the page as on a medium (`print`), in light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=kind, features=features)

    def js(self, expression: str):
        """The value of an expression; a promise is waited for."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until a condition holds; some things happen a moment after they are asked for."""
        look = f"const look = () => ({condition}) ? done(true) : setTimeout(look, 20); look();"
        late = "setTimeout(() => done(false), 5000);"
        assert self.js(f"new Promise(done => {{ {late} {look} }})"), condition

    def hindrances(self, where: str = "body") -> list[str]:
        """What axe-core finds there that hinders people, but for minor things; its words."""
        if not self.js("'axe' in window"):
            self.js(AXE.read_text(encoding="utf-8") + "; null")
        found = self.js(f"axe.run({where!r}).then(found => found.violations)")
        return [
            f"{one['id']} ({one['impact']}): {node['html'][:200]}: {node['failureSummary']}"
            for one in found
            if one["impact"] != "minor"
            for node in one["nodes"]
        ]

    def key(self, key: str) -> None:
        """Press a key and let it go."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        code = {"Enter": 13, "Tab": 9, "Escape": 27, " ": 32}[key]
        same = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **same)
        self.call("Input.dispatchKeyEvent", type="keyUp", **same)

    def picture(self, path: Path, of: str = "body") -> None:
        """Write an element as it is shown, in the window or beyond, as a PNG."""
        box = self.js(
            f"(({{x, y, width, height}}) => ({{x: x + scrollX, y: y + scrollY, width, height}}))"
            f"(document.querySelector({of!r}).getBoundingClientRect())"
        )
        answer = self.call(
            "Page.captureScreenshot",
            format="png",
            captureBeyondViewport=True,
            clip={**box, "scale": 1},
        )
        path.write_bytes(base64.b64decode(answer["data"]))

    def call(self, method: str, **given):
        return self._ask(method, session=self._session, **given)

    def _ask(self, method: str, session: str | None = None, **given):
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": given}
        message |= {"sessionId": session} if session else {}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def _next(self):
        """The next message; events that a test asks for are noted."""
        while b"\0" not in self._buffer:
            read = os.read(self._read, 1 << 20)
            if not read:
                raise EOFError("the browser has ended")
            self._buffer += read
        text, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(text)
        told = message.get("params", {})
        match message.get("method"):
            case "Runtime.consoleAPICalled":
                self.said.append(" ".join(str(one.get("value")) for one in told["args"]))
            case "Runtime.exceptionThrown":
                details = told["exceptionDetails"]
                self.said.append(details.get("exception", {}).get("description", details["text"]))
            case "Log.entryAdded":
                self.said.append(told["entry"]["text"])
            case "Network.requestWillBeSent":
                self.asked.append(told["request"]["url"])
        return message
