"""What every lab promises, whoever wrote it: one right guess, short paragraphs, pictures that can be drawn, a way to the real thing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from workbench.core import preset as presets
from workbench.core.errors import UserError
from workbench.core.knob import knobs
from workbench.core.lab import LABS, STOPS, Lab
from workbench.core.picture import FIGURES, Picture
from workbench.core.recipe import parse, put
from workbench.core.run import create
from workbench.core.text import LANGS, Text
from workbench.core.workspace import Workspace
from workbench.learn import _progress
from workbench.learn._far import Far
from workbench.ui import labs, pictures
from workbench.ui.page import NAMES
from workbench.ui.words import Words

KINDS = LABS.kinds()


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    made = Far(Workspace(tmp_path_factory.mktemp("far")))
    yield made
    made.end()


def seen(lab: Lab, far: Far, **given: object) -> list[Picture]:
    settings = lab.section(**given)
    return far.touch(lab.kind, settings.model_dump()) if lab.far else lab.touch(settings, far.workspace)


def texts(lab: Lab) -> Iterator[Text]:
    yield from (lab.label, *lab.idea, lab.guess.ask)
    yield from (text for choice in lab.guess.choices for text in (choice.text, choice.why))
    yield from (text for _, made in knobs(lab.section).values() for text in (made.label, made.help))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_is_short_and_in_both_languages(kind: str) -> None:
    lab = LABS.get(kind)
    assert lab.stop in STOPS
    assert all(text.en.strip() and text.zh.strip() for text in texts(lab))
    assert all(len(text.en.split()) <= 60 and len(text.zh) <= 120 for text in lab.idea)
    assert sum(choice.right for choice in lab.guess.choices) == 1
    assert 2 <= len(lab.guess.choices) <= 4
    assert len(knobs(lab.section)) <= 6


@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_at_its_defaults_and_when_it_is_broken(kind: str, far: Far) -> None:
    lab = LABS.get(kind)
    usual = seen(lab, far)
    assert usual
    for found in (usual, *([seen(lab, far, **lab.breaks.knobs)] if lab.breaks else [])):
        assert sum(each["kind"] in FIGURES for each in found) <= labs.PLOTS
        for lang in LANGS:
            assert all(figure.to_json() for figure in pictures.figures(found, Words(lang)))
            assert pictures.above(found, Words(lang)) + pictures.below(found, Words(lang))
    assert not lab.breaks or seen(lab, far, **lab.breaks.knobs) != usual, "what is computed follows the settings"


@pytest.mark.parametrize("kind", KINDS)
def test_the_way_to_the_real_thing_is_a_possible_recipe(kind: str, workspace: Workspace) -> None:
    real = LABS.get(kind).real(workspace)
    assert real.tab in NAMES
    values = presets.find(real.preset).dump() if real.preset else presets.find("quickstart").dump()
    for path, value in real.draft.items():
        values = put(values, path, value)
    parse(values)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_ticked_in_an_empty_workspace(kind: str, workspace: Workspace) -> None:
    lab = LABS.get(kind)
    assert lab.done(workspace) is None
    assert _progress.of(workspace, lab, []).status == _progress.UNTOUCHED


CHOSEN = {
    "tensors": ("sentiment-en", "training.per_device_train_batch_size"), "tokenizer": ("sentiment-zh", "task.max_length"),
    "gradient-descent": ("sentiment-zh", "training.learning_rate"), "matrix-product": ("sentiment-en", "method.rank"),
    "lora-rank": ("persona", "method.rank"), "multi-head": ("persona", "method.target_modules"), "data-loader": ("persona", "training.padding_free"),
}  # fmt: skip
"""Labs about one setting: a run with whatever the form said does not tick them."""


@pytest.mark.parametrize("kind", CHOSEN)
def test_a_setting_nobody_chose_ticks_nothing(kind: str, workspace: Workspace) -> None:
    (preset, path), lab = CHOSEN[kind], LABS.get(kind)
    real = lab.real(workspace)
    assert (real.preset, path in real.draft) == (preset, True)
    plain = presets.find(preset)
    for recipe, done in ((plain, False), (parse(put(plain.dump(), path, real.draft[path])), True)):
        run = create(workspace, recipe)
        run.tuned.mkdir(parents=True)
        run.events_path.write_text('{"kind": "finished", "time": 1}\n', encoding="utf-8")
        assert bool(lab.done(workspace)) is done


def test_a_guess_and_the_goal_make_it_touched(workspace: Workspace) -> None:
    lab = LABS.get("gradient-descent")
    _progress.tell(workspace, lab, "guess", choice=1)
    assert _progress.all_of(workspace)[lab.kind].status == _progress.UNTOUCHED
    for rate in (0.5, 1.1):
        _progress.tell(workspace, lab, "touch", knobs=lab.section(learning_rate=rate).model_dump())
    with _progress.path(workspace).open("ab") as log:
        log.write(b'{"lab": "gradient-de')
    known = _progress.all_of(workspace)[lab.kind]
    assert (known.status, known.guess, len(known.touched)) == (_progress.TOUCHED, 1, 2)


def test_what_goes_wrong_far_away_is_one_sentence_and_the_next_question_is_answered(far: Far) -> None:
    with pytest.raises(UserError, match="Type a text"):
        far.touch("self-attention", {"text": " "})
    far._process.kill()  # type: ignore[union-attr]
    assert far.touch("self-attention", {"text": "The sun"})
