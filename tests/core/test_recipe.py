"""Recipes: typed, frozen, refused with one clear sentence beside the field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from workbench.core import preset, recipe
from workbench.core.errors import UserError
from workbench.core.method import METHODS
from workbench.core.recipe import Recipe, parse, put, with_settings
from workbench.core.task import TASKS

GOOD: dict[str, Any] = {"task": {"kind": "text-classification"}, "method": {"kind": "lora"}}


@pytest.mark.parametrize("task", TASKS.kinds())
@pytest.mark.parametrize("method", METHODS.kinds())
def test_yaml_round_trip_is_the_same_recipe(tmp_path: Path, task: str, method: str) -> None:
    made = parse({"task": {"kind": task}, "method": {"kind": method}, "training": {"learning_rate": 3e-4}})
    made.save(tmp_path / "recipe.yaml")
    assert recipe.read(tmp_path / "recipe.yaml") == made


@pytest.mark.parametrize(
    ("setting", "field", "word"),
    [
        ("training.learning_rate=abc", "training.learning_rate", "abc"),
        ("training.learning_rate=-1", "training.learning_rate", "-1"),
        ("training.learning_rate=1e30", "training.learning_rate", "1e30"),
        ("training.learning_rate=nan", "training.learning_rate", "nan"),
        ("training.learning_rate=.inf", "training.learning_rate", "inf"),
        ("training.num_train_epochs=0", "training.num_train_epochs", "0"),
        ("training.per_device_train_batch_size=1.5", "training.per_device_train_batch_size", "1.5"),
        ("training.seed=-1", "training.seed", "-1"),
        ("training.trust_remote_code=true", "training.trust_remote_code", "no such setting"),
        ("training.output_dir=/tmp/x", "training.output_dir", "no such setting"),
        ("method.rank=0", "method.rank", "0"),
        ("method.lora_dropout=1", "method.lora_dropout", "1"),
        ("data.validation=1", "data.validation", "1"),
        ("task.max_length=0", "task.max_length", "0"),
        ("method.kind=magic", "method", "magic"),
        ("nonsense.x=1", "nonsense", "nonsense"),
    ],
)
def test_a_bad_setting_is_one_sentence_with_its_field_in_both_languages(setting: str, field: str, word: str) -> None:
    with pytest.raises(UserError) as caught:
        with_settings(parse(GOOD), [setting])
    assert caught.value.field == field
    assert word in caught.value.say("en")
    assert any("\u4e00" <= char <= "\u9fff" for char in caught.value.say("zh"))
    assert "\n" not in caught.value.say("en")


def test_numbers_as_people_type_them() -> None:
    changed = with_settings(parse(GOOD), ["training.learning_rate=5e-5", "method.rank=32", "name=my run"])
    assert (changed.training.learning_rate, changed.method.rank, changed.name) == (5e-5, 32, "my run")  # type: ignore[attr-defined]


def test_changing_the_kind_drops_the_old_knobs() -> None:
    assert put({"method": {"kind": "lora", "rank": 8}}, "method.kind", "full") == {"method": {"kind": "full"}}
    assert with_settings(parse(GOOD), ["method.rank=8", "method.kind=full"]).method.kind == "full"


def test_a_recipe_is_frozen() -> None:
    with pytest.raises(ValidationError):
        parse(GOOD).name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("text", ["", "[]", "a: [", "task: {kind: text-classification}", "\x00"])
def test_a_broken_recipe_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(UserError):
        recipe.read(path)


@pytest.mark.parametrize("item", preset.all_presets(), ids=lambda item: item.kind)
def test_every_preset_is_a_valid_recipe_with_both_languages(item: preset.Preset) -> None:
    assert isinstance(item.recipe, Recipe)
    assert item.label.en
    assert item.label.zh
    assert item.help.en
    assert item.help.zh
    assert preset.find(item.kind) == item.recipe


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match="quickstart"):
        preset.find("nothing-like-it")


def test_an_emptied_number_is_called_missing() -> None:
    with pytest.raises(UserError) as told:
        parse({**GOOD, "training": {"num_train_epochs": None}})
    assert "Epochs (training.num_train_epochs): a value is missing" in told.value.say("en")
    assert "缺少取值" in told.value.say("zh")
