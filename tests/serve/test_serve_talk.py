"""Conversations keep every branch, thumbs become rows that tasks can learn, files of prompts come back answered."""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench.core.errors import UserError
from workbench.core.recipe import parse
from workbench.core.run import Run, create
from workbench.core.task import TASKS
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.serve import answers, client, harvest, prompts, talk
from workbench.ui import talk as board

SPOKEN = ["An", "swer", "."]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "w")


@pytest.fixture
def run(workspace: Workspace) -> Run:
    made = create(
        workspace, parse({"task": "chat", "method": "lora", "model": {"id": "lumo"}, "data": {"dataset": "x"}})
    )
    made.tuned.mkdir(parents=True)
    return made


class Server:
    """Says the same three tokens of everything, told apart by a counter; `hold` keeps it from ending."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any, dict[str, Any]]] = []
        self.hold = threading.Event()
        self.hold.set()

    def stream(self, endpoint: Any, model: str, asked: Any, **how: Any) -> Iterator[client.Told]:
        self.asked.append((model, asked, how))
        number = len(self.asked)
        for piece in [*SPOKEN, f" {number}"]:
            tops = [{"token": piece, "logprob": -0.1}, {"token": "x", "logprob": -3.0}]
            yield client.Told(piece, ({"token": piece, "logprob": -0.1, "top_logprobs": tops},))
        while not self.hold.wait(0.02):
            yield client.Told(place=0)
        yield client.Told("", (), "stop", {"prompt_tokens": 4, "completion_tokens": 4, "total_tokens": 8})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(client, "ensure", lambda workspace, target: client.Endpoint("", "", "", 0))
    monkeypatch.setattr(client, "stream", made.stream)
    return made


class Page:
    """The board's side of a conversation."""

    def __init__(self, workspace: Workspace, run: Run) -> None:
        self.workspace = workspace
        told = board.answer(workspace, {"op": "open", "run": run.id}, "en")
        self.id, self.models = told["talks"][0]["id"], told["models"]
        assert told["context"] == 512

    def ask(self, op: str, **more: Any) -> dict[str, Any]:
        found = board.answer(self.workspace, {"op": op, "id": self.id, **more}, "en")
        self.wait()
        return board.answer(self.workspace, {"op": "look", "id": self.id}, "en") if "panes" in found else found

    def wait(self) -> None:
        tick = threading.Event()
        while any(not live.done for live in answers.lives(self.workspace, self.id).values()):
            tick.wait(0.01)

    def texts(self, told: dict[str, Any], pane: int = 1) -> list[str]:
        return [each["text"] for each in told["panes"][pane]["path"]]


@pytest.fixture
def page(workspace: Workspace, run: Run, server: Server) -> Page:
    return Page(workspace, run)


def test_an_edit_and_another_answer_are_branches_and_nothing_is_lost(page: Page, run: Run, server: Server) -> None:
    page.ask("send", text="one")
    told = page.ask("send", text="two")
    assert page.texts(told)[::2] == ["one", "two"]
    first = told["panes"][1]["path"][0]
    told = page.ask("edit", model=run.id, node=first["id"], text="uno")
    assert [page.texts(told, pane)[0] for pane in (0, 1)] == ["uno", "uno"]
    assert [len(pane["path"]) for pane in told["panes"]] == [2, 2]
    answer = told["panes"][1]["path"][1]
    told = page.ask("again", model=run.id, node=answer["id"])
    newer = told["panes"][1]["path"][1]
    assert (newer["branch"], len(newer["branches"])) == (1, 2)
    assert newer["text"] != answer["text"]
    assert len(told["panes"][0]["path"][1]["branches"]) == 1, "only the pane that was asked again"
    assert page.texts(page.ask("pick", model=run.id, node=answer["id"]))[1] == answer["text"]
    told = page.ask("pick", model=run.id, node=first["id"])
    assert page.texts(told)[::2] == ["one", "two"]
    assert server.asked[1][1] == [{"role": "user", "content": "one"}]


