"""Chat templates of strangers, and what is said to a model: the first end with a sentence, the second stays words."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from faults import note
from hostile.corpus import CHAT, TEMPLATES
from jinja2 import TemplateError

from workbench import ASSETS
from workbench.core.errors import UserError
from workbench.models import bounded
from workbench.models.conversation import prompt_ids, spoken
from workbench.models.loading import load_tokenizer

ASK = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
pytestmark = pytest.mark.slow


@pytest.fixture
def tokenizer() -> Any:
    return load_tokenizer(ASSETS / "models" / "lumo")


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_hostile_template_ends_with_a_sentence(tokenizer: Any, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    tokenizer.chat_template = TEMPLATES[name]
    begun = time.monotonic()
    with pytest.raises((UserError, TemplateError)) as caught:
        prompt_ids(tokenizer, ASK)
    note("C", "slowest end of a hostile template", time.monotonic() - begun, "s", 5)
    assert str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", CHAT)
def test_words_for_a_chat_stay_words(tokenizer: Any, name: str) -> None:
    """Special tokens that are spelled out, template syntax, control codes: as many conversations, no more special tokens than always."""
    text = CHAT[name][:5000].encode("utf-8", "replace").decode()
    usual = [each for each in prompt_ids(tokenizer, [{"role": "user", "content": "x"}]) if each in tokenizer.all_special_ids]  # fmt: skip
    found = [each for each in prompt_ids(tokenizer, [{"role": "user", "content": text}]) if each in tokenizer.all_special_ids]  # fmt: skip
    assert found == usual


def test_a_template_that_is_stopped_leaves_nothing_behind(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "SECONDS", 0.1)
    own = tokenizer.chat_template
    for _ in range(3):
        tokenizer.chat_template = TEMPLATES["C19"]
        with pytest.raises(UserError):
            spoken(tokenizer, ASK)
        tokenizer.chat_template = own
        assert spoken(tokenizer, ASK).ids
    time.sleep(0.2)  # nothing arrives late
