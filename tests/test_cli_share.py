"""`share` and `users` on the command line."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import pytest

from workbench import cli
from workbench.core.workspace import Workspace
from workbench.door import link as links
from workbench.door.accounts import Accounts
from workbench.door.link import Limits, Link
from workbench.ui.guest import process


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def run(workspace: Workspace, *words: str) -> int:
    return cli.main(["--workspace", str(workspace.root), *words, "--json"])


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_users_are_added_listed_and_removed(workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setenv("WORKBENCH_PASSWORD", "correct horse battery")
    assert run(workspace, "users", "add", "mei") == 0
    monkeypatch.delenv("WORKBENCH_PASSWORD")
    monkeypatch.setattr("sys.stdin", io.StringIO("another long one\n"))
    assert run(workspace, "users", "add", "li") == 0
    assert told(capsys) == {"users": ["li", "mei"]}
    accounts = Accounts(workspace.root / "door" / "accounts.json")
    assert accounts.right("mei", "correct horse battery")
    assert accounts.right("li", "another long one")
    assert run(workspace, "users", "remove", "mei") == 0
    assert run(workspace, "users") == 0
    assert told(capsys) == {"users": ["li"]}


@pytest.mark.parametrize("words", [("users", "add"), ("users", "remove", "nobody"), ("users", "add", "../x"), ("share", "nothing"), ("share", "stop", "../x"), ("share", "last", "--root-path", "a b"), ("ui", "--root-path", "../x")])  # fmt: skip
def test_what_is_wrong_is_one_sentence_and_status_2(workspace: Workspace, words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setenv("WORKBENCH_PASSWORD", "correct horse battery")
    assert run(workspace, *words) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (workspace.root / "door").exists()


def lie(workspace: Workspace, name: str) -> Link:
    """A link whose process has gone."""
    link = Link(name, "some-run", True, False, "0" * 64, time.time(), time.time() + 60, limits=Limits())
    links.write_json(links.folder(workspace, name) / "link.json", links.asdict(link))
    return link


def test_open_links_are_listed_and_taken_back_one_or_all(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    for name in ("2026-11-26-0101-aaaa", "2026-11-26-0102-bbbb", "2026-11-26-0103-cccc"):
        lie(workspace, name)
    assert run(workspace, "share", "list") == 0
    assert [each["link"][-4:] for each in told(capsys)] == ["cccc", "bbbb", "aaaa"]
    assert run(workspace, "share", "stop", "2026-11-26-0102-bbbb") == 0
    assert told(capsys) == {"stopped": ["2026-11-26-0102-bbbb"]}
    assert run(workspace, "share", "stop") == 0
    assert links.all_open(workspace) == []


def test_the_terms_reach_the_link(workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    asked: list[Any] = []

    def shared(where: Workspace, run_id: str, terms: links.Terms) -> dict[str, Any]:
        asked.append((run_id, terms))
        return {"link": "x", "run": run_id, "until": 0, "urls": []}

    monkeypatch.setattr(process, "share", shared)
    assert run(workspace, "share", "last", "--hours", "2", "--runs", "--place", "network", "--port", "8123", "--root-path", "/try/") == 0  # fmt: skip
    assert asked == [("last", links.Terms(2.0, True, "network", "/try", 8123))]
