"""Chat templates for tokenizers that bring none, or shall have another. Training and chat share them, so that a model is
asked as it was taught."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.models.bounded import bounded

PLAIN = (
    "{{ bos_token or '' }}{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "Assistant:{% generation %}{{ ' ' + message['content'] + (eos_token or '') }}{% endgeneration %}{{ '\\n' }}"
    "{% else %}{{ message['role'] | capitalize + ': ' + message['content'] + '\\n' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""Plain words, no new tokens: any vocabulary can spell it. The prompt ends before the space, as BPE joins it to the word."""


CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|im_end|>' }}"
    "{{ '' if eos_token == '<|im_end|>' else eos_token or '' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""The form of Qwen and many others. A vocabulary without its two markers spells them in pieces."""
MARKERS = ("<|im_start|>", "<|im_end|>")
TEMPLATES = {"plain": PLAIN, "chatml": CHATML}


def knows_markers(tokenizer: Any) -> bool:
    """Whether both of ChatML's markers are single tokens: such a model was most likely taught in that form."""
    return set(MARKERS) <= set(tokenizer.get_vocab())


def ensure_chat_template(tokenizer: Any, wanted: str = "auto") -> bool:
    """Give `tokenizer` the template called `wanted`; auto keeps its own and falls back to plain words. True when it was
    given one."""
    if wanted == "auto" and tokenizer.chat_template:
        return False
    tokenizer.chat_template = TEMPLATES.get(wanted, PLAIN)
    return True


@contextlib.contextmanager
def understood() -> Iterator[None]:
    """A template that refuses what it is given, wants to reach out of its sandbox, fails, or does not end, is one sentence."""
    from jinja2 import TemplateError

    try:
        with bounded():
            yield
    except TemplateError as error:
        raise UserError(
            f"The chat template refuses these messages: {shorten(error, 160)}. Mend the conversation, or choose another chat template.",
            f"对话模板拒绝了这些消息：{shorten(error, 160)}。请修改对话，或改选其他对话模板。",
            field="task.chat_template",
        ) from error
