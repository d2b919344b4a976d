"""The chat template of a tokenizer that brings none. Training and chat share it, so that a model is asked as it was taught."""

from __future__ import annotations

from typing import Any

DEFAULT = (
    "{{ bos_token or '' }}{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "Assistant:{% generation %}{{ ' ' + message['content'] + (eos_token or '') }}{% endgeneration %}{{ '\\n' }}"
    "{% else %}{{ message['role'] | capitalize + ': ' + message['content'] + '\\n' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""Plain words, no new tokens: any vocabulary can spell it. The prompt ends before the space, as BPE joins it to the word."""


def ensure_chat_template(tokenizer: Any) -> bool:
    """Give `tokenizer` the default template when it has none; True when it was given one."""
    if tokenizer.chat_template:
        return False
    tokenizer.chat_template = DEFAULT
    return True
