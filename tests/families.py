"""One tiny model per architecture family, made from a config, with the byte-level tokenizer of tinymodels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinymodels import SPECIAL, byte_tokenizer

SMALL: dict[str, Any] = {
    "vocab_size": 259, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2,
}  # fmt: skip
GROUPED = {**SMALL, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 512}
T5 = {
    "vocab_size": 259, "d_model": 64, "d_ff": 128, "d_kv": 16, "num_layers": 2, "num_heads": 4, "eos_token_id": 1,
    "pad_token_id": 2, "decoder_start_token_id": 2,
}  # fmt: skip
BART = {
    "vocab_size": 259, "d_model": 64, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128, "max_position_embeddings": 512,
    "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2, "decoder_start_token_id": 1, "forced_eos_token_id": 1,
}  # fmt: skip
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("BertConfig", {**SMALL, "max_position_embeddings": 512}),
    "roberta": ("RobertaConfig", {**SMALL, "max_position_embeddings": 514, "type_vocab_size": 1}),
    "gpt2": ("GPT2Config", {"vocab_size": 259, "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 512, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}),
    "llama": ("LlamaConfig", {**GROUPED, "tie_word_embeddings": True}),
    "qwen": ("Qwen2Config", {**GROUPED, "tie_word_embeddings": True}),
    "gemma": ("GemmaConfig", GROUPED),
    "mistral": ("MistralConfig", {**GROUPED, "tie_word_embeddings": True}),
    "t5": ("T5Config", T5),
    "bart": ("BartConfig", BART),
}  # fmt: skip


def tokenizer() -> Any:
    """The byte tokenizer, with a mask, and an end behind every text as T5 and BART have it."""
    from tokenizers.processors import TemplateProcessing

    made = byte_tokenizer()
    made.add_special_tokens({"mask_token": "<mask>", "sep_token": "</s>"})
    made.backend_tokenizer.post_processor = TemplateProcessing(
        single="$A </s>", pair="$A </s> $B:1 </s>:1", special_tokens=[("</s>", 1)]
    )
    return made


def save_family(name: str, folder: Path) -> Path:
    """A base model without a task's head, saved as safetensors; dropout off, so that equal means equal."""
    import torch
    import transformers

    kind, values = FAMILIES[name]
    torch.manual_seed(1)
    config = getattr(transformers, kind)(**{**values, "vocab_size": 256 + len(SPECIAL) + 1}, **_calm(kind))
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def _calm(kind: str) -> dict[str, float]:
    """No dropout, by the names each family gives it."""
    if kind in ("BertConfig", "RobertaConfig"):
        return {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    if kind == "GPT2Config":
        return {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    return {"T5Config": {"dropout_rate": 0.0}, "BartConfig": {"dropout": 0.0}}.get(kind, {})