def test_models_are_asked_with_the_system_prompt_the_knobs_and_a_seed(page: Page, run: Run, server: Server) -> None:
    page.ask("set", system="Be kind.", how={"temperature": 0.5, "seed": 7, "stop": ["END"], "nonsense": 3})
    page.ask("send", text="hi")
    for model, asked, how in server.asked:
        assert model in ("base", run.id)
        assert asked[0] == {"role": "system", "content": "Be kind."}
        assert (how["temperature"], how["seed"], how["stop"], how["logprobs"]) == (0.5, 7, ["END"], True)
        assert "nonsense" not in how
    page.ask("set", system="", how={})
    page.ask("send", text="again")
    assert server.asked[-1][2]["temperature"] == 0
    assert type(server.asked[-1][2]["seed"]) is int


def test_a_third_model_joins_where_the_first_stands(page: Page, run: Run) -> None:
    page.ask("send", text="one")
    told = page.ask("set", shown=["base", run.id, f"{run.id}@step-5", "one more"], system="", how={})
    assert [pane["model"] for pane in told["panes"]] == ["base", run.id, f"{run.id}@step-5"]
    assert page.texts(told, 2) == page.texts(told, 0)
    with pytest.raises(UserError, match="at least one"):
        page.ask("set", shown=[])


def test_stop_keeps_what_was_said_and_a_second_question_waits(page: Page, server: Server, workspace: Workspace) -> None:
    server.hold.clear()
    board.answer(workspace, {"op": "send", "id": page.id, "text": "one"}, "en")
    with pytest.raises(UserError, match="still being given"):
        board.answer(workspace, {"op": "send", "id": page.id, "text": "two"}, "en")
    while not all(live.text.endswith(("1", "2")) for live in answers.lives(workspace, page.id).values()):
        threading.Event().wait(0.01)
    told = board.answer(workspace, {"op": "poll", "id": page.id, "have": {"base": 2}}, "en")
    assert (told["running"], told["live"]["base"]["from"], len(told["live"]["base"]["tokens"])) == (True, 2, 2)
    board.answer(workspace, {"op": "stop", "id": page.id}, "en")
    page.wait()
    last = board.answer(workspace, {"op": "look", "id": page.id}, "en")["panes"][0]["path"][-1]
    assert last["text"].startswith("Answer.")
    assert last["reason"] == "stopped"
    server.hold.set()


def test_thumbs_and_mended_answers_become_rows_that_train(page: Page, run: Run, workspace: Workspace) -> None:
    told = page.ask("send", text="who?")
    base, tuned = (pane["path"][1] for pane in told["panes"])
    with pytest.raises(UserError, match="judged yet"):
        harvest.dataset(workspace, run.id, harvest.EXAMPLES)
    page.ask("judge", model=run.id, node=tuned["id"], vote=1)
    with pytest.raises(UserError, match="no pair"):
        harvest.dataset(workspace, run.id, harvest.PAIRS)
    told = page.ask("judge", model="base", node=base["id"], vote=-1)
    assert told["judged"] == {"chat": 1, "preference": 1}
    told = page.ask("send", text="and then?")
    page.ask("judge", model="base", node=told["panes"][0]["path"][3]["id"], text="As it should be.")
    for kind, count in ((harvest.EXAMPLES, 2), (harvest.PAIRS, 2)):
        made = harvest.dataset(workspace, run.id, kind)
        task = TASKS.get(kind)
        rows = made.convert(task, None)
        task.check(rows.rows)
        assert made.meta["rows"] == count
    pairs = [(row["chosen"], row["rejected"]) for row in made.rows()]
    assert pairs[0] == (tuned["text"], base["text"])
    assert pairs[1][0] == "As it should be."
    assert harvest.dataset(workspace, run.id, harvest.PAIRS).version == made.version + 1


def test_a_failure_is_told_and_the_question_can_be_asked_again(
    page: Page, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: Any, **how: Any) -> Iterator[client.Told]:
        raise UserError("It broke.", "坏了。")
        yield

    with monkeypatch.context() as patch:
        patch.setattr(client, "stream", broken)
        told = page.ask("send", text="hi")
        assert [pane["error"] for pane in told["panes"]] == ["It broke."] * 2
    told = page.ask("edit", model="base", node=0, text="hi again")
    assert page.texts(told, 0)[1].startswith("Answer.")
    assert told["panes"][0]["error"] == ""


