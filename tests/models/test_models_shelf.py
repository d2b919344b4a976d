"""The lists of the Model page: the catalogue and its filters, what is on this machine, and the Hub's search."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakehub import Hub
from tinymodels import tiny_llama

from workbench.core.errors import UserError
from workbench.core.preset import all_presets
from workbench.core.workspace import Workspace
from workbench.models import catalog, shelf


def test_the_catalogue_begins_with_the_starters_and_knows_every_preset_s_model() -> None:
    names = [entry.id for entry in shelf.catalogue()]
    assert len(names) == len(set(names)) >= 25
    assert set(names[:2]) == {starter.kind for starter in catalog.STARTERS}
    assert {preset.recipe.model.id for preset in all_presets()} <= set(names)


@pytest.mark.parametrize("entry", shelf.catalogue(), ids=lambda entry: entry.id)
def test_every_entry_is_complete(entry: shelf.Entry) -> None:
    assert entry.kind in ("encoder", "decoder", "pair")
    assert entry.millions > 0
    assert entry.languages
    assert entry.licence
    assert entry.context >= 512
    assert entry.note.en
    assert entry.note.zh
    assert entry.needs().endswith("GB")


def test_filters_narrow_the_list() -> None:
    every = shelf.catalogue()
    for found in (
        shelf.filtered(every, kind="pair"),
        shelf.filtered(every, language="zh"),
        shelf.filtered(every, most=150),
    ):
        assert 0 < len(found) < len(every)
    assert all(entry.kind == "pair" for entry in shelf.filtered(every, kind="pair"))


def test_models_on_this_machine_are_listed(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    made = tiny_llama(workspace.models / "owner--tiny")
    (made / ".downloaded.json").write_text("{}")
    tiny_llama(tmp_path / "home" / "hub" / "models--a--b" / "snapshots" / "0123")
    broken = workspace.models / "owner--broken"
    broken.mkdir()
    (broken / ".downloaded.json").write_text("{}")
    found = shelf.inventory(workspace)
    assert [Path(entry.id).name for entry in found] == ["tiny", "0123"]
    assert {entry.kind for entry in found} == {"decoder"}


def test_the_hub_is_searched(hub: Hub) -> None:
    for name in ("some/llama-one", "some/other"):
        (hub.root / name).mkdir(parents=True)
    assert [entry.id for entry in shelf.search("llama")] == ["some/llama-one"]
    hub.fault = 400
    with pytest.raises(UserError, match="400"):
        shelf.search("llama")
