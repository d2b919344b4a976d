"""A link: one run, shared with whoever holds a token, for a while.

    door/links/2026-11-26-0231-7f3a/
      link.json    what is shared, until when, the token's hash, the limits (written once)
      state.json   the guests' process: pid and start, address, how many guests (written by that process)
      closed       the owner has taken the link back
      guest.log    what the process printed

Taking a link back is a file: it counts at the very next request, whether or not the process can still be told.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from workbench.core import clock
from workbench.core.errors import UserError
from workbench.core.files import inside, read_json, write_json, write_text
from workbench.core.run import Run
from workbench.core.workspace import Workspace
from workbench.door.roles import Role

ID = re.compile(r"\d{4}-\d{2}-\d{2}-\d{4}-[0-9a-f]{4,8}")
LONGEST = 24.0
"""Hours."""
PLACES = ("here", "network", "tunnel")
"""Who can reach it: this machine (and a reverse proxy on it), the network, or the world through Gradio's tunnel."""


@dataclass(frozen=True)
class Limits:
    """What one guest, and what all of them together, may ask for."""

    per_minute: int = 12
    characters: int = 4000
    history: int = 16_000
    """Characters of a whole conversation."""
    tokens: int = 512
    """Of an answer."""
    guests: int = 200
    waiting: int = 120
    """Answers in hand, all guests together; one more is told: busy."""


@dataclass(frozen=True)
class Terms:
    """What the owner chose for a new link: how long, whether runs may be looked at, who can reach it, and under which path and port."""

    hours: float = 8.0
    runs: bool = False
    place: str = "here"
    prefix: str = ""
    port: int = 0


@dataclass(frozen=True)
class Link:
    """What link.json says."""

    id: str
    run: str
    chat: bool
    runs: bool
    token_sha256: str
    made: float
    until: float
    """Seconds since 1970, by the clock of the day."""
    place: str = "here"
    prefix: str = ""
    limits: Limits = Limits()

    @property
    def roles(self) -> frozenset[Role]:
        """What its guests may do."""
        return frozenset(role for role, has in ((Role.GUEST, self.chat), (Role.VIEWER, self.runs)) if has)

    def opens(self, token: str) -> bool:
        """Whether this is the token."""
        return hmac.compare_digest(_digest(token), self.token_sha256)


def make(workspace: Workspace, run: Run, terms: Terms) -> tuple[Link, str]:
    """A new link and its token (256 bits; kept nowhere). UserError for what cannot be shared so."""
    if not 0 < terms.hours <= LONGEST:
        raise UserError(f"A link lasts more than 0 and at most {LONGEST:g} hours; {terms.hours:g} was asked for.", f"链接的有效期须大于 0 且不超过 {LONGEST:g} 小时；给出的是 {terms.hours:g}。", field="hours")  # fmt: skip
    if terms.place not in PLACES:
        raise UserError(f"A link is for one of {', '.join(PLACES)}; {terms.place[:40]!r} is none.", f"链接的范围须为 {'、'.join(PLACES)} 之一；{terms.place[:40]!r} 不是。", field="place")  # fmt: skip
    if not 0 <= terms.port < 65_536:
        raise UserError(f"A port is a number from 0 (any that is free) to 65535; {terms.port} was asked for.", f"端口须为 0（任选空闲端口）到 65535 之间的数；给出的是 {terms.port}。", field="port")  # fmt: skip
    if not run.tuned.exists():
        raise UserError(f"{run.id} has no result that could answer; share a finished run.", f"{run.id} 没有可用于回答的结果；请分享已完成的任务。", field="run")  # fmt: skip
    token, now = secrets.token_urlsafe(32), time.time()
    link_id = time.strftime("%Y-%m-%d-%H%M-", time.localtime(now)) + secrets.token_hex(4)
    made = Link(
        link_id, run.id, True, terms.runs, _digest(token), now, now + terms.hours * 3600, terms.place, terms.prefix
    )
    write_json(folder(workspace, link_id) / "link.json", asdict(made))
    return made, token


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def folder(workspace: Workspace, link_id: str) -> Path:
    """Where a link lies. UserError for what is no link's id."""
    if not ID.fullmatch(link_id):
        raise UserError(f"There is no link {link_id[:60]!r}.", f"没有链接 {link_id[:60]!r}。", field="link")
    return inside(workspace.root, "door", "links", link_id)


def load(workspace: Workspace, link_id: str) -> Link:
    """A link as it was made. UserError where there is none."""
    found = read_json(folder(workspace, link_id) / "link.json")
    try:
        return Link(**{**found, "limits": Limits(**found["limits"])})
    except (TypeError, KeyError) as error:
        raise UserError(f"There is no link {link_id[:60]!r}.", f"没有链接 {link_id[:60]!r}。", field="link") from error


def state(workspace: Workspace, link_id: str) -> dict[str, Any]:
    """What the guests' process last told."""
    found = read_json(folder(workspace, link_id) / "state.json")
    return found if isinstance(found, dict) else {}


def is_open(workspace: Workspace, link: Link) -> bool:
    """Neither taken back nor over."""
    return time.time() < link.until and not (folder(workspace, link.id) / "closed").exists()


class Term:
    """How long a link lasts, by the clock of the day, by one that nobody can set, and by its folder."""

    def __init__(self, workspace: Workspace, link: Link) -> None:
        self.workspace, self.link = workspace, link
        self.deadline = time.monotonic() + link.until - time.time()

    def over(self) -> bool:
        """Taken back, or past its time by either clock."""
        return time.monotonic() >= self.deadline or not is_open(self.workspace, self.link)


def running(workspace: Workspace, link_id: str, name: str = "pid") -> psutil.Process | None:
    """A process of the link that is alive: the guests' page, or the tunnel it started ("tunnel")."""
    told = state(workspace, link_id)
    known: dict[str, Any] = told if name == "pid" else told.get(name) or {}
    with contextlib.suppress(psutil.Error, KeyError, TypeError, ValueError):
        process = psutil.Process(int(known["pid"]))
        return process if clock.is_same(process, known) and process.status() != psutil.STATUS_ZOMBIE else None
    return None


def close(workspace: Workspace, link_id: str) -> None:
    """Take a link back: no request is answered from now on."""
    write_text(folder(workspace, load(workspace, link_id).id) / "closed", "")


def all_open(workspace: Workspace) -> list[Link]:
    """Links that are neither taken back nor over nor without their process, the newest first."""
    root = workspace.root / "door" / "links"
    found = []
    for path in sorted(root.iterdir(), reverse=True) if root.is_dir() else []:
        if (path / "closed").exists():  # most of them, and the page asks every second
            continue
        try:
            link = load(workspace, path.name)
        except UserError:
            continue
        if is_open(workspace, link) and not _gone(workspace, link.id):
            found.append(link)
    return found


def _gone(workspace: Workspace, link_id: str) -> bool:
    """Whether its process had begun and is no more."""
    return "pid" in state(workspace, link_id) and running(workspace, link_id) is None


def facts(workspace: Workspace, link: Link) -> dict[str, Any]:
    """What the owner is told of a link."""
    told = state(workspace, link.id)
    return {"link": link.id, "run": link.run, "runs": link.runs, "until": link.until, "place": link.place, "guests": told.get("guests", 0), "asked": told.get("asked", 0)}  # fmt: skip
