"""Tiny causal models with a trained byte-level BPE that cuts text in each of the ways llama.cpp knows by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workbench.engine.gguf_words import HAN, KNOWN

CORPUS = ["The old cat sat on the mat and said it's 1234 o'clock.", "今天天气很好，我们去公园散步。", "def f(x):\n    return x + 12", "a film that I'll never forget, they've said"] * 6  # fmt: skip
SPECIAL = ["<pad>", "<s>", "</s>", "<|turn|>"]
TURNS = "{% for m in messages %}<|turn|>{{ m['role'] }}\n{{ m['content'] }}</s>{% endfor %}{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"


def tokenizer(name: str, han: bool = False) -> Any:
    """Cut as llama.cpp's `name`; `han`: Chinese characters apart, as the starter model does."""
    from tokenizers import Tokenizer, models, trainers
    from transformers import PreTrainedTokenizerFast

    cuts, whole = KNOWN[name]
    steps = [
        {**each, "trim_offsets": True} if each["type"] == "ByteLevel" else each
        for each in ([HAN] if han else []) + cuts
    ]
    empty = json.loads(Tokenizer(models.BPE(ignore_merges=whole)).to_str())
    empty["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": steps}
    empty["decoder"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    made = Tokenizer.from_str(json.dumps(empty))
    from tokenizers.pre_tokenizers import ByteLevel

    made.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=420, special_tokens=SPECIAL, initial_alphabet=ByteLevel.alphabet(), show_progress=False))  # fmt: skip
    found = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", pad_token="<pad>", additional_special_tokens=["<|turn|>"], clean_up_tokenization_spaces=False)  # fmt: skip
    found.chat_template = TURNS
    return found


def save(kind: str, name: str, folder: Path, han: bool = False) -> Path:
    """A model of that kind ("Llama", "Mistral", "Qwen2", "Qwen3") with that tokenizer."""
    import torch
    import transformers

    torch.manual_seed(3)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=448, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        head_dim=16, max_position_embeddings=512, bos_token_id=1, eos_token_id=2, pad_token_id=0, tie_word_embeddings=kind != "Mistral",
        **({"sliding_window": None} if kind == "Mistral" else {}),
    )  # fmt: skip
    made = getattr(transformers, f"{kind}ForCausalLM")(config)
    for value in made.parameters():
        torch.nn.init.normal_(value, std=0.3) if value.dim() > 1 else torch.nn.init.normal_(value, 1.0, 0.1)
    made.save_pretrained(folder)
    tokenizer(name, han).save_pretrained(folder)
    return folder
