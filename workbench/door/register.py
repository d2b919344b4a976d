"""Who came in, by address: how many one address may be, and who goes first where room is short. In memory only.

One address is one household, one office or one class behind its router, and whoever means harm has one as well. The bounds are a class
of 40 and half as much again (second devices, private windows); four such addresses are needed to take every place of a link.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

MINUTE, LATELY = 60.0, 120.0
"""Seconds: the window of the rates, and for how long after the last request a guest counts as here."""
KEPT = 600.0
"""Seconds after the last question for which a place is kept; it is never given away within `LATELY`."""
PLACES, ENTRIES = 60, 60
"""Of one address: guests with a place, and cookies given out a minute (a class opens its link within one)."""
COOKIES, KNOWN = 300, 5000
"""That are remembered: of one address, and of all."""


@dataclass
class Guest:
    """One browser that came in."""

    seen: float
    address: str = ""
    asked: deque[float] = field(default_factory=deque)
    busy: bool = False
    placed: bool = False
    """Whether it has a place: from its first question on, so that who only looks at the link (a group chat does) takes none."""
    last: float = 0.0
    """When it last asked."""


@dataclass
class House:
    """All who came from one address."""

    guests: dict[str, Guest] = field(default_factory=dict)
    entered: deque[float] = field(default_factory=deque)
    asked: deque[float] = field(default_factory=deque)

    @property
    def looking(self) -> int:
        """How many of them have no place."""
        return sum(not guest.placed for guest in self.guests.values())


class Register:
    """Guests by the hash of their cookie, and by address."""

    def __init__(self) -> None:
        self.known: dict[str, Guest] = {}
        self.houses: dict[str, House] = {}

    def house(self, address: str) -> House:
        """Those of an address, who may be none yet."""
        return self.houses.get(address) or House()

    def wait(self, address: str, now: float) -> float:
        """Seconds until one more may come in from there."""
        entered = self.house(address).entered
        while entered and now - entered[0] >= MINUTE:
            entered.popleft()
        return MINUTE - (now - entered[0]) if len(entered) >= ENTRIES else 0.0

    def add(self, key: str, address: str, now: float) -> None:
        """One more. Where there is no room: instead of another one from there, or from where most look on."""
        if len(self.house(address).guests) >= COOKIES:
            self._drop(address)
        elif len(self.known) >= KNOWN:
            self._drop(max(self.houses, key=lambda each: self.houses[each].looking))
        house = self.houses.setdefault(address, House())
        house.entered.append(now)
        house.guests[key] = self.known[key] = Guest(now, address)

    def _drop(self, address: str) -> None:
        """Who has no place goes first, and of those who was not seen for longest."""
        house = self.houses[address]
        key = min(house.guests, key=lambda each: (house.guests[each].placed, house.guests[each].seen))
        del house.guests[key], self.known[key]
        if not house.guests:
            del self.houses[address]

    def placed(self, now: float) -> list[Guest]:
        """Everybody with a place; those who have not asked for a while have none any more."""
        held = [each for each in self.known.values() if each.placed]
        for each in held:
            each.placed = each.busy or now - each.last < KEPT
        return [each for each in held if each.placed]

    def give(self, guest: Guest, most: int, now: float) -> str:
        """A place, of `most` there are: "", or what is full: "address", "all". Somebody who rests may lose one for it: of the same
        address where that has its fill, else of the address that has most, if that is more than this one would have."""
        held = self.placed(now)
        count = Counter(each.address for each in held)
        own, full = count[guest.address], ""
        if own >= PLACES:
            full = "" if _freed((each for each in held if each.address == guest.address), now) else "address"
        elif len(held) >= most:
            rich = [address for address, number in count.most_common() if number > own + 1]
            full = "" if any(_freed((each for each in held if each.address == one), now) for one in rich) else "all"
        guest.placed = not full
        return full


def _freed(guests: Iterable[Guest], now: float) -> bool:
    """Whether one of these was resting, and has given its place up."""
    resting = [each for each in guests if not each.busy and now - each.last >= LATELY]
    if resting:
        min(resting, key=lambda each: each.last).placed = False
    return bool(resting)


def network(address: str) -> str:
    """What counts as one address: of IPv6 the /64, which is what one household is given; this machine is itself."""
    with contextlib.suppress(ValueError):
        found = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(found, ipaddress.IPv6Address) and not found.is_loopback:
            return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
    return address
