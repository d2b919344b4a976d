"""Chat templates of strangers, and what is said to a model: the first end with a sentence, the second stays words."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psutil
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


AT_ONCE = [
    "{% set x = (((10**64)**64)**64)**64 %}{{ x }}", "{{ 'a'.ljust(1500000000) }}", "{{ 'a'.center(1500000000) }}", "{{ '7'.zfill(1500000000) }}",
    "{{ '%1500000000d' % 1 }}", "{{ '%*d' % (1500000000, 1) }}", "{{ '{:>1500000000}'.format(1) }}", "{{ '{:>{}}'.format(1, 1500000000) }}", "{{ 'a' | center(1500000000) }}",
    "{% set a = 'a' * 1000000 %}{{ a.replace('a', a) }}", "{% set a = 'a' * 1000000 %}{{ a | replace('a', a) }}", "{{ '%1500000000s' | format('a') }}",
    "{{ 'a\\nb' | indent(1500000000) }}", "{{ ('\\t' * 1000).expandtabs(10000000) }}",
]  # fmt: skip
"""Much in one step, which cannot be stopped while it lasts."""


@pytest.mark.parametrize("template", AT_ONCE)
def test_no_single_step_makes_a_gigabyte(tokenizer: Any, template: str) -> None:
    tokenizer.chat_template, before = template, psutil.Process().memory_info().rss
    begun = time.monotonic()
    with pytest.raises((UserError, TemplateError)):
        prompt_ids(tokenizer, ASK)
    note("C", "slowest end of a template that wants a gigabyte in one step", time.monotonic() - begun, "s", 5)
    assert psutil.Process().memory_info().rss - before < 300 << 20


@pytest.mark.parametrize(
    "template", ["{{ 'a'.ljust(20) }}", "{{ '%5d' % 3 }}", "{{ '{:>8}'.format(1) }}", "{{ 'abc' | replace('a', 'b') | center(9) | indent(4) }}", "{{ 'x' * 40 }}{{ 2 ** 10 }}{{ 7 % 3 }}"]
)  # fmt: skip
def test_what_templates_usually_do_is_done(tokenizer: Any, template: str) -> None:
    tokenizer.chat_template = template
    assert prompt_ids(tokenizer, ASK)


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
