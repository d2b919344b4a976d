"""How much may be sent, how fast it must come, and how much may lie in the upload folder.

Gradio bounds one file, not a request and not the sum: both are counted here while the bytes come, whatever their headers say.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

BODY = 64 * 2**20
"""Bytes of a request that is no upload."""
FILE = 2 * 2**30
"""Bytes of one upload."""
PATIENCE = 30.0
"""Seconds without a byte of a body."""
PACE = 1000
"""Bytes a second that a body must bring on the whole, once it has taken twice that patience."""
SHARE, MOST = 0.5, 20 * 2**30
"""Of the free disk, and bytes, that uploads may take together."""
TURNS = 2
"""Pieces of uploads that are worked on at a time."""
COUNTED = 2.0
"""Seconds for which a count of the folder is good."""


@dataclass(frozen=True)
class TooMuch:
    """Why a request is cut off: `status` 413, or 408 for too slow."""

    status: int
    text: str


TOO_BIG = "More was sent than is allowed here. 发送的内容超出上限。"
TOO_SLOW = "Nothing came for a while; send it again. 长时间没有收到数据；请重新发送。"
NO_ROOM = "The uploads that lie here already take all the room there is for them; clean up (Runs → Storage) and try again. 已有的上传文件占满了配额；请在“运行 → 存储”中清理后重试。"


@dataclass
class Quota:
    """All uploads together. `held` bytes are on their way now, in `busy` requests."""

    folder: Path
    most: int = MOST
    held: int = 0
    busy: int = 0
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TURNS))
    """Pieces are taken apart in the loop that answers everybody: of fifty uploads only a few have their turn, and a page's request comes
    after those few instead of after all."""
    _counted: tuple[float, int] = field(default=(-COUNTED, 0))

    def room(self) -> int:
        """Bytes that may still come."""
        when, lying = self._counted
        if time.monotonic() - when >= COUNTED:
            lying = sum(map(_size, self.folder.glob("*/*"))) if self.folder.is_dir() else 0
            self._counted = (time.monotonic(), lying)
        around = next((each for each in (self.folder, *self.folder.parents) if each.exists()), Path("/"))
        return min(self.most - lying, int(shutil.disk_usage(around).free * SHARE)) - self.held

    def sweep(self) -> None:
        """Away with what a broken upload left: Gradio writes into the folder itself and moves what is whole into one below it."""
        if not self.busy and self.folder.is_dir():
            for path in self.folder.iterdir():
                if path.is_file():
                    path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    """Bytes; 0 for what was cleaned up a moment ago."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


@dataclass
class Counted:
    """A request's body as it comes. Once there is too `much` of it, the application is told that the client has gone."""

    receive: Receive
    most: int
    quota: Quota | None = None
    patience: float = PATIENCE
    came: int = 0
    whole: bool = False
    much: TooMuch | None = None
    has_turn: bool = False
    since: float = field(default_factory=time.monotonic)

    def begin(self, length: str) -> None:
        """Judge what the header announces, before a byte is read."""
        announced = int(length) if length.isdigit() else 0
        if self.quota:
            self.quota.busy += 1
        if announced > self.most:
            self.much = TooMuch(413, TOO_BIG)
        elif self.quota and announced > self.quota.room():
            self.much = TooMuch(413, NO_ROOM)

    async def __call__(self) -> Message:
        """The next piece. After a whole body only the client's going away can come: for that there is no hurry."""
        self._give_turn()
        if self.whole:
            return await self.receive()
        try:
            message = await asyncio.wait_for(self.receive(), self.patience)
        except (TimeoutError, asyncio.TimeoutError):  # two things before Python 3.11
            self.much = TooMuch(408, TOO_SLOW)
            return GONE
        if self.quota:
            await self.quota.turns.acquire()
            self.has_turn = True
        self.whole = not message.get("more_body", False)
        self._count(len(message.get("body", b"")))
        return GONE if self.much else message

    def _give_turn(self) -> None:
        if self.quota and self.has_turn:
            self.has_turn = False
            self.quota.turns.release()

    def _count(self, size: int) -> None:
        self.came += size
        if self.quota:
            self.quota.held += size
        if self.came > self.most:
            self.much = TooMuch(413, TOO_BIG)
        elif self.quota and self.quota.room() < 0:
            self.much = TooMuch(413, NO_ROOM)
        spent = time.monotonic() - self.since
        if not self.whole and spent > 2 * self.patience and self.came < PACE * spent:
            self.much = TooMuch(408, TOO_SLOW)

    def done(self) -> None:
        """The request is over; its files are counted where they lie now."""
        self._give_turn()
        if self.quota:
            self.quota.held -= self.came
            self.quota.busy -= 1
            self.quota.sweep()


GONE: Message = {"type": "http.disconnect"}
