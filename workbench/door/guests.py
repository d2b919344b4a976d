"""The guests of a link: who came in, how often they ask, how much is in hand. In memory only; what they say is kept nowhere."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from workbench.core.text import Text
from workbench.door.accounts import Tries
from workbench.door.guard import Headers
from workbench.door.link import Link
from workbench.door.peer import Caller
from workbench.door.roles import UNKNOWN, Roles

COOKIE = "workbench-guest"
"""With the link's id behind it: a browser sends the cookies of a host to all its ports."""
MINUTE, LATELY = 60.0, 120.0
"""Seconds: the window of the rate, and for how long after the last request a guest counts as here."""
KNOWN, CROWD = 5000, 20
"""Cookies that are remembered; and how many guests' rate one address may use up (a class behind one router)."""


class Refused(Exception):
    """Why a guest is not answered: an HTTP status, a sentence, and in how many seconds to try again."""

    def __init__(self, status: int, text: Text, after: float = 0.0) -> None:
        super().__init__(text.en)
        self.status, self.text, self.after = status, text, after


@dataclass
class Guest:
    """One browser that came in."""

    seen: float
    address: str = ""
    asked: deque[float] = field(default_factory=deque)
    busy: bool = False
    placed: bool = False
    """Whether it has a place: from its first question on, so that who only looks at the link (a group chat does) takes none."""


@dataclass
class Guests:
    """Everybody who came in through one link."""

    link: Link
    now: Callable[[], float] = time.monotonic
    tries: Tries = field(default_factory=Tries)
    answers: int = 0
    """In hand."""
    asked: int = 0
    """Since the beginning."""
    over: Callable[[], bool] = lambda: False
    """Whether the link is taken back or past its time."""
    _known: dict[str, Guest] = field(default_factory=dict)
    _by_address: dict[str, deque[float]] = field(default_factory=dict)

    @property
    def cookie(self) -> str:
        """The cookie's name."""
        return f"{COOKIE}-{self.link.id}"

    def enter(self, token: str, address: str) -> str:
        """A cookie for who holds the token. Refused for a wrong one; who guesses is slowed down, and nobody else."""
        if self.link.opens(token):
            return self._came(address)
        wait = self.tries.wait("link", address)
        if wait:
            raise Refused(429, Text("Too many wrong links; wait a minute.", "错误的链接次数过多，请稍等一分钟。"), wait)
        self.tries.wrong("link", address)
        raise Refused(403, Text("This link is not good (any more). Ask whoever sent it for a new one.", "此链接无效或已失效，请向分享者索取新的链接。"))  # fmt: skip

    def _came(self, address: str) -> str:
        while len(self._known) >= KNOWN:
            del self._known[
                next((key for key, guest in self._known.items() if not guest.placed), next(iter(self._known)))
            ]
        cookie = secrets.token_urlsafe(24)
        self._known[_key(cookie)] = Guest(self.now(), address)
        return cookie

    def who(self, caller: Caller, headers: Headers, cookies: dict[str, str]) -> Roles:
        """The roles behind a request's cookie; none once the link is over."""
        return self.link.roles if self.of(cookies.get(self.cookie, "")) and not self.over() else UNKNOWN

    def of(self, cookie: str) -> Guest | None:
        """Whose cookie this is."""
        found = self._known.get(_key(cookie)) if cookie else None
        if found:
            found.seen = self.now()
        return found

    @property
    def here(self) -> int:
        """Guests who were seen lately."""
        return sum(self.now() - guest.seen < LATELY for guest in self._known.values())

    @contextmanager
    def answering(self, guest: Guest) -> Iterator[None]:
        """One answer in hand. Refused for who asks too often, or before the last answer is whole, or when too many wait."""
        self._check(guest)
        self._place(guest)
        guest.asked.append(self.now())
        self._by_address[guest.address].append(self.now())
        guest.busy, self.answers, self.asked = True, self.answers + 1, self.asked + 1
        try:
            yield
        finally:
            guest.busy, self.answers = False, self.answers - 1

    def _check(self, guest: Guest) -> None:
        limits = self.link.limits
        while guest.asked and self.now() - guest.asked[0] >= MINUTE:
            guest.asked.popleft()
        if guest.busy:
            raise Refused(409, Text("Your last question is still being answered.", "上一个问题还在回答中。"), 2)
        if len(guest.asked) >= limits.per_minute:
            wait = MINUTE - (self.now() - guest.asked[0])
            raise Refused(429, Text(f"{limits.per_minute} questions a minute are allowed; wait {wait:.0f} s.", f"每分钟最多提问 {limits.per_minute} 次；请等待 {wait:.0f} 秒。"), wait)  # fmt: skip
        lately = self._by_address.setdefault(guest.address, deque(maxlen=CROWD * limits.per_minute))
        if len(lately) == lately.maxlen and self.now() - lately[0] < MINUTE:
            raise Refused(
                429,
                Text("Too many questions come from your network; wait a moment.", "你所在的网络提问过多，请稍后再试。"),
                5,
            )
        if self.answers >= limits.waiting:
            raise Refused(
                429, Text("Too many people are asking; try again in a moment.", "提问的人太多，请稍后再试。"), 5
            )

    def _place(self, guest: Guest) -> None:
        """A place for a guest who asks; those of guests who have not been seen for a while are free again."""
        if guest.placed:
            return
        held = [each for each in self._known.values() if each.placed]
        for each in held:
            each.placed = self.now() - each.seen < 5 * LATELY
        if sum(each.placed for each in held) >= self.link.limits.guests:
            raise Refused(
                429, Text("All places are taken; come back in a few minutes.", "访客已满，请过几分钟再来。"), MINUTE
            )
        guest.placed = True


def _key(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
