"""Links and their guests: tokens, times, rates, lengths."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.door import guests as guestbook
from workbench.door import link as links
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


def test_many_cookies_of_one_person_are_one_crowd_and_few_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guestbook, "KNOWN", 50)
    guests = Guests(link(limits=Limits(per_minute=3, guests=1000)), now=lambda: 0.0)
    first = guests.of(guests.enter("token", "a"))
    for _ in range(CROWD * 3):
        guest = guests.of(guests.enter("token", "a"))
        assert guest
        ask(guests, guest)
    with pytest.raises(Refused, match="your network"):
        ask(guests, first)
    ask(guests, guests.of(guests.enter("token", "b")))
    assert len(guests._known) <= 50


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
