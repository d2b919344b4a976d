"""Two pairs of eyes on one process: Python's audit events, and the kernel's inotify on folders in which nothing may happen."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from places import ROOT

FILES: dict[str, tuple[int, ...]] = {
    "open": (0,), "os.mkdir": (0,), "os.rename": (0, 1), "os.remove": (0,), "os.rmdir": (0,), "os.link": (0, 1), "os.symlink": (1,),
    "os.listdir": (0,), "os.scandir": (0,), "os.chmod": (0,), "os.chown": (0,), "os.truncate": (0,), "os.utime": (0,), "os.chdir": (0,),
    "shutil.rmtree": (0,), "shutil.move": (0, 1), "shutil.copyfile": (0, 1), "shutil.copytree": (0, 1), "sqlite3.connect": (0,),
    "shutil.make_archive": (0,), "shutil.unpack_archive": (0, 1), "glob.glob": (0,),
}  # fmt: skip
"""Event → which of its arguments are paths."""
READING = {"os.listdir", "os.scandir", "glob.glob"}
SPAWNS = {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork", "os.forkpty"}
OURS = [ROOT / part for part in ("workbench", "assets", "presets", "tests")]
LIBRARIES = (
    sys.prefix,
    sys.base_prefix,
    *(os.path.realpath(path) for path in (*OURS, *(ROOT / "assets" / "models").iterdir())),
)
SYSTEM = ("/proc/", "/sys/", "/dev/urandom", "/dev/null", "/usr/share/zoneinfo", "/usr/lib", "/lib", "/etc/localtime", "/etc/mime.types", "/etc/ssl", "/usr/local/etc", "/etc/os-release", "/etc/fonts", "/usr/share")  # fmt: skip
"""May be read, by whoever: nobody's secrets."""
SECRET = ("/environ", "/mem", "/cmdline")
MODEL = {"config.json", "adapter_config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors", "model.safetensors.index.json", "generation_config.json", "chat_template.jinja", "special_tokens_map.json", "processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json"}  # fmt: skip
"""The exception: a model may be named by a folder anywhere (the owner's own hand). Only these files of it are opened, only to be read."""


class Watch:
    """Notes every step out of the workspace. `doing` is what is being tried."""

    def __init__(self, workspace: Path, temp: Path) -> None:
        self.mine = (str(workspace), str(temp))
        self.doing: Any = None
        self.on = False
        self.breaches: list[tuple[Any, str, str]] = []
        self.named: set[str] = set()
        self.models: list[tuple[Any, str, str]] = []
        self.spawned: list[tuple[Any, list[str]]] = []
        self.refuse: Callable[[], Exception] = lambda: OSError("no process is started here")
        sys.addaudithook(self._heard)

    def _heard(self, event: str, given: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in FILES:
            for place in FILES[event]:
                self._file(event, given[place], given)
        elif event in SPAWNS:
            words = given[1] if len(given) > 1 else given
            self.spawned.append((self.doing, [os.fsdecode(word) for word in words] if isinstance(words, (list, tuple)) else [repr(words)]))  # fmt: skip
            raise self.refuse()
        elif event == "socket.connect":
            self._address(event, given[1])
        elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
            self._address(event, given)

    def _file(self, event: str, path: Any, given: tuple[Any, ...]) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)) or path == ":memory:":
            return
        try:
            named = os.path.realpath(os.fsdecode(path))
        except ValueError:
            return  # a NUL: nothing is ever opened
        if named == "/dev/null" or any(named == place or named.startswith(place + "/") for place in self.mine):
            return
        if _reads(event, given) and named.startswith((*LIBRARIES, *SYSTEM)) and not named.endswith(SECRET):
            return
        if named in self.named and _reads(event, given):
            return
        looks = _reads(event, given) and (Path(named).name in MODEL or event == "os.listdir") and _by_the_loader()
        kept = self.models if looks else self.breaches
        kept.append((self.doing, event, named))

    def _address(self, event: str, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else address
        host = os.fsdecode(host) if isinstance(host, (str, bytes)) else str(host)
        if host.startswith(("127.", "::1", "localhost", "None", "/")):
            return
        self.breaches.append((self.doing, event, host))
        raise ConnectionRefusedError(f"nobody is asked from here: {host}")


def _by_the_loader() -> bool:
    """Whether workbench/models asks: the one room that opens folders of models."""
    frame = sys._getframe()
    while frame is not None:
        if "/workbench/models/" in frame.f_code.co_filename:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _reads(event: str, given: tuple[Any, ...]) -> bool:
    if event != "open":
        return event in READING
    mode, flags = given[1], given[2]
    if isinstance(mode, str):
        return not set(mode) & set("wax+")
    return not (int(flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


FOLDER = 0x40000000
"""A folder was opened to be listed: Python's own events tell who did."""
KINDS = {0x1: "read", 0x2: "write", 0x20: "open", 0x40: "moved from", 0x80: "moved to", 0x100: "create", 0x200: "delete", 0x4: "attributes"}  # fmt: skip


class Inotify:
    """What the kernel saw in these folders. Linux only: elsewhere it sees nothing."""

    def __init__(self, folders: list[Path]) -> None:
        self.folders: dict[int, Path] = {}
        if not sys.platform.startswith("linux"):
            return
        library = ctypes.CDLL(None, use_errno=True)
        self.handle = library.inotify_init1(os.O_NONBLOCK)
        for folder in folders:
            self.folders[library.inotify_add_watch(self.handle, os.fsencode(folder), sum(KINDS))] = folder

    def told(self) -> list[str]:
        """Since it was asked last."""
        found = []
        while self.folders:
            try:
                data = os.read(self.handle, 1 << 16)
            except BlockingIOError:
                break
            at = 0
            while at < len(data):
                watch, mask, _, size = struct.unpack_from("iIII", data, at)
                name = data[at + 16 : at + 16 + size].rstrip(b"\0").decode()
                if name not in MODEL | {"workspace", "temp"} and not (mask & FOLDER and mask & 0x21):
                    found += [f"{said} {self.folders[watch] / name}" for bit, said in KINDS.items() if mask & bit]
                at += 16 + size
        return found
