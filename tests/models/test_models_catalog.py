"""Which names are models, and which folders can be loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from places import SHARED
from tinymodels import raw_model

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.models import catalog
from workbench.models.catalog import STARTERS

REFUSED = [
    "", " ", "pandas", "../x", "a/b/c", "owner/name@evil", "a/b\n", "a\x00/b", "/no/such/folder", "-a/b", "a/..", ".a/b",
    "https://example.org/a/b", "a/b.git", "a--b/c", "模型/名", "x" * 500, " a/b",
]  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_model_is_refused_beside_its_field(workspace: Workspace, name: str) -> None:
    with pytest.raises(UserError, match="owner/name") as caught:
        catalog.locate(workspace, name)
    assert caught.value.field == "model.id"
    assert "入门模型" in caught.value.text.zh


@pytest.mark.parametrize("revision", ["", "../x", "a b", "-x", "a\n"])
def test_a_revision_is_checked(workspace: Workspace, revision: str) -> None:
    with pytest.raises(UserError, match="revision"):
        catalog.locate(workspace, "a/b", revision)


@pytest.mark.parametrize("starter", STARTERS, ids=lambda starter: starter.kind)
def test_a_starter_is_here_or_says_how_to_get_it(workspace: Workspace, starter: catalog.Starter) -> None:
    try:
        found = catalog.locate(workspace, starter.kind)
    except UserError as error:
        assert "launch.py" in error.text.en  # noqa: PT017
    else:
        assert found.path is not None
        assert catalog.facts(found.path).parameters > 1_000_000


def test_a_missing_starter(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "ASSETS", tmp_path)
    with pytest.raises(UserError, match=r"python launch\.py"):
        catalog.locate(workspace, STARTERS[0].kind)


@pytest.mark.parametrize("name", ["./mine", "mine", "{root}/mine"])
def test_a_folder_is_found_by_any_path(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    raw_model(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    found = catalog.locate(workspace, name.format(root=tmp_path))
    assert found.path == tmp_path / "mine"
    assert catalog.locate(workspace, found.id).path == found.path


def test_the_facts_of_a_folder(tmp_path: Path) -> None:
    found = catalog.facts(raw_model(tmp_path / "m"))
    assert (found.architecture, found.parameters, found.context_length, found.vocabulary) == ("X", 4, 7, 9)
    assert not found.has_chat_template


def test_the_facts_of_real_weights() -> None:
    folder = SHARED / "models" / "stories260K"
    if not folder.is_dir():
        pytest.skip("the stories260K weights are not beside this repository")
    found = catalog.facts(folder)
    assert (found.parameters, found.context_length, found.vocabulary) == (260_032, 512, 512)


def test_a_folder_without_config(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no config\.json"):
        catalog.check_folder(tmp_path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth"])
def test_a_folder_with_pickles_only(tmp_path: Path, name: str) -> None:
    folder = raw_model(tmp_path / "m")
    (folder / "model.safetensors").rename(folder / name)
    with pytest.raises(UserError, match="can run code"):
        catalog.check_folder(folder)


def test_an_adapter_names_its_base(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "the/base"}')
    with pytest.raises(UserError, match="the/base"):
        catalog.check_folder(tmp_path)


def test_code_that_comes_with_a_model_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    folder = raw_model(tmp_path / "m")
    (folder / "config.json").write_text('{"auto_map": {"AutoModel": "evil.Model"}}')
    with pytest.raises(UserError, match="not run unless you agree"):
        catalog.check(workspace, folder)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    folder = raw_model(tmp_path / "m")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"w": "model-00001-of-00002.safetensors"}})
    )
    with pytest.raises(UserError, match="model-00001-of-00002"):
        catalog.check_folder(folder)


def broken_headers() -> dict[str, bytes]:
    """Ways in which a safetensors file can lie."""

    def made(head: object, data: bytes = bytes(16)) -> bytes:
        text = json.dumps(head).encode()
        return len(text).to_bytes(8, "little") + text + data

    one = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    return {
        "empty": b"",
        "a pointer": b"version https://git-lfs.github.com/spec/v1",
        "huge header": (1 << 60).to_bytes(8, "little") + b"{}",
        "no json": (4).to_bytes(8, "little") + b"oops",
        "a list": made([1]),
        "cut": made({"w": one}, bytes(8)),
        "too long": made({"w": one}, bytes(17)),
        "overlap": made({"w": one, "v": one}),
        "wrong shape": made({"w": {**one, "shape": [5]}}),
        "no offsets": made({"w": {"dtype": "F32"}}),
        "not a tensor": made({"w": 3}),
    }


@pytest.mark.parametrize("way", broken_headers())
def test_a_broken_file_is_refused(tmp_path: Path, way: str) -> None:
    folder = raw_model(tmp_path / "m")
    (folder / "model.safetensors").write_bytes(broken_headers()[way])
    with pytest.raises(UserError, match="not a sound safetensors file"):
        catalog.check_folder(folder)


def test_a_folder_that_was_moved_is_told_where_to_be_put_and_found_there(workspace: Workspace, tmp_path: Path) -> None:
    old, new = tmp_path / "old" / "my base", workspace.models / "my base"
    with pytest.raises(UserError, match="If it was moved, put it") as refused:
        catalog.locate(workspace, str(old))
    assert str(new) in refused.value.text.en.replace("\n", "")
    assert "移动" in refused.value.text.zh
    raw_model(new)
    assert catalog.locate(workspace, str(old)).path == new.resolve()
    raw_model(old)
    assert catalog.locate(workspace, str(old)).path == old.resolve()
