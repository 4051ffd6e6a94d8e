"""A real Chromium, driven over its DevTools protocol: no more than a page of one file needs."""

from __future__ import annotations

import asyncio
import base64
import itertools
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
    *("--remote-debugging-port=0", "about:blank"),
)
SECONDS = 30
LOOK_AGAIN_SECONDS = 0.02


def installed() -> str | None:
    """The path of a Chromium, where there is one."""
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


class Browser:
    """One tab. An asynchronous context manager; `profile` is an empty folder for its files."""

    def __init__(self, program: str, profile: Path) -> None:
        self._program = program
        self._profile = profile
        self._numbers = itertools.count(1)
        self.failures: list[str] = []
        """What went wrong inside the page: uncaught exceptions, and errors on its console."""

    async def __aenter__(self) -> Self:
        arguments = (f"--user-data-dir={self._profile}", *FLAGS)
        self._process: Process = await asyncio.create_subprocess_exec(
            self._program, *arguments, stdout=DEVNULL, stderr=PIPE, start_new_session=True
        )
        self._session = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(SECONDS):
                tab = await self._tab(await self._address())
                self._socket = await self._session.ws_connect(tab, max_msg_size=0)
            for domain in ("Page", "Runtime", "Log"):
                await self.command(f"{domain}.enable")
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._socket.close()
        await self._end()

    async def _end(self) -> None:
        await self._session.close()
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        await self._process.communicate()

    async def _address(self) -> str:
        """Where Chromium can be told what to do: it says so once it listens."""
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            _, listening, address = line.decode().partition("DevTools listening on ws://")
            if listening:
                return address.partition("/")[0]
        raise AssertionError(f"{self._program} ended before it listened")

    async def _tab(self, address: str) -> str:
        async with self._session.put(f"http://{address}/json/new?about:blank") as response:
            return str((await response.json())["webSocketDebuggerUrl"])

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(SECONDS):
            while True:
                message = await self._next()
                if message.get("id") == number:
                    assert "error" not in message, message["error"]
                    return dict(message["result"])

    async def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._socket.receive_json()
        parameters = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.failures.append(str(parameters["exceptionDetails"]))
        elif message.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.failures.append(str(parameters["entry"]["text"]))
        return message

    async def size(self, width: int, height: int) -> None:
        await self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    async def open(self, address: str) -> None:
        await self.command("Page.navigate", url=address)
        async with asyncio.timeout(SECONDS):
            while (await self._next()).get("method") != "Page.loadEventFired":
                pass

    async def evaluate(self, expression: str) -> Any:
        answer = await self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait in the page until `expression` is true there, and return its value."""
        return await self.evaluate(
            f"""new Promise((resolve, reject) => {{
                const end = performance.now() + {1000 * (SECONDS - 5)};
                const look = () => {{
                    const value = {expression};
                    if (value) resolve(value);
                    else if (performance.now() > end) reject(new Error("did not become true"));
                    else setTimeout(look, {1000 * LOOK_AGAIN_SECONDS});
                }};
                look();
            }})"""
        )

    async def focused(self, name: str) -> None:
        """Wait until the element with that id has the focus: what is typed before is lost. Looks again from here, as a
        page that is just replaced by another one takes a waiting expression along."""
        async with asyncio.timeout(SECONDS):
            while await self.evaluate("document.activeElement?.id") != name:
                pass

    async def type(self, text: str) -> None:
        await self.command("Input.insertText", text=text)

    async def press(self, key: str) -> None:
        text = {"text": "\r"} if key == "Enter" else {"text": key} if len(key) == 1 else {}
        await self.command("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        await self.command("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def picture(self) -> bytes:
        """A PNG of what is seen."""
        return base64.b64decode((await self.command("Page.captureScreenshot"))["data"])
