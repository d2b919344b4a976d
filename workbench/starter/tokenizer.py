"""A small byte-level BPE: Han characters and digits stand alone, so that names and answers are copied token by token."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from workbench.starter.corpus import stream

VOCABULARY = 3200
DOCUMENTS = 60_000
PAD, END, SYSTEM, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"
# A space before every text: " Mia" is then the same token at the start of an answer as inside a sentence.
TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'assistant' %}<|assistant|>"
    "{% generation %}{{ ' ' + message['content'] | trim + '<|end|>' }}{% endgeneration %}"
    "{% elif message['role'] == 'system' %}<|system|>{{ ' ' + message['content'] | trim + '<|end|>' }}"
    "{% else %}<|user|>{{ ' ' + message['content'] | trim + '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def texts() -> Any:
    """The corpus as plain text."""
    for item in islice(stream(), DOCUMENTS):
        if isinstance(item, str):
            yield " " + item
        else:
            yield from (" " + turn["content"] for turn in item)


def train(folder: Path) -> None:
    """Train on the corpus and save in transformers' format."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{Han}"), "isolated"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, END, SYSTEM, USER, ASSISTANT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        model_max_length=512,
        padding_side="right",
        model_input_names=["input_ids", "attention_mask"],
        extra_special_tokens=[SYSTEM, USER, ASSISTANT],
    )
    made.chat_template = TEMPLATE
    made.save_pretrained(folder)
