"""Accounts, sessions, and how fast one may guess.

Passwords are kept as scrypt hashes (RFC 7914; parameters of OWASP's password storage cheat sheet) in accounts.json, which only its owner
can read. A session is a random token in a cookie; only the token's hash is kept, in memory: a restart ends all sessions. An unknown name
costs the same time as a wrong password.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import re
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from workbench.core.errors import UserError
from workbench.core.files import read_json, write_json
from workbench.core.workspace import locked
from workbench.door.roles import LOOPBACK

FIRST = "workbench"
"""The name that belongs to WORKBENCH_PASSWORD, or to the password that is made up at the start."""
COST, BLOCK, LANES = 2**14, 8, 5
LEAST = 10
"""Characters of a password."""
TRIES, TRIES_OF_ADDRESS, TRIES_OF_NAME, WINDOW = 5, 30, 60, 60.0
"""Wrong passwords in so many seconds: for a name from one address, for any name from one address, for a name from anywhere."""
LASTS, RESTS = 12 * 3600.0, 2 * 3600.0
"""Seconds a session lasts at most, and without being used."""
KNOWN = 10_000
"""Names and addresses whose failures are remembered."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def hashed(password: str, salt: bytes | None = None) -> str:
    """ "scrypt$N$r$p$salt$hash" of a password."""
    salt = salt or os.urandom(16)
    made = hashlib.scrypt(password.encode(), salt=salt, n=COST, r=BLOCK, p=LANES, maxmem=256 * COST * BLOCK)
    return "$".join(["scrypt", str(COST), str(BLOCK), str(LANES), *(base64.b64encode(part).decode() for part in (salt, made))])  # fmt: skip


def matches(password: str, known: str) -> bool:
    """Whether a password has this hash; False for a hash that is none."""
    try:
        _, cost, block, lanes, salt, digest = known.split("$")
        made = hashlib.scrypt(
            password.encode(), salt=base64.b64decode(salt), n=int(cost), r=int(block), p=int(lanes), maxmem=256 * int(cost) * int(block)
        )  # fmt: skip
        return hmac.compare_digest(made, base64.b64decode(digest))
    except ValueError:
        return False


def _check_password(password: str) -> None:
    if len(password) < LEAST:
        raise UserError(f"The password has {len(password)} characters; at least {LEAST} are needed.", f"密码只有 {len(password)} 个字符，至少需要 {LEAST} 个。", field="password")  # fmt: skip


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


NOTHING = hashed(secrets.token_urlsafe(16))
"""What the password of an unknown name is compared with."""


class Accounts:
    """Names and hashes of a workspace; a change on disk counts at once."""

    def __init__(self, path: Path, first: str | None = None) -> None:
        self.path = path
        if first is not None:
            _check_password(first)
        self._first = hashed(first) if first else None
        self._read: tuple[object, dict[str, str]] = ("", {})
        self._damaged = False

    def names(self) -> list[str]:
        """Who can log in. UserError for a damaged file: nobody may take it for one without accounts."""
        return sorted({*self._sound(), *([FIRST] if self._first else [])})

    def add(self, name: str, password: str) -> None:
        """A new account, or another password for one. UserError for a name or password that will not do."""
        if not NAME.fullmatch(name):
            raise UserError(f"A user's name is 1–40 letters, digits, dots, hyphens or underscores; {name[:60]!r} is not.", f"用户名须为 1–40 个字母、数字、点、连字符或下划线；{name[:60]!r} 不符合。", field="name")  # fmt: skip
        _check_password(password)
        made = hashed(password)
        with self._alone():
            self._keep({**self._sound(), name: made})

    def remove(self, name: str) -> None:
        """No such account any more. UserError for an unknown one."""
        self._known(name)
        with self._alone():
            kept = self._known(name)
            self._keep({each: value for each, value in kept.items() if each != name})

    def _known(self, name: str) -> dict[str, str]:
        """The accounts, this one among them."""
        kept = self._sound()
        if name not in kept:
            raise UserError(f"There is no user {name[:60]!r}; users: {', '.join(kept) or 'none'}.", f"没有用户 {name[:60]!r}；现有：{', '.join(kept) or '无'}。", field="name")  # fmt: skip
        return kept

    def mark(self, name: str) -> str:
        """What a session is tied to: another password is another mark; no account is "", which no session is good with."""
        known = self._kept().get(name) or (self._first if name == FIRST else None)
        return _digest(known) if known else ""

    def right(self, name: str, password: str) -> bool:
        """Whether these belong together; takes the same time either way."""
        known = self._kept().get(name) or (self._first if name == FIRST else None)
        right = matches(password[:1024], known or NOTHING)
        return right and known is not None

    def _sound(self) -> dict[str, str]:
        """As `_kept`, of a file that is whole."""
        kept = self._kept()
        if self._damaged:
            raise UserError(f"The accounts in {self.path} cannot be read. Put the file back from a copy, or delete it and add everybody again with `users add`; until then nothing is changed.", f"无法读取 {self.path} 中的账户。请用备份恢复该文件，或删除它后用 users add 重新添加所有用户；在此之前不会改动任何内容。", field="accounts.json")  # fmt: skip
        return kept

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Between reading and writing nobody else writes."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path.with_name(".accounts.lock")):
            self._read = ("", {})  # two writes in one moment can have one stamp
            yield

    def _kept(self) -> dict[str, str]:
        """Nothing where the file is damaged: nobody is let in."""
        stamp = _stamp(self.path)
        if stamp != self._read[0]:
            found = read_json(self.path)
            users = found.get("users") if isinstance(found, dict) else None
            made = {str(name): str(value) for name, value in users.items()} if isinstance(users, dict) else {}
            self._read, self._damaged = (stamp, made), stamp is not None and not isinstance(users, dict)
        return dict(self._read[1])

    def _keep(self, users: dict[str, str]) -> None:
        write_json(self.path, {"users": users})


