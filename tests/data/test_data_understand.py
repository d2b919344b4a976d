"""A closer look: real token counts, what a cutoff costs by hand, languages, pairs, odd rows, and a map that tells themes apart."""

from __future__ import annotations

import random

import pytest
from places import ROOT

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.data import library, profile, understand
from workbench.data.table import Table

LUMO = ROOT / "assets/models/lumo"
FOOD, SEA = (
    ["soup", "bread", "cheese", "apple", "dinner", "kitchen", "salt"],
    ["boat", "wave", "harbour", "sail", "captain", "storm", "anchor"],
)


@pytest.fixture
def mixed(workspace: Workspace) -> library.Dataset:
    dice = random.Random(2)
    rows = [{"text": " ".join(dice.choices(FOOD if n % 2 else SEA, k=12)), "label": "fs"[n % 2]} for n in range(80)]
    rows += [{"text": "我们在北京学习，北京很大", "label": "f"} for _ in range(20)]
    rows += [{"text": "word " * 900, "label": "f"}, {"text": "12 34 !!! 56 7", "label": "s"}]
    return library.save(
        workspace, "mixed", Table(["text", "label"], rows, [], "csv", "utf-8"), {"text": "text", "label": "label"}
    )


def test_tokens_are_those_of_the_models_own_tokenizer(mixed: library.Dataset) -> None:
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(LUMO)
    texts = [row["text"].strip() for row in mixed.rows()]
    assert understand.look(mixed, LUMO).tokens == [len(ids) for ids in theirs(texts)["input_ids"]]


def test_what_a_cutoff_costs() -> None:
    found = understand.cut([10, 20, 30, 40], 25)
    assert found["rows"] == 2
    assert found["lost"] == pytest.approx(20 / 100)
    assert found["padding"] == pytest.approx(1 - 80 / 100)
    assert understand.cut([], 8)["rows"] == 0


def test_languages_pairs_and_odd_rows(mixed: library.Dataset) -> None:
    found = understand.look(mixed)
    assert found.scripts["zh"] == 20
    assert found.scripts["latin"] == 81
    assert found.pairs["北京"] == 40
    why = {place: reason.en for place, reason, _ in found.odd}
    assert "far longer" in why[100]
    assert "letters" in why[101]
    assert found.profile.duplicates == 19


def test_the_map_keeps_themes_apart(mixed: library.Dataset) -> None:
    found = understand.look(mixed).map
    assert found is not None
    theme = dict(zip(found.places, found.theme, strict=True))
    food, sea, han = ({theme[place] for place in group} for group in (range(1, 80, 2), range(0, 80, 2), range(80, 100)))
    assert not food & sea
    assert len(han) == 1
    assert not han & (food | sea)
    assert all(found.names)


def test_a_large_file_sorted_by_label_shows_every_label(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "PART", 60)
    rows = [{"text": " ".join((FOOD if n < 200 else SEA)[n % 5 :]) + f" {n}", "label": n // 100} for n in range(300)]
    rows[250]["text"] = "word " * 900
    made = library.save(workspace, "sorted", Table(["text", "label"], rows), {"text": "text", "label": "label"})
    found = understand.look(made)
    assert found.profile.labels == {"0": 100, "1": 100, "2": 100}
    assert found.profile.rows == 60
    assert understand.look(made).texts == found.texts
    looked = [place for place, text in enumerate(found.texts) if text]
    assert len(looked) == 60
    assert min(looked) < 100 < 200 < max(looked)
    assert all(found.texts[place] == rows[place]["text"].strip() for place in looked)
    assert found.map is not None
    assert set(found.map.places) <= set(looked)
    assert all(text == rows[place]["text"].strip() for place, _, text in found.odd)


@pytest.mark.parametrize("texts", [["a"], ["", ""], ["1 2 3"] * 5, ["same words"] * 9])
def test_little_or_nothing_has_no_map_and_is_no_error(workspace: Workspace, texts: list[str]) -> None:
    made = library.save(
        workspace, "few", Table(["text"], [{"text": text} for text in texts], [], "csv", "utf-8"), {"text": "text"}
    )
    assert understand.look(made, LUMO).map is None


def test_a_model_without_a_tokenizer_is_said(mixed: library.Dataset, workspace: Workspace) -> None:
    with pytest.raises(UserError, match=r"tokenizer\.json"):
        understand.look(mixed, workspace.root)
