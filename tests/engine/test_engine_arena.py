"""A blind contest: fair sides, votes that survive a kill, points by known values, votes as training rows, and a judge that is asked twice."""

from __future__ import annotations

import json
import math
import random
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from workbench.cli import main
from workbench.core.errors import UserError
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.engine import answering, arena, bradley, judging
from workbench.engine.arena import Arena, Match
from workbench.serve import client

BASE, ONE, TWO = "base:r", "run:r", "model:m"


@pytest.fixture
def made(workspace: Workspace) -> Arena:
    """Three contestants that have answered four prompts; two of them say the same to the last."""
    found = arena.create(workspace, [BASE, ONE, TWO, ONE], arena.written("one?\ntwo?\n\nthree?\nfour?"))
    for name in found.contestants:
        answering.answer(found, name, lambda prompt, name=name: "same" if prompt[0]["content"] == "four?" and name != TWO else f"{name} says {prompt[0]['content']}")  # type: ignore[misc]  # fmt: skip
    return found


def test_points_by_known_values() -> None:
    """Ten wins of ten: 592 points with the pull (infinite without); seven of ten: 400 · log10(7 / 3)."""
    assert bradley.fitted(["a", "b"], [("b", "a", 1.0)] * 10)[1] == pytest.approx(592, abs=1)
    seven = [("b", "a", 1.0)] * 7 + [("a", "b", 1.0)] * 3
    assert bradley.fitted(["a", "b"], seven, 0.0)[1] == pytest.approx(400 * math.log10(7 / 3), abs=1e-6)
    assert bradley.fitted(["a", "b"], [("b", "a", 0.5)] * 9)[1] == pytest.approx(0)
    assert bradley.fitted(["a", "b"], []) == [0.0, 0.0]


def test_points_are_where_the_likelihood_is_highest() -> None:
    """Against an independent maximum by scipy."""
    from scipy.optimize import minimize

    dice, names = np.random.default_rng(4), ["a", "b", "c", "d"]
    votes = []
    for _ in range(120):
        one, other = dice.choice(names, 2, replace=False)
        votes.append((str(one), str(other), float(dice.choice([0, 0.5, 1], p=[0.2, 0.2, 0.6]))))

    def loss(free: Any) -> float:
        points = dict(zip(names, [0.0, *free], strict=True))
        terms = [share * math.log10(1 + 10 ** (points[b] - points[a])) + (1 - share) * math.log10(1 + 10 ** (points[a] - points[b])) for a, b, share in votes]  # fmt: skip
        return sum(terms) * math.log(10) + 0.25 * sum(value**2 for value in free)

    best = minimize(loss, np.zeros(3), tol=1e-12).x
    assert bradley.fitted(names, votes)[1:] == pytest.approx([400 * value for value in best], abs=0.05)


def test_the_order_of_votes_does_not_matter_and_the_anchor_stands_at_nought() -> None:
    votes = [("x", "base", 1.0)] * 6 + [("y", "x", 1.0)] * 4 + [("y", "base", 0.5)] * 3
    table, again = (bradley.standings(["base", "x", "y"], given) for given in (votes, votes[::-1]))
    assert [(each.name, round(each.points, 6)) for each in table] == [(each.name, round(each.points, 6)) for each in again]  # fmt: skip
    assert table[-1].name == "base"
    assert table[-1].points == 0.0
    assert table[0].interval is not None
    assert bradley.standings(["base", "x"], votes[:6])[0].interval is None, "six votes tell no interval"
    assert [(each.won, each.tied, each.lost) for each in table if each.name == "y"] == [(4, 3, 0)]


def test_a_duel_has_its_interval_and_says_how_many_votes_are_needed() -> None:
    found = bradley.duel("x", "b", [("x", "b", 1.0)] * 6 + [("b", "x", 1.0)] * 2 + [("x", "b", 0.5)] * 2)
    assert (found["won"], found["tied"], found["lost"], found["rate"]) == (6, 2, 2, 0.7)
    assert found["interval"] == pytest.approx((0.397, 0.892), abs=1e-3)
    assert found["p"] == pytest.approx(2 * (28 + 8 + 1) / 256)
    assert (found["decided"], found["needed"]) == (8, 85)