Key = tuple[str | None, str | None]
"""Address and name; None: whichever."""


@dataclass
class Tries:
    """Wrong answers of the last minute, by whom. The clock cannot be set."""

    now: Callable[[], float] = time.monotonic
    _wrong: dict[Key, deque[float]] = field(default_factory=dict)
    _known: dict[Key, None] = field(default_factory=dict)

    def wait(self, who: str, address: str) -> float:
        """Seconds until `who` may try again from `address`; 0: now. Somebody who has been let in from there before is not kept out by
        what others do elsewhere, nor is this machine."""
        bounds = _bounds(who, address)
        if address in LOOPBACK or (address, who) in self._known:
            del bounds[None, who]
        return max(self._left(key, most) for key, most in bounds.items())

    def wrong(self, who: str, address: str) -> None:
        """One more failure. The longest unseen are forgotten when there are too many; who goes on guessing is not."""
        for key, most in _bounds(who, address).items():
            times = self._wrong.pop(key, None) or deque(maxlen=most)
            times.append(self.now())
            self._wrong[key] = times
        while len(self._wrong) > KNOWN:
            del self._wrong[next(iter(self._wrong))]

    def right(self, who: str, address: str) -> None:
        """A try that was counted beforehand was none: with many at once, each counts before its answer is known."""
        for key in _bounds(who, address):
            times = self._wrong.get(key)
            if times:
                times.pop()
        self._known.pop((address, who), None)
        self._known[address, who] = None
        while len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]

    def _left(self, key: Key, most: int) -> float:
        times = self._wrong.get(key, deque())
        recent = [each for each in times if self.now() - each < WINDOW]
        return WINDOW - (self.now() - recent[-most]) if len(recent) >= most else 0.0


def _bounds(who: str, address: str) -> dict[Key, int]:
    return {(address, who): TRIES, (address, None): TRIES_OF_ADDRESS, (None, who): TRIES_OF_NAME}


@dataclass
class Session:
    """Somebody who logged in: by which account as it was then, when, and when last seen."""

    name: str
    mark: str
    made: float
    seen: float


@dataclass
class Sessions:
    """Tokens that are good, by their hash."""

    now: Callable[[], float] = time.monotonic
    _open: dict[str, Session] = field(default_factory=dict)

    def begin(self, name: str, mark: str = "") -> str:
        """A new token of 256 bits."""
        self._open = {key: each for key, each in self._open.items() if self._good(each)}
        token = secrets.token_urlsafe(32)
        self._open[_digest(token)] = Session(name, mark, self.now(), self.now())
        return token

    def of(self, token: str) -> Session | None:
        """Whose token this is, if it is still good; being asked for keeps it alive."""
        found = self._open.get(_digest(token)) if token else None
        if found is None or not self._good(found):
            return None
        found.seen = self.now()
        return found

    def end(self, token: str) -> None:
        """Logged out."""
        self._open.pop(_digest(token), None)

    def _good(self, session: Session) -> bool:
        return self.now() - session.made < LASTS and self.now() - session.seen < RESTS


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
