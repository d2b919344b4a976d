"""The same download and search from ModelScope, and the setting that chooses where models come from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fakehub import Hub
from tinymodels import raw_model, tiny_llama

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.models import catalog, modelscope, shelf, source

NAME = "someone/small-model"


@pytest.fixture
def scope(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The tests' own Hub, taken for ModelScope."""
    monkeypatch.setattr(modelscope, "HOSTS", {"127.0.0.1"})
    monkeypatch.setenv("HF_TOKEN", "hf_of-another-site")
    return hub


def get(workspace: Workspace) -> Path:
    return catalog.fetch(workspace, catalog.locate(workspace, NAME))


def test_a_model_is_fetched_and_no_token_goes_there(workspace: Workspace, scope: Hub) -> None:
    tiny_llama(scope.root / NAME)
    folder = get(workspace)
    assert catalog.facts(folder).parameters > 0
    assert {path.name for path in folder.iterdir()} >= {"config.json", "model.safetensors", "tokenizer.json"}
    assert all(line.startswith(("GET /api/v1/models/", "GET /models/")) for line in scope.requests)
    assert set(scope.tokens) == {""}


def test_a_broken_download_goes_on_and_a_damaged_one_is_refused(workspace: Workspace, scope: Hub) -> None:
    raw_model(scope.root / NAME, 200_000)
    scope.fault, scope.only_files = "truncate", True
    with pytest.raises(UserError, match="broke"):
        get(workspace)
    held = sum(path.stat().st_size for path in (workspace.models / ".someone--small-model.part").glob("*.incomplete"))
    assert held > 0
    scope.fault = "corrupt"
    with pytest.raises(UserError, match="damaged"):
        get(workspace)
    scope.fault = None
    assert (get(workspace) / "model.safetensors").read_bytes() == (scope.root / NAME / "model.safetensors").read_bytes()


def test_a_model_it_has_not_is_one_sentence(workspace: Workspace, scope: Hub) -> None:
    with pytest.raises(UserError, match="does not exist"):
        get(workspace)


def test_it_is_searched(scope: Hub) -> None:
    for name in ("some/llama-one", "some/other"):
        (scope.root / name).mkdir(parents=True)
    (found,) = shelf.search("llama")
    assert (found.id, found.note.en) == ("some/llama-one", "↓ 7 · ♥ 1")


def test_the_setting_is_kept_and_the_environment_comes_first(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "")
    assert source.current() == source.HUGGING_FACE
    source.choose(workspace, "https://modelscope.cn/")
    assert source.current() == os.environ["HF_ENDPOINT"] == "https://modelscope.cn"
    monkeypatch.delenv("HF_ENDPOINT")
    source.apply(workspace)
    assert source.current() == "https://modelscope.cn"
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    source.apply(workspace)
    assert source.current() == "https://mirror.example"


@pytest.mark.parametrize("address", ["", "modelscope", "ftp://a.example", "https://", "file:///etc/passwd"])
def test_a_wrong_address_is_refused_and_nothing_changes(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    with pytest.raises(UserError, match="web address"):
        source.choose(workspace, address)
    assert source.current() == "https://mirror.example"
    assert not (workspace.root / "settings.json").exists()
