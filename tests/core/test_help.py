"""What a knob's help says: what it does, when to change it, what it costs. At least two sentences, in both languages."""

from __future__ import annotations

import re

import pytest

from workbench.core.knob import Knob, knobs
from workbench.core.method import METHODS
from workbench.core.recipe import Recipe
from workbench.core.task import TASKS
from workbench.engine.taking import EXPORTS

EN, ZH = re.compile(r"[.!?;:](?=\s|$)"), re.compile(r"[。！？；：]")
PARTS = 2
"""Sentences, or halves of one that stand by themselves. Steps of cleaning show on the rows what they would do: their help may be short."""


def every_knob() -> dict[str, Knob]:
    """Of the recipe and of the exports, by section and name."""
    sections = [field.annotation for field in Recipe.model_fields.values()]
    sections += [entry.section for entry in [*TASKS.all(), *METHODS.all(), *EXPORTS.all()]]
    shown = [each for each in sections if hasattr(each, "model_fields")]
    return {f"{section.__name__}.{name}": made for section in shown for name, (_, made) in knobs(section).items()}


KNOBS = every_knob()


@pytest.mark.parametrize("name", KNOBS)
def test_the_help_of_a_setting_says_more_than_its_name(name: str) -> None:
    said = KNOBS[name].help
    assert len(EN.findall(said.en)) >= PARTS, f"{name}: {said.en}"
    assert len(ZH.findall(said.zh)) >= PARTS, f"{name}: {said.zh}"
    assert len(said.en.split()) <= 75, f"{name}: it stands beside its field"
