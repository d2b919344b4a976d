"""Exports are put in place whole, one at a time, over what exports wrote and nothing else."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.core.errors import UserError
from workbench.core.lock import alone
from workbench.core.recipe import parse
from workbench.core.run import Run, create
from workbench.core.workspace import Workspace
from workbench.engine import placing, taking
from workbench.engine.taking import Wish

SAID = {"word": "equal", "sentence": {"en": "equal", "zh": "一致"}, "further": []}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = create(Workspace(tmp_path / "w"), parse({"task": "chat", "method": "lora", "model": {"id": "lumo"}}))
    made.tuned.mkdir(parents=True)
    return made


def wish(run: Run, out: Path | None = None) -> Wish:
    return taking.wish(Workspace(run.folder.parent.parent), run, "adapter", {}, out)


def worker(text: str = "weights", when: Callable[[str], None] = lambda do: None) -> Any:
    """Instead of the other process: writes one file, says equal."""

    def ask(module: str, workspace: Workspace, question: dict[str, Any], asked: Any = None) -> dict[str, Any]:
        folder = Path(question["folder"])
        if question["do"] == "write":
            folder.mkdir(parents=True)
            (folder / "model.bin").write_text(text)
        when(question["do"])
        return dict(SAID)

    return ask


def take(run: Run, monkeypatch: Any, out: Path | None = None, ask: Any = None) -> dict[str, Any]:
    monkeypatch.setattr(taking, "ask", ask or worker())
    return taking.take(Workspace(run.folder.parent.parent), wish(run, out))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_two_at_once_to_one_place_are_one_and_a_sentence(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    begun, go_on, told = threading.Event(), threading.Event(), []

    def wait(do: str) -> None:
        if do == "check":
            begun.set()
            assert go_on.wait(30)

    first = threading.Thread(target=lambda: told.append(take(run, monkeypatch, tmp_path / "x", worker("one", wait))))
    first.start()
    assert begun.wait(30)
    with pytest.raises(UserError, match="is being exported already") as refused:
        take(run, monkeypatch, tmp_path / "x", worker("two"))
    assert "正在导出" in refused.value.text.zh
    take(run, monkeypatch, tmp_path / "y", worker("elsewhere"))
    go_on.set()
    first.join()
    assert told[0]["word"] == "equal"
    assert (tmp_path / "x" / "model.bin").read_text() == "one"
    assert (tmp_path / "y" / "model.bin").read_text() == "elsewhere"
    assert names(tmp_path) == {"w", "x", "y"}


def test_the_old_export_stays_until_the_new_one_is_there(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    take(run, monkeypatch, tmp_path / "x", worker("old"))
    seen: list[str] = []
    take(run, monkeypatch, tmp_path / "x", worker("new", lambda do: seen.append((tmp_path / "x" / "model.bin").read_text())))  # fmt: skip
    assert seen == ["old", "old"]
    assert (tmp_path / "x" / "model.bin").read_text() == "new"

    def fails(do: str) -> None:
        raise UserError("no", "否")

    with pytest.raises(UserError, match="no"):
        take(run, monkeypatch, tmp_path / "x", worker("worse", fails))
    assert (tmp_path / "x" / "model.bin").read_text() == "new"
    assert names(tmp_path) == {"w", "x"}


@pytest.mark.parametrize("harm", [lambda path: path.unlink(), lambda path: path.write_text("damaged")])
def test_files_that_change_while_they_are_checked_are_not_put_in_place(run: Run, tmp_path: Path, monkeypatch: Any, harm: Any) -> None:  # fmt: skip
    take(run, monkeypatch, tmp_path / "x", worker("old"))

    def look(do: str) -> None:
        if do == "check":
            harm(next(tmp_path.glob(".x.*.part")) / "model.bin")

    with pytest.raises(UserError, match=r"model\.bin was changed or taken away"):
        take(run, monkeypatch, tmp_path / "x", worker("new", look))
    assert (tmp_path / "x" / "model.bin").read_text() == "old"


def test_a_rename_that_fails_brings_the_old_one_back_and_is_one_sentence(run: Run, tmp_path: Path, monkeypatch: Any) -> None:  # fmt: skip
    take(run, monkeypatch, tmp_path / "x", worker("old"))
    real = Path.rename

    def rename(path: Path, target: Path) -> Path:
        if path.name.endswith(".part"):
            raise OSError(28, "No space left on device", str(target))
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(UserError, match="No space left") as refused:
        take(run, monkeypatch, tmp_path / "x", worker("new"))
    assert "无法写入" in refused.value.text.zh
    assert (tmp_path / "x" / "model.bin").read_text() == "old"
    assert names(tmp_path) == {"w", "x"}


def test_a_place_where_nothing_can_be_made_is_one_sentence(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written to"):
        take(run, monkeypatch, tmp_path / "file" / "x")


@pytest.mark.parametrize("whose", ["added", "edited", "linked", "theirs", "deeper"])
def test_only_files_of_an_export_are_replaced(run: Run, tmp_path: Path, monkeypatch: Any, whose: str) -> None:
    place = tmp_path / "x"
    if whose == "theirs":
        place.mkdir()
        (place / "parity.json").write_text(json.dumps({"parity": "even"}))
    else:
        take(run, monkeypatch, place)
    odd = {"edited": "model.bin", "theirs": "thesis.txt", "deeper": "sub/notes.md"}.get(whose, "notes.md")
    (place / odd).parent.mkdir(exist_ok=True)
    if whose == "linked":
        (place / odd).symlink_to(tmp_path)
    else:
        (place / odd).write_text("mine")
    with pytest.raises(UserError, match=f"holds {odd}" if whose != "theirs" else "holds parity.json") as refused:
        take(run, monkeypatch, place)
    assert refused.value.field == "--out"
    assert "不是导出写入的" in refused.value.text.zh
    assert (place / odd).exists()


def test_a_letter_put_there_meanwhile_is_left_alone(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    take(run, monkeypatch, tmp_path / "x")
    with pytest.raises(UserError, match=r"holds letter\.txt"):
        take(run, monkeypatch, tmp_path / "x", worker("new", lambda do: (tmp_path / "x" / "letter.txt").write_text("dear") and None))  # fmt: skip
    assert (tmp_path / "x" / "letter.txt").read_text() == "dear"


def test_an_export_of_an_earlier_release_in_the_runs_own_place_is_replaced(run: Run, tmp_path: Path, monkeypatch: Any) -> None:  # fmt: skip
    for place in (run.folder / "exports" / "adapter", tmp_path / "x"):
        place.mkdir(parents=True)
        (place / "model.bin").write_text("old")
        (place / "parity.json").write_text(json.dumps({"to": "adapter", "word": "equal"}))
    take(run, monkeypatch)
    assert (run.folder / "exports" / "adapter" / "model.bin").read_text() == "weights"
    with pytest.raises(UserError, match="holds"):
        take(run, monkeypatch, tmp_path / "x")


def test_what_killed_exports_left_is_swept_at_the_next(run: Run, monkeypatch: Any) -> None:
    home = run.folder / "exports"
    for name in (".merged.part", ".merged.0123abcd.part", ".gguf.89abcdef.part", ".zip.01234567.old", ".adapter.01234567.part"):  # fmt: skip
        (home / name).mkdir(parents=True)
        (home / name / "half.bin").write_text("half")
    shutil.copytree(home / ".merged.part", home / ".onnx.01234567.part")
    with alone(home / ".onnx.lock") as mine:
        assert mine
        take(run, monkeypatch)
        assert names(home) == {"adapter", "zip", ".onnx.01234567.part", ".onnx.lock"}
    assert (home / "zip" / "half.bin").exists(), "what was set aside for an export that never came is put back"


def test_elsewhere_only_what_bears_a_token_is_swept(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    for name in (".x.part", ".x.0123abcd.part", ".y.0123abcd.part"):
        (tmp_path / name).mkdir()
    take(run, monkeypatch, tmp_path / "x")
    assert names(tmp_path) == {"w", "x", ".x.part", ".y.0123abcd.part"}


def test_a_lock_is_held_by_one_and_gone_after(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with alone(path) as first, alone(path) as second:
        assert (first, second) == (True, False)
    assert not path.exists()
    with alone(path) as again:
        assert again


def test_parity_lists_every_file(run: Run, monkeypatch: Any) -> None:
    done = take(run, monkeypatch)
    told = json.loads(Path(done["folder"], "parity.json").read_text())["files"]
    assert set(told) == {"model.bin"}
    assert told["model.bin"]["bytes"] == len("weights")
    assert placing.foreign(Path(done["folder"])) == ""