def test_a_disk_without_room_is_told_before_an_answer_and_after_it(
    page: Page, workspace: Workspace, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: Any, **how: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    server.hold.clear()
    board.answer(workspace, {"op": "send", "id": page.id, "text": "one"}, "en")
    with monkeypatch.context() as patch:
        patch.setattr(talk, "write_json", full)
        server.hold.set()
        page.wait()
        told = board.answer(workspace, {"op": "look", "id": page.id}, "en")
        assert ["No space left" in pane["error"] for pane in told["panes"]] == [True] * 2
        with pytest.raises(UserError, match="No space left"):
            board.answer(workspace, {"op": "edit", "id": page.id, "model": "base", "node": 0, "text": "two"}, "en")
    told = page.ask("edit", model="base", node=0, text="two")
    asked, answered = page.texts(told, 0)
    assert asked == "two"
    assert answered.startswith("Answer.")
    assert told["panes"][0]["error"] == ""


def test_a_server_that_cannot_keep_a_log_is_one_sentence(workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    (workspace.root / "serve").write_text("a file in the place of the folder")
    with pytest.raises(UserError, match="cannot be written to"):
        client.ensure(workspace, run)


def test_exports_are_rows_and_a_page(page: Page, run: Run) -> None:
    page.ask("send", text="<b>one</b>")
    lines = [json.loads(line) for line in page.ask("export", form="jsonl")["text"].splitlines()]
    assert [line["model"] for line in lines] == ["base", run.id]
    assert lines[0]["messages"][0] == {"role": "user", "content": "<b>one</b>"}
    assert "## base" in page.ask("export", form="markdown")["text"]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"op": "x"},
        {"op": "look", "id": "../../x"},
        {"op": "send", "id": "none", "text": "a"},
        {"op": "open", "run": 3},
    ],
)
def test_anything_else_is_one_sentence(workspace: Workspace, asked: dict[str, Any]) -> None:
    assert set(board.server(workspace, "zh")(asked)) == {"error"}


def test_messages_that_are_not_there_are_refused(page: Page) -> None:
    for asked in (
        {"op": "pick", "model": "base", "node": 99},
        {"op": "again", "model": "no", "node": 0},
        {"op": "send", "text": " "},
    ):
        with pytest.raises(UserError):
            page.ask(**asked)


def test_a_deleted_conversation_stays_deleted(page: Page, workspace: Workspace, server: Server) -> None:
    server.hold.clear()
    board.answer(workspace, {"op": "send", "id": page.id, "text": "one"}, "en")
    board.answer(workspace, {"op": "delete", "id": page.id}, "en")
    server.hold.set()
    page.wait()
    assert talk.all_talks(workspace) == []


def test_a_file_of_prompts_is_answered_and_taken_away(
    workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(client, "ensure", lambda workspace, target: client.Endpoint("", "", "", 0))
    monkeypatch.setattr(client, "chat", lambda endpoint, model, asked, **how: iter([model, ": ", asked[-1]["content"]]))
    (tmp_path / "a.txt").write_text("one\n\n=two\n", encoding="utf-8")
    (tmp_path / "a.jsonl").write_text('{"question": "q1"}\n{"question": "q2"}\n', encoding="utf-8")
    (tmp_path / "b.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    job = prompts.start(workspace, run, "base", tmp_path / "a.txt", {"max_tokens": 3})
    while not job.ended:
        threading.Event().wait(0.01)
    rows = [json.loads(line) for line in Path(job.files[0]).read_text(encoding="utf-8").splitlines()]
    assert [(row["prompt"], row["answer"]) for row in rows] == [("one", "base: one"), ("=two", "base: =two")]
    assert len(Path(job.files[1]).read_text(encoding="utf-8-sig").splitlines()) == 3
    assert [row["prompt"] for row in prompts.prompts(tmp_path / "a.jsonl", run)] == ["q1", "q2"]
    with pytest.raises(UserError, match="columns are: a, b"):
        prompts.prompts(tmp_path / "b.csv", run)


def test_a_job_whose_server_fails_says_why(
    workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def no(*given: Any) -> client.Endpoint:
        raise UserError("No.", "不。")

    monkeypatch.setattr(client, "ensure", no)
    (tmp_path / "a.txt").write_text("one", encoding="utf-8")
    job = prompts.start(workspace, run, "base", tmp_path / "a.txt", {})
    while not job.ended:
        threading.Event().wait(0.01)
    assert (job.error, job.files, job.done) == (Text("No.", "不。"), [], 0)
