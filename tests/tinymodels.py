"""Tiny models made from a config, with a byte-level tokenizer that can spell any language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SPECIAL = ["<s>", "</s>", "<pad>"]


def byte_tokenizer() -> Any:
    """256 bytes and three special tokens: every character beyond ASCII is several tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*SPECIAL, *letters])}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(SPECIAL)
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        clean_up_tokenization_spaces=False,
    )


def llama_config(**changes: Any) -> Any:
    """The smallest Llama that still is one."""
    from transformers import LlamaConfig

    values: dict[str, Any] = {
        "vocab_size": 259, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 512, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2,
        "tie_word_embeddings": True,
    }  # fmt: skip
    return LlamaConfig(**{**values, **changes})


def tiny_llama(folder: Path, **changes: Any) -> Path:
    """A causal model with its tokenizer, saved as safetensors."""
    import torch
    from transformers import LlamaForCausalLM

    torch.manual_seed(1)
    LlamaForCausalLM(llama_config(**changes)).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


def tiny_bert(folder: Path) -> Path:
    """An encoder without a head."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=259, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, pad_token_id=2
    )
    BertModel(config).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


def copy_with(model: Path, folder: Path, byte: str) -> Path:
    """The model with NaN in the embedding of one byte."""
    from safetensors.torch import load_file, save_file
    from transformers import AutoTokenizer

    folder.mkdir()
    for path in model.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    weights = load_file(folder / "model.safetensors")
    token = AutoTokenizer.from_pretrained(model).convert_tokens_to_ids(byte)
    weights["model.embed_tokens.weight"][token] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def raw_safetensors(path: Path, values: int = 4) -> Path:
    """A sound file of one float32 tensor, written by hand."""
    head = json.dumps({"w": {"dtype": "F32", "shape": [values], "data_offsets": [0, values * 4]}}).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + bytes(values * 4))
    return path


def raw_model(folder: Path, values: int = 4) -> Path:
    """A folder that looks like a model: a config and one tensor."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"architectures": ["X"], "model_type": "x", "n_ctx": 7, "vocab_size": 9}')
    raw_safetensors(folder / "model.safetensors", values)
    return folder
