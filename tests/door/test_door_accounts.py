"""Passwords, sessions, guessing."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faults
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from workbench.core.errors import UserError
from workbench.door.accounts import (  # fmt: skip
    FIRST,
    KNOWN,
    LASTS,
    RESTS,
    TRIES,
    TRIES_OF_ADDRESS,
    TRIES_OF_NAME,
    WINDOW,
    Accounts,
    Sessions,
    Tries,
    hashed,
    matches,
)
from workbench.door.peer import Caller
from workbench.door.roles import OWNERS, UNKNOWN
from workbench.ui.login import Keeper, routes


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    made = Accounts(tmp_path / "door" / "accounts.json")
    made.add("mei", "correct horse battery")
    return made


def test_a_password_is_kept_as_a_salted_hash_that_only_its_owner_can_read(accounts: Accounts) -> None:
    text = accounts.path.read_text()
    assert "correct horse" not in text
    assert json.loads(text)["users"]["mei"].startswith("scrypt$16384$8$5$")
    assert stat.S_IMODE(accounts.path.stat().st_mode) == 0o600
    assert hashed("same password") != hashed("same password")


def test_who_is_right_and_who_is_not(accounts: Accounts) -> None:
    assert accounts.right("mei", "correct horse battery")
    for name, password in (("mei", "wrong"), ("mei", ""), ("nobody", "correct horse battery"), ("", ""), (FIRST, ""), ("mei", "密码" * 600)):  # fmt: skip
        assert not accounts.right(name, password)
    assert Accounts(accounts.path, "made up at the start").right(FIRST, "made up at the start")
    assert not matches("x", "no hash")
    assert not matches("x", "scrypt$a$b$c$d$e")


@pytest.mark.parametrize(("name", "password"), [("", "long enough 1"), ("../x", "long enough 1"), ("a b", "long enough 1"), ("x" * 41, "long enough 1"), ("mei", "short")])  # fmt: skip
def test_what_is_no_account_is_refused(accounts: Accounts, name: str, password: str) -> None:
    before = accounts.path.read_bytes()
    with pytest.raises(UserError):
        accounts.add(name, password)
    assert accounts.path.read_bytes() == before


def test_a_try_counts_before_its_answer_is_known() -> None:
    tries = Tries(lambda: 0.0)
    for _ in range(TRIES):
        tries.wrong("mei", "a")
    assert tries.wait("mei", "a") > 0
    tries.right("mei", "a")
    assert tries.wait("mei", "a") == 0


def test_a_session_ends_with_its_account_or_its_password(accounts: Accounts) -> None:
    keeper = Keeper(accounts)
    cookie = {keeper.cookie: keeper.sessions.begin("mei", accounts.mark("mei"))}
    assert keeper.who(Caller(("9.9.9.9", 1)), {}, cookie) == OWNERS
    Accounts(accounts.path).add("mei", "another password")
    assert keeper.who(Caller(("9.9.9.9", 1)), {}, cookie) == UNKNOWN
    cookie = {keeper.cookie: keeper.sessions.begin("mei", accounts.mark("mei"))}
    Accounts(accounts.path).remove("mei")
    assert keeper.who(Caller(("9.9.9.9", 1)), {}, cookie) == UNKNOWN


@pytest.mark.parametrize("change", [lambda kept: kept.remove("mei"), lambda kept: kept.add("mei", "another password")])
def test_who_is_removed_while_logging_in_is_not_let_in(accounts: Accounts, monkeypatch: pytest.MonkeyPatch, change: Callable[[Accounts], None]) -> None:  # fmt: skip
    keeper, look = Keeper(accounts), accounts.right

    def right(name: str, password: str) -> bool:
        found = look(name, password)
        change(Accounts(accounts.path))
        return found

    monkeypatch.setattr(accounts, "right", right)
    app = FastAPI()
    routes(app, keeper, "", lambda request: "en")
    with TestClient(app) as client:
        given = {"name": "mei", "password": "correct horse battery"}
        answer = client.post("/login", data=given, follow_redirects=False)
    cookies = {keeper.cookie: answer.cookies.get(keeper.cookie, "")}
    assert keeper.who(Caller(("9.9.9.9", 1)), {}, cookies) == UNKNOWN


def test_who_logs_in_gets_the_language_that_was_chosen_there_or_wanted_before(accounts: Accounts) -> None:
    app = FastAPI()
    routes(app, Keeper(accounts), "/wb", lambda request: "zh" if request.query_params.get("lang") == "zh" else "en")
    given = {"name": "mei", "password": "correct horse battery"}
    with TestClient(app) as client:
        assert 'lang="zh"' in client.get("/login?next=/zh/").text.partition("<head>")[0]
        assert 'lang="en"' in client.get("/login?next=/zh/&lang=en").text.partition("<head>")[0]
        for asked, after, led in (("/login", "/zh/", "/wb/zh/"), ("/login?lang=en", "/zh/", "/wb/en/"), ("/login?lang=zh", "", "/wb/zh/"), ("/login", "//evil.example", "/wb/en/")):  # fmt: skip
            answer = client.post(asked, data={**given, "next": after}, follow_redirects=False)
            assert (answer.status_code, answer.headers["location"]) == (303, led)


def test_accounts_added_at_once_are_all_there(accounts: Accounts) -> None:
    names = [f"user-{number}" for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: Accounts(accounts.path).add(name, "correct horse battery"), names))
    assert accounts.names() == ["mei", *names]


@pytest.mark.parametrize("damaged", ["", '{"users": {"mei": "scrypt$16', "[]", '{"user": {}}'])
def test_a_damaged_file_lets_nobody_in_and_is_not_written_over(accounts: Accounts, damaged: str) -> None:
    accounts.path.write_text(damaged)
    assert not accounts.right("mei", "correct horse battery")
    assert accounts.mark("mei") == ""
    for act in (accounts.names, lambda: accounts.add("li", "correct horse battery"), lambda: accounts.remove("mei")):
        with pytest.raises(UserError, match="cannot be read"):
            act()
    assert accounts.path.read_text() == damaged


def test_a_first_password_that_is_short_is_refused(tmp_path: Path) -> None:
    for short in ("", "a"):
        with pytest.raises(UserError, match="at least 10"):
            Accounts(tmp_path / "accounts.json", short)


def test_a_removed_account_is_gone_at_once(accounts: Accounts) -> None:
    other = Accounts(accounts.path)
    accounts.remove("mei")
    assert other.names() == []
    assert not other.right("mei", "correct horse battery")
    with pytest.raises(UserError, match="no user 'mei'"):
        accounts.remove("mei")


def test_five_wrong_tries_a_minute_and_no_more_by_a_clock_nobody_can_set() -> None:
    clock = [0.0]
    tries = Tries(lambda: clock[0])
    let = 0
    while tries.wait("mei", "9.9.9.9") == 0 and let < WINDOW:  # one a second
        tries.wrong("mei", "9.9.9.9")
        clock[0] += 1
        let += 1
    faults.note("S5", "wrong passwords a minute, by user and address", let, most=5)
    assert let == TRIES
    assert tries.wait("mei", "9.9.9.9") == WINDOW - TRIES
    assert tries.wait("mei", "8.8.8.8") == 0, "others are not locked out"
    assert tries.wait("li", "9.9.9.9") == 0
    clock[0] += WINDOW - TRIES
    assert tries.wait("mei", "9.9.9.9") == 0


def test_an_address_that_tries_many_names_is_slowed_down_too() -> None:
    tries = Tries(lambda: 0.0)
    for number in range(TRIES_OF_ADDRESS):
        tries.wrong(f"name{number}", "9.9.9.9")
    assert tries.wait("another", "9.9.9.9") > 0
    for number in range(TRIES_OF_NAME):
        tries.wrong("x", f"address {number}")
    assert tries.wait("x", "a new address") > 0, "a name is guessed from everywhere"
    assert tries.wait("x", "127.0.0.1") == 0, "this machine is not kept out by it"
    tries.wrong("x", "home")
    tries.right("x", "home")
    assert tries.wait("x", "home") == 0, "nor is who was let in from there before"
    for number in range(30_000):
        tries.wrong("x", f"address {number}")
    assert tries.wait("x", "a new address") > 0, "a name is guessed from everywhere"
    assert len(tries._wrong) == KNOWN


def test_sessions_end_by_age_and_by_rest_and_only_their_hash_is_kept() -> None:
    clock = [0.0]
    sessions = Sessions(lambda: clock[0])
    token = sessions.begin("mei")
    assert len(token) >= 43
    assert token not in str(sessions._open)
    assert sessions.of(token + "x") is None
    while clock[0] < LASTS - RESTS / 2:
        assert sessions.of(token)
        clock[0] += RESTS / 2
    clock[0] += RESTS / 2
    assert sessions.of(token) is None
    resting, leaving = sessions.begin("mei"), sessions.begin("li")
    clock[0] += RESTS
    assert sessions.of(resting) is None
    sessions.end(leaving)
    assert sessions.of(leaving) is None


def chance_of_telling_apart(accounts: Accounts, tries: int) -> tuple[float, float]:
    """How often an unknown name took longer than a wrong password (0.5: a coin), and the p value of the Mann–Whitney test."""
    from scipy.stats import mannwhitneyu

    times: dict[str, list[int]] = {"mei": [], "nobody": []}
    for number in range(tries):
        for name in sorted(times, reverse=bool(number % 2)):
            begin = time.perf_counter_ns()
            accounts.right(name, "wrong password")
            times[name].append(time.perf_counter_ns() - begin)
    test = mannwhitneyu(times["nobody"], times["mei"])
    return float(test.statistic) / tries**2, float(test.pvalue)


@pytest.fixture
def cheap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    """A hash two hundred times cheaper than the real one: whatever else differs stands out."""
    monkeypatch.setattr("workbench.door.accounts.COST", 2**8)
    monkeypatch.setattr("workbench.door.accounts.LANES", 1)
    monkeypatch.setattr("workbench.door.accounts.NOTHING", hashed("nobody has this"))
    made = Accounts(tmp_path / "accounts.json")
    made.add("mei", "a long password")
    return made


def look_for_a_difference(accounts: Accounts, tries: int) -> None:
    chance, value = chance_of_telling_apart(accounts, tries)
    faults.note("S5", f"of {tries:,} pairs, unknown name slower than wrong password (0.5: a coin)", chance)
    faults.note("S5", f"p of a difference, {tries:,} tries each", value)
    assert abs(chance - 0.5) < 0.05


def test_an_unknown_name_takes_as_long_as_a_wrong_password(cheap: Accounts) -> None:
    look_for_a_difference(cheap, 1_000)


@pytest.mark.long
def test_ten_thousand_guesses_tell_no_name(cheap: Accounts) -> None:
    look_for_a_difference(cheap, 10_000)