def test_contestants_and_prompts_that_are_none_are_refused(workspace: Workspace) -> None:
    with pytest.raises(UserError, match="at least two"):
        arena.create(workspace, [ONE, ONE], arena.written("x"))
    with pytest.raises(UserError, match="nothing to ask"):
        arena.create(workspace, [ONE, TWO], [])
    assert arena.all_arenas(workspace) == []


def test_prompts_are_the_beginnings_of_conversations(workspace: Workspace) -> None:
    found = arena.prompts_of(workspace, "persona", 5)
    assert len(found) == 5
    assert all(prompt[-1]["role"] == "user" for prompt in found)
    held = TASKS.get("chat")
    assert held.talks


def test_sides_are_chosen_by_chance_and_the_same_answers_are_never_shown(made: Arena) -> None:
    dice, left, seen = random.Random(1), 0, set()
    for _ in range(400):
        match = arena.next_match(made, dice)
        assert match is not None
        left += match.left == BASE or (match.left == ONE and match.right == TWO)
        seen.add((match.prompt, frozenset((match.left, match.right))))
    assert 150 < left < 250
    assert len(seen) == 4 * 3 - 1
    assert (3, frozenset((BASE, ONE))) not in seen


def test_every_pair_is_voted_on_once_and_then_there_is_none(made: Arena) -> None:
    count = 0
    while match := arena.next_match(made):
        arena.vote(made, match, "left" if match.left == ONE else "tie")
        count += 1
    assert count == len(made.votes()) == 11
    with pytest.raises(UserError, match="no vote"):
        arena.vote(made, Match(0, BASE, ONE), "middle")


def test_a_vote_that_was_torn_off_is_lost_alone(made: Arena) -> None:
    arena.vote(made, Match(0, BASE, ONE), "right")
    path = made.folder / "votes.jsonl"
    with path.open("ab") as stream:
        stream.write(b'{"prompt": 1, "left": "ba')
    assert len(made.votes()) == 1
    arena.vote(made, Match(2, ONE, BASE), "left")
    assert [(vote["prompt"], vote["winner"]) for vote in made.votes()] == [(0, "right"), (2, "left")]
    assert Arena(made.folder).contestants == [BASE, ONE, TWO]


def test_votes_become_rows_for_preference_tuning_and_ties_do_not(workspace: Workspace, made: Arena) -> None:
    arena.vote(made, Match(0, BASE, ONE), "right")
    arena.vote(made, Match(1, TWO, BASE), "left")
    arena.vote(made, Match(2, TWO, BASE), "tie")
    dataset = arena.to_dataset(workspace, made, "votes")
    rows, heldout = dataset.task_rows(TASKS.get("preference"))
    assert not heldout
    assert [(row["prompt"][0]["content"], row["chosen"], row["rejected"]) for row in rows] == [
        ("one?", "run:r says one?", "base:r says one?"), ("two?", "model:m says two?", "base:r says two?"),
    ]  # fmt: skip


def test_votes_that_prefer_nothing_make_no_dataset(workspace: Workspace, made: Arena) -> None:
    arena.vote(made, Match(2, TWO, BASE), "bad")
    with pytest.raises(UserError, match="ties teach nothing"):
        arena.to_dataset(workspace, made, "votes")


def test_what_was_answered_is_not_asked_again(made: Arena) -> None:
    asked: list[Any] = []
    answering.answer(made, ONE, lambda prompt: asked.append(prompt) or "again")  # type: ignore[func-returns-value]
    assert asked == []


Server = Callable[[Callable[[str], str]], str]


@pytest.fixture
def endpoint() -> Iterator[Server]:
    """An OpenAI-compatible server that answers by a function of the prompt; keeps the headers it saw."""
    servers: list[ThreadingHTTPServer] = []

    def serve(reply: Callable[[str], str]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                KEYS.append(self.headers.get("Authorization", ""))
                said = reply(body["messages"][0]["content"])
                text = json.dumps({"choices": [{"message": {"content": said}}]}).encode()
                self.send_response(500 if said == "broken" else 200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *words: Any) -> None:
                """Quiet."""

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}/v1"

    KEYS.clear()
    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


KEYS: list[str] = []


