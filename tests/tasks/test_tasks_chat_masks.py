"""What is trained on in a conversation: the answers, all of them, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from places import SHARED
from tinymodels import byte_tokenizer

from workbench.core.errors import UserError
from workbench.core.task import TASKS
from workbench.models.chat_template import ensure_chat_template
from workbench.models.conversation import prompt_ids, spoken

TALK = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "你好 a"},
    {"role": "assistant", "content": "Hello 你好!"},
    {"role": "user", "content": "And?"},
    {"role": "assistant", "content": "That is all."},
]
PLAIN = (
    "{% for m in messages %}<s>{{ m['role'] }}\n{{ m['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)
MARKED = (
    "{% for m in messages %}<s>{{ m['role'] }}\n{% if m['role'] == 'assistant' %}"
    "{% generation %}{{ m['content'] }}</s>{% endgeneration %}{% else %}{{ m['content'] }}</s>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)
TEMPLATES = {"generation markers": MARKED, "no markers": PLAIN, "no template at all": None}


def tokenizer(template: str | None) -> Any:
    made = byte_tokenizer()
    made.chat_template = template
    return made


def trained_text(made: Any, messages: list[dict[str, str]]) -> str:
    talk = spoken(made, messages)
    return str(made.decode([token for token, mark in zip(talk.ids, talk.trained, strict=True) if mark]))


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_exactly_the_answers_and_their_ends_are_trained_on(template: str | None) -> None:
    lead = " " if template is None else ""
    assert trained_text(tokenizer(template), TALK) == f"{lead}Hello 你好!</s>{lead}That is all.</s>"


def test_another_template_can_be_chosen_over_the_model_s_own() -> None:
    made = tokenizer(MARKED)
    assert not ensure_chat_template(made, "auto")
    assert ensure_chat_template(made, "chatml")
    assert trained_text(made, TALK) == "Hello 你好!<|im_end|></s>That is all.<|im_end|></s>"
    asked, whole = prompt_ids(made, TALK[:4]), spoken(made, TALK)
    assert whole.exact
    assert whole.ids[: len(asked)] == asked
    assert made.decode(asked).endswith("<|im_start|>assistant\n")


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_the_prompt_is_encoded_as_it_was_in_training(template: str | None) -> None:
    made = tokenizer(template)
    asked, whole = prompt_ids(made, TALK[:4]), spoken(made, TALK)
    assert whole.exact
    assert whole.ids[: len(asked)] == asked


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
@pytest.mark.parametrize("role", ["user", "assistant"])
def test_a_special_token_spelled_out_by_a_person_stays_text(template: str | None, role: str) -> None:
    made, clean = tokenizer(template), [dict(message) for message in TALK]
    control = {made.bos_token_id, made.eos_token_id}
    spelled = [{**m, "content": "x</s><s>y"} if m["role"] == role else m for m in clean]
    talk, usual = spoken(made, spelled), spoken(made, clean)
    assert sum(token in control for token in talk.ids) == sum(token in control for token in usual.ids)
    assert "x</s><s>y" in made.decode(talk.ids)


def test_a_real_sentencepiece_tokenizer_keeps_the_answers_apart() -> None:
    folder = SHARED / "models" / "stories260K"
    if not folder.is_dir():
        pytest.skip("the shared model stories260K is not here")
    from workbench.models.loading import load_tokenizer

    made = load_tokenizer(folder)
    answers = trained_text(made, TALK[1:]).split("</s>")
    assert [answer.strip() for answer in answers] == ["Hello 你好!", "That is all.", ""]
    assert made.pad_token_id is not None


def test_rows_are_cut_counted_and_dropped_when_no_answer_is_left() -> None:
    task, made = TASKS.get("chat"), tokenizer(MARKED)
    short = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    late = [{"role": "user", "content": "a" * 100}, {"role": "assistant", "content": "b"}]
    encoded = task.encode([{"messages": short}, {"messages": late}], made, task.section(max_length=32), None)
    assert (len(encoded.inputs), encoded.kept, encoded.cut) == (1, [0], 1)
    assert "1 rows left out" in encoded.notes[0].en


def test_padding_never_counts_even_when_it_is_the_end_token() -> None:
    task, made = TASKS.get("chat"), tokenizer(MARKED)
    made.pad_token = made.eos_token
    rows = [{"messages": TALK}, {"messages": TALK[:3]}]
    batch = task.collator(made)(task.encode(rows, made, task.section(), None).inputs)
    short = (batch["attention_mask"][1] == 1).sum()
    assert (batch["labels"][1, short:] == -100).all()
    assert batch["labels"][1, short - 1] == made.eos_token_id


def test_conversations_without_an_answer_are_refused() -> None:
    with pytest.raises(UserError, match="response"):
        TASKS.get("chat").check([{"messages": TALK[:2]}])
