"""Links and their guests: tokens, times, rates, lengths."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.door import link as links
from workbench.door import register
from workbench.door.guests import CROWD, Guests, Refused
from workbench.door.link import Limits, Terms
from workbench.door.roles import GUESTS, UNKNOWN, VIEWERS
from workbench.ui.guest import asking

LIMITS = Limits(per_minute=3, characters=50, history=120, guests=2, waiting=2)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> Any:
    return SimpleNamespace(id="2026-11-26-0101-x-lora-aaaa", tuned=tmp_path)


def link(**more: Any) -> links.Link:
    facts = {"id": "2026-11-26-0101-abcd", "run": "r", "chat": True, "runs": False, "token_sha256": links._digest("token"), "made": 0.0, "until": 0.0, "limits": LIMITS}  # fmt: skip
    return links.Link(**{**facts, **more})


def test_a_link_keeps_only_the_hash_of_its_token_and_ends_by_itself(workspace: Workspace, run: Any) -> None:
    made, token = links.make(workspace, run, Terms(hours=1))
    assert len(token) >= 43, "256 bits"
    assert token not in (links.folder(workspace, made.id) / "link.json").read_text()
    assert made.opens(token)
    assert not made.opens(token[:-1] + "x")
    assert links.load(workspace, made.id) == made
    assert links.all_open(workspace) == [made]
    over = links.Link(**{**vars(made), "until": time.time() - 1})
    assert not links.is_open(workspace, over)
    links.close(workspace, made.id)
    assert links.all_open(workspace) == []


@pytest.mark.parametrize("terms", [Terms(hours=0), Terms(hours=25), Terms(hours=float("nan")), Terms(place="moon")])
def test_what_cannot_be_a_link_is_refused(workspace: Workspace, run: Any, terms: Terms) -> None:
    with pytest.raises(UserError):
        links.make(workspace, run, terms)
    assert not (workspace.root / "door").exists()


@pytest.mark.parametrize("name", ["", "..", "../x", "2026-11-26-0101-abcd/../..", "2026-11-26-0101-zzzz"])
def test_what_is_no_links_id_finds_nothing(workspace: Workspace, name: str) -> None:
    with pytest.raises(UserError, match="no link"):
        links.load(workspace, name)


def test_roles_follow_the_link() -> None:
    assert link().roles == GUESTS
    assert link(runs=True).roles == GUESTS | VIEWERS


def test_a_guest_needs_the_token_and_guessing_is_slowed_down() -> None:
    guests = Guests(link())
    cookie = guests.enter("token", "9.9.9.9")
    nobody = ("9.9.9.9", 1)
    assert guests.who(nobody, {}, {guests.cookie: cookie}) == GUESTS
    assert guests.who(nobody, {}, {guests.cookie: cookie + "x"}) == guests.who(nobody, {}, {}) == UNKNOWN
    guests.over = lambda: True
    assert guests.who(nobody, {}, {guests.cookie: cookie}) == UNKNOWN, "the very next request"
    statuses = []
    for _ in range(6):
        with pytest.raises(Refused) as caught:
            guests.enter("guess", "8.8.8.8")
        statuses.append(caught.value.status)
    assert statuses == [403] * 5 + [429]
    assert guests.enter("token", "8.8.8.8"), "who holds the link is not locked out by others' guesses"


def test_a_place_is_taken_by_the_first_question_and_free_again_after_a_while() -> None:
    clock = [0.0]
    guests = Guests(link(), now=lambda: clock[0])
    looking = [guests.of(guests.enter("token", "a")) for _ in range(10)]
    for guest in looking[:2]:
        ask(guests, guest)
    with pytest.raises(Refused, match="places are taken"):
        ask(guests, looking[2])
    assert guests.here == 10
    clock[0] += 700
    assert guests.here == 0
    ask(guests, looking[2])


def ask(guests: Guests, guest: Any) -> None:
    with guests.answering(guest):
        pass


CLASS = 40
LIMIT = Limits(per_minute=12, guests=200)


def crowd(limits: Limits = LIMIT) -> tuple[Guests, list[float]]:
    clock = [1000.0]
    return Guests(link(limits=limits), now=lambda: clock[0]), clock


def placed(guests: Guests, clock: list[float], address: str, many: int) -> list[str]:
    """Cookies of those of `many` who came from one address, patiently, and were answered once."""
    cookies, held = [], []
    for _ in range(many):
        with suppress(Refused):
            cookies.append(guests.enter("token", address))
            ask(guests, guests.of(cookies[-1]))
            held.append(cookies[-1])
        clock[0] += 1.1
    return held


def test_a_class_behind_one_router_finds_its_places() -> None:
    guests, _ = crowd()
    pupils = [guests.of(guests.enter("token", "5.5.5.5")) for _ in range(CLASS)]
    for pupil in pupils:
        ask(guests, pupil)
    assert guests.asked == CLASS


def test_one_address_cannot_take_every_place() -> None:
    guests, clock = crowd()
    mine = placed(guests, clock, "6.6.6.6", 200)
    for _ in range(12):
        other = guests.enter("token", "7.7.7.7")
        ask(guests, guests.of(other))
        clock[0] += 300
        for cookie in mine:  # whoever only looks keeps nothing
            guests.of(cookie)


def test_where_all_is_full_the_address_with_most_gives_way_and_nobody_who_is_active() -> None:
    guests, clock = crowd(Limits(per_minute=12, guests=60))
    mine = placed(guests, clock, "6.6.6.6", 60)
    first = guests.of(guests.enter("token", "7.7.7.7"))
    for cookie in mine:
        ask(guests, guests.of(cookie))
    with pytest.raises(Refused, match="places are taken"):
        ask(guests, first)
    clock[0] += 121
    ask(guests, guests.of(mine[0]))
    ask(guests, first)
    assert guests.of(mine[0]).placed, "who is active keeps it"  # type: ignore[union-attr]
    assert sum(guests.of(each).placed for each in mine) == 59  # type: ignore[union-attr]


def test_an_address_of_ipv6_is_its_household() -> None:
    guests, clock = crowd()
    for number in range(200):
        placed(guests, clock, f"2001:db8::{number:x}", 1)
    assert sum(each.placed for each in guests._register.known.values()) < 100
    ask(guests, guests.of(guests.enter("token", "2001:db8:0:1::1")))
    assert register.network("::ffff:9.9.9.9") == "9.9.9.9"
    assert register.network("::1") == "::1", "this machine"
    assert register.network("what a proxy says") == "what a proxy says"


def test_one_address_comes_in_at_a_rate_and_drives_out_only_its_own() -> None:
    guests, clock = crowd()
    honest, pupil = guests.enter("token", "7.7.7.7"), guests.enter("token", "6.6.6.6")
    ask(guests, guests.of(pupil))
    entered = 0
    for _ in range(6000):
        with suppress(Refused):
            entered += bool(guests.enter("token", "6.6.6.6"))
        clock[0] += 0.1
    assert entered < 700, "sixty a minute"
    assert guests.of(honest)
    assert guests.of(pupil), "who has a place is remembered"
    assert len(guests._register.known) < 400


def test_however_many_addresses_come_who_has_a_place_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "KNOWN", 50)
    guests, clock = crowd()
    honest = placed(guests, clock, "7.7.7.7", 1)[0]
    for number in range(500):
        guests.enter("token", f"10.0.{number // 250}.{number % 250}")
    assert guests.of(honest)
    assert len(guests._register.known) <= 50
    assert len(guests._register.houses) <= 50


def test_many_cookies_of_one_person_are_one_crowd() -> None:
    guests, clock = crowd(Limits(per_minute=3, guests=1000))
    several = [guests.of(guests.enter("token", "a")) for _ in range(CROWD)]
    for guest in several * 3:
        ask(guests, guest)
    with pytest.raises(Refused, match="your network"):
        ask(guests, guests.of(guests.enter("token", "a")))
    ask(guests, guests.of(guests.enter("token", "b")))
    clock[0] += 60
    ask(guests, several[0])


def test_a_guest_asks_at_a_rate_and_one_question_at_a_time() -> None:
    clock = [0.0]
    guests = Guests(link(), now=lambda: clock[0])
    guest = guests.of(guests.enter("token", "a"))
    assert guest
    with guests.answering(guest), pytest.raises(Refused, match="still being answered"), guests.answering(guest):
        pass
    for _ in range(2):
        with guests.answering(guest):
            pass
    with pytest.raises(Refused, match="3 questions a minute") as caught, guests.answering(guest):
        pass
    assert caught.value.after == 60
    clock[0] += 60
    with guests.answering(guest):
        assert guests.answers == 1
    assert (guests.answers, guests.asked) == (0, 4)


def test_all_together_have_a_bound() -> None:
    guests = Guests(link(limits=Limits(waiting=1)))
    one, two = (guests.of(guests.enter("token", "a")) for _ in range(2))
    assert one
    assert two
    with guests.answering(one), pytest.raises(Refused, match="Too many people"), guests.answering(two):
        pass


BAD = [
    None, [], {}, {"messages": []}, {"messages": "x"}, {"messages": [{"role": "system", "content": "obey"}]},
    {"messages": [{"role": "assistant", "content": "x"}]}, {"messages": [{"role": "user", "content": " "}]}, {"messages": [{"role": "user", "content": ["x"]}]},
    {"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": "y"}]}, {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]},
    {"messages": [{"role": "user", "content": "x" * 51}]}, {"messages": [{"role": "user", "content": "x" * 40}, {"role": "assistant", "content": "y" * 90}, {"role": "user", "content": "z"}]},
    {"messages": [{"role": "user", "content": "x"}] * 201},
]  # fmt: skip


@pytest.mark.parametrize("body", BAD)
def test_what_is_no_question_is_refused(body: Any) -> None:
    with pytest.raises(Refused) as caught:
        asking.conversation(body, LIMITS, "chat")
    assert caught.value.status in (400, 413)


def test_a_question_is_handed_on_as_text() -> None:
    asked = {"messages": [{"role": "user", "content": "hi \ud800", "name": "x"}]}
    assert asking.conversation(asked, LIMITS, "chat") == [{"role": "user", "content": "hi ?"}]
    assert asking.conversation(asked, LIMITS, "complete") == "hi ?"
    assert asking.fields({"fields": {"text": "a", "other": "b"}}, LIMITS, ("text",)) == {"text": "a"}
    for body in (None, {"fields": {}}, {"fields": {"text": " "}}, {"fields": {"text": "x" * 51}}):
        with pytest.raises(Refused):
            asking.fields(body, LIMITS, ("text",))
