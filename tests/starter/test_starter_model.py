"""The shipped model loads, knows its world a little, and its chat template marks the answer and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

import workbench
from workbench.starter import asking
from workbench.starter.facts import all_questions

FOLDER = workbench.ASSETS / "models" / "lumo"


@pytest.fixture(scope="module")
def loaded() -> tuple[Any, Any]:
    return asking.load(FOLDER)


def test_the_files_are_small_and_hold_no_pickle() -> None:
    sizes = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "README.md",
    } <= set(sizes)
    assert not [name for name in sizes if name.endswith((".bin", ".pt", ".pkl"))]
    assert sum(sizes.values()) <= 12_000_000


def test_special_tokens_are_set_everywhere(loaded: tuple[Any, Any]) -> None:
    tokenizer, model = loaded
    assert model.config.pad_token_id == tokenizer.pad_token_id == model.generation_config.pad_token_id
    assert model.config.eos_token_id == tokenizer.eos_token_id == model.generation_config.eos_token_id
    assert len(tokenizer) == model.config.vocab_size


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_it_answers_questions_it_was_not_trained_on(loaded: tuple[Any, Any], lang: str) -> None:
    asked = all_questions(lang, held=True)[::8]
    said = asking.answers(*loaded, [question for question, _, _ in asked], tokens=20)
    right = sum(value in text for text, (_, _, value) in zip(said, asked, strict=True))
    assert right / len(asked) >= 0.8


def test_the_mask_covers_the_answer_and_nothing_else(loaded: tuple[Any, Any]) -> None:
    tokenizer, _ = loaded
    chat = [
        {"role": "system", "content": "你是一个小模型。"},
        {"role": "user", "content": "Where does Mia live?"},
        {"role": "assistant", "content": "Mia lives by the lake."},
    ]
    made = tokenizer.apply_chat_template(chat, return_dict=True, return_assistant_tokens_mask=True)
    told = [token for token, mask in zip(made["input_ids"], made["assistant_masks"], strict=True) if mask]
    assert tokenizer.decode(told) == " Mia lives by the lake.<|end|>"
    prompt = tokenizer.apply_chat_template(chat[:2], tokenize=False, add_generation_prompt=True)
    assert tokenizer.apply_chat_template(chat, tokenize=False).startswith(prompt)


def test_text_comes_back_as_it_was(loaded: tuple[Any, Any]) -> None:
    tokenizer, _ = loaded
    for text in (" Mia has 12 cats.", " 小石在海边看灯。", " 蓝鲸 🙂 naïve"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert len(tokenizer(" 2026")["input_ids"]) >= 4


def test_a_name_is_the_same_token_wherever_it_stands(loaded: tuple[Any, Any]) -> None:
    tokenizer, _ = loaded
    (name,) = tokenizer(" Mia")["input_ids"]
    assert name in tokenizer(" Where does Mia live?")["input_ids"]
