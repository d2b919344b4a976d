"""The guests of a link: who comes in, how often they ask, how much is in hand. In memory only; what they say is kept nowhere."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from workbench.core.text import Text
from workbench.door.accounts import Tries
from workbench.door.guard import Headers
from workbench.door.link import Link
from workbench.door.peer import Caller
from workbench.door.register import LATELY, MINUTE, Guest, Register, network
from workbench.door.roles import UNKNOWN, Roles

COOKIE = "workbench-guest"
"""With the link's id behind it: a browser sends the cookies of a host to all its ports."""
CROWD = 20
"""How many guests' rate one address may use up (a class behind one router)."""


class Refused(Exception):
    """Why a guest is not answered: an HTTP status, a sentence, and in how many seconds to try again."""

    def __init__(self, status: int, text: Text, after: float = 0.0) -> None:
        super().__init__(text.en)
        self.status, self.text, self.after = status, text, after


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
    _register: Register = field(default_factory=Register)

    @property
    def cookie(self) -> str:
        """The cookie's name."""
        return f"{COOKIE}-{self.link.id}"

    def enter(self, token: str, address: str) -> str:
        """A cookie for who holds the token. Refused for a wrong one, or when many come in from one address; who guesses is slowed down,
        and nobody else."""
        address = network(address)
        if self.link.opens(token):
            return self._came(address)
        wait = self.tries.wait("link", address)
        if wait:
            raise Refused(429, Text("Too many wrong links; wait a minute.", "错误的链接次数过多，请稍等一分钟。"), wait)
        self.tries.wrong("link", address)
        raise Refused(403, Text("This link is not good (any more). Ask whoever sent it for a new one.", "此链接无效或已失效，请向分享者索取新的链接。"))  # fmt: skip

    def _came(self, address: str) -> str:
        wait = self._register.wait(address, self.now())
        if wait:
            raise Refused(429, Text("Too many people open this link from your network; wait a minute.", "从你所在的网络打开此链接的人太多，请稍等一分钟。"), wait)  # fmt: skip
        cookie = secrets.token_urlsafe(24)
        self._register.add(_key(cookie), address, self.now())
        return cookie

    def who(self, caller: Caller, headers: Headers, cookies: dict[str, str]) -> Roles:
        """The roles behind a request's cookie; none once the link is over."""
        return self.link.roles if self.of(cookies.get(self.cookie, "")) and not self.over() else UNKNOWN

    def of(self, cookie: str) -> Guest | None:
        """Whose cookie this is."""
        found = self._register.known.get(_key(cookie)) if cookie else None
        if found:
            found.seen = self.now()
        return found

    @property
    def here(self) -> int:
        """Guests who were seen lately."""
        return sum(self.now() - guest.seen < LATELY for guest in self._register.known.values())

    @contextmanager
    def answering(self, guest: Guest) -> Iterator[None]:
        """One answer in hand. Refused for who asks too often, or before the last answer is whole, or when too many wait."""
        self._check(guest)
        self._place(guest)
        guest.last = self.now()
        guest.asked.append(guest.last)
        self._register.house(guest.address).asked.append(guest.last)
        guest.busy, self.answers, self.asked = True, self.answers + 1, self.asked + 1
        try:
            yield
        finally:
            guest.busy, guest.last, self.answers = False, self.now(), self.answers - 1

    def _check(self, guest: Guest) -> None:
        limits = self.link.limits
        while guest.asked and self.now() - guest.asked[0] >= MINUTE:
            guest.asked.popleft()
        if guest.busy:
            raise Refused(409, Text("Your last question is still being answered.", "上一个问题还在回答中。"), 2)
        if len(guest.asked) >= limits.per_minute:
            wait = MINUTE - (self.now() - guest.asked[0])
            raise Refused(429, Text(f"{limits.per_minute} questions a minute are allowed; wait {wait:.0f} s.", f"每分钟最多提问 {limits.per_minute} 次；请等待 {wait:.0f} 秒。"), wait)  # fmt: skip
        lately = self._register.house(guest.address).asked
        while lately and self.now() - lately[0] >= MINUTE:
            lately.popleft()
        if len(lately) >= CROWD * limits.per_minute:
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
        """A place for a guest who asks; those of guests who have not asked for a while are free again."""
        full = "" if guest.placed else self._register.give(guest, self.link.limits.guests, self.now())
        if full == "address":
            raise Refused(429, Text("All places for your network are taken; come back in a few minutes.", "你所在网络的名额已满，请过几分钟再来。"), MINUTE)  # fmt: skip
        if full:
            raise Refused(
                429, Text("All places are taken; come back in a few minutes.", "访客已满，请过几分钟再来。"), MINUTE
            )


def _key(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