def prefers(name: str) -> Callable[[str], str]:
    """A judge that likes the answers of one contestant, wherever they stand."""

    def reply(prompt: str) -> str:
        first, _, second = prompt.split("[Answer A]")[1].partition("[Answer B]")
        liked = "A" if name in first else "B" if name in second else "TIE"
        return f"It mentions [[A]] and so on.\n[[{liked}]]"

    return reply


def test_a_judge_is_asked_in_both_orders_and_its_key_comes_from_the_environment(made: Arena, endpoint: Server, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setenv(judging.KEY, "secret-key")
    judge = judging.Judge(endpoint(prefers("run:r")), "referee-1")
    assert judging.judged(made, judge) == 11
    assert set(KEYS) == {"Bearer secret-key"}
    assert len(KEYS) == 22
    assert all("secret-key" not in path.read_text("utf-8") for path in made.folder.iterdir())
    assert {each["winner"] for each in made.judged() if ONE in (each["one"], each["other"]) and each["prompt"] < 3} == {"left", "right"}  # fmt: skip
    arena.vote(made, Match(0, TWO, ONE), "right")
    arena.vote(made, Match(1, ONE, BASE), "left")
    found = judging.summary(made)
    assert found is not None
    assert (found["flips"], found["trusted"], found["agreement"], found["shared"], found["family"]) == (0.0, True, 1.0, 2, False)  # fmt: skip
    assert judging.judged(made, judge) == 0, "what was judged is not judged again"


def test_a_judge_that_always_likes_the_first_has_no_opinion_and_is_not_trusted(made: Arena, endpoint: Server, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.delenv(judging.KEY, raising=False)
    judging.judged(made, judging.Judge(endpoint(lambda prompt: "[[A]]"), "m-judge"), limit=5)
    assert {each["winner"] for each in made.judged()} == {"tie"}
    assert set(KEYS) == {""}
    found = judging.summary(made)
    assert found is not None
    assert (found["pairs"], found["flips"], found["trusted"]) == (5, 1.0, False)


def test_a_judge_that_cannot_be_read_or_reached_is_told(made: Arena, endpoint: Server) -> None:
    judging.judged(made, judging.Judge(endpoint(lambda prompt: "I like both."), "vague"), limit=1)
    found = judging.summary(made)
    assert found is not None
    assert (found["unreadable"], found["trusted"]) == (1, False)
    with pytest.raises(UserError, match="status 500"):
        judging.judged(made, judging.Judge(endpoint(lambda prompt: "broken"), "other"), limit=1)
    with pytest.raises(UserError, match="did not answer"):
        judging.judged(made, judging.Judge("http://127.0.0.1:9/v1", "gone"), limit=1)
    for judge, field in ((judging.Judge("ftp://x", "m"), "judge.url"), (judging.Judge("http://x", " "), "judge.model"), (judging.Judge("http://x", "m", "only {a}"), "judge.prompt")):  # fmt: skip
        with pytest.raises(UserError) as caught:
            judge.checked()
        assert caught.value.field == field


def test_braces_in_an_answer_stay_what_they_are() -> None:
    assert judging.filled("{request}|{a}|{b}", "{a}", "{b}", "{request} {x}") == "{a}|{b}|{request} {x}"


def test_the_judges_family_is_noticed(made: Arena, endpoint: Server) -> None:
    found = arena.create(Workspace(made.folder.parent.parent), ["model:org/Qwen3-4B", "run:mine"], arena.written("x"))
    for name in found.contestants:
        answering.answer(found, name, lambda prompt, name=name: name)  # type: ignore[misc]
    judging.judged(found, judging.Judge(endpoint(lambda prompt: "[[TIE]]"), "qwen3-235b"))
    told = judging.summary(found)
    assert told is not None
    assert told["family"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_models_answer_through_the_server_that_chat_uses(workspace: Workspace, llama: Any, capsys: Any) -> None:
    where = ["--workspace", str(workspace.root)]
    assert main(["arena", "new", "lumo", str(llama), "--data", "persona", "--rows", "2", "--json", *where]) == 0
    found = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    made = arena.find(workspace, found["arena"])
    client.shutdown(workspace)
    assert len(made.answers()) == 4
    assert all(made.answers().values())
    assert main(["arena", "show", "last", "--json", *where]) == 0
    assert json.loads(capsys.readouterr().out.strip().splitlines()[-1])["votes"] == 0
