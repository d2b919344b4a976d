"""What is typed where a number belongs, in every knob there is: taken, or refused beside its field, before anything is loaded."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
from faults import note
from hostile.corpus import NEVER, NUMBERS_IN, SMUGGLED

from workbench.core.errors import UserError
from workbench.core.knob import base_type, knobs
from workbench.core.method import METHODS
from workbench.core.recipe import Recipe, parse
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.ui.draft import Draft

PLAIN = {"task": "text-classification", "method": "lora"}


def numeric() -> list[tuple[dict[str, str], str, type]]:
    """(kinds, dotted path, int or float) of every knob that is a number."""
    sections: list[tuple[dict[str, str], str, Any]] = [(PLAIN, name, field.annotation) for name, field in Recipe.model_fields.items() if name not in ("name", "task", "method")]  # fmt: skip
    sections += [({**PLAIN, "task": entry.kind}, "task", entry.section) for entry in TASKS.all()]
    sections += [({**PLAIN, "method": entry.kind}, "method", entry.section) for entry in METHODS.all()]
    return [(kinds, f"{part}.{name}", base_type(field)) for kinds, part, section in sections for name, (field, _) in knobs(section).items() if base_type(field) in (int, float)]  # fmt: skip


def test_every_number_is_taken_or_refused_beside_its_field(workspace: Workspace) -> None:
    draft, slowest, tried = Draft(workspace), 0.0, 0
    for kinds, path, _ in numeric():
        draft.fill(parse(kinds).dump())
        for number, value in NUMBERS_IN.items():
            begun = time.perf_counter()
            error = draft.problem(path, value)
            slowest, tried = max(slowest, time.perf_counter() - begun), tried + 1
            assert error is None or (error.field == path and "\n" not in error.say("en")), (path, number)
            if number in NEVER:
                assert error is not None, (path, number, value)
            if error is None and value is not None:
                kept = parse(kinds).replace({path: value}).dump()
                part, _, name = path.partition(".")
                assert math.isfinite(kept[part][name] or 0), (path, number)
    note("H", "knobs × values that are no numbers", tried)
    note("H", "slowest refusal beside the field", 1000 * slowest, "ms", 200)


@pytest.mark.parametrize("name", SMUGGLED)
def test_no_argument_of_the_trainer_is_smuggled_in(name: str) -> None:
    for part in ("", *Recipe.model_fields):
        if part == "name":
            continue
        with pytest.raises(UserError):
            parse(PLAIN).replace({f"{part}.{name}" if part else name: "x"})
