"""A causal model as one GGUF file: F32, F16 or Q8_0, by the package gguf (llama.cpp's own, pure Python).

What it does not know: K-quants (those need llama.cpp's llama-quantize, from the F16 file), and architectures other than ARCHITECTURES.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.core.text import Text
from workbench.engine import gguf_words

ARCHITECTURES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
"""model_type → GGUF's architecture."""
KINDS = {"f32": 0, "f16": 1, "q8_0": 7}
"""Ways to write, with GGUF's number of each."""
BLOCK = 32
"""Numbers that share a scale in Q8_0."""


def unsupported(config: dict[str, Any]) -> Text | None:
    """Why a base with this config.json cannot become a GGUF file here, if it cannot."""
    kind = config.get("model_type")
    if kind not in ARCHITECTURES:
        return Text(
            f"GGUF is written here for {', '.join(ARCHITECTURES)} models; this is a {kind} model. Take the merged model and convert it with llama.cpp.",
            f"这里只为 {', '.join(ARCHITECTURES)} 模型写 GGUF；这是 {kind} 模型。请导出合并后的模型，再用 llama.cpp 转换。",
        )
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if rope.get("rope_type", rope.get("type", "default")) != "default":
        name = rope.get("rope_type", rope.get("type"))
        return Text(
            f"GGUF: this model stretches its positions ({name}), which is not written here; convert the merged model with llama.cpp.",
            f"GGUF：该模型对位置做了缩放（{name}），这里无法写出；请用 llama.cpp 转换合并后的模型。",
        )
    window = config.get("sliding_window") if config.get("use_sliding_window", kind == "mistral") else None
    if config.get("mlp_bias") or (window and window < config.get("max_position_embeddings", 0)):
        return Text(
            "GGUF: this model has biases or a sliding window that are not written here; convert the merged model with llama.cpp.",
            "GGUF：该模型带有此处无法写出的偏置或滑动窗口；请用 llama.cpp 转换合并后的模型。",
        )
    return None


def write(model: Any, tokenizer: Any, path: Path, kind: str, name: str) -> None:
    """Metadata, tokenizer, tensors; a name that GGUF has no place for is an error, never left out."""
    import gguf

    config, pre = model.config, gguf_words.pre_name(tokenizer)
    architecture = ARCHITECTURES[config.model_type]
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_name(name)
    writer.add_file_type(KINDS[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    _shape(writer, config)
    _words(writer, model, tokenizer, pre)
    places = gguf.get_tensor_name_map(gguf.MODEL_ARCH[architecture.upper()], config.num_hidden_layers)
    for source, value in tensors(model):
        place = places.get_name(source, try_suffixes=(".weight", ".bias"))
        if place is None:
            raise ValueError(f"GGUF has no place for {source}")
        data, form = numbers(permuted(source, value, config), kind)
        writer.add_tensor(place, data, raw_dtype=form)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _shape(writer: Any, config: Any) -> None:
    """How the model is built."""
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    rope = getattr(config, "rope_parameters", None) or {}
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_rope_dimension_count(width)
    writer.add_rope_freq_base(float(rope.get("rope_theta") or getattr(config, "rope_theta", None) or 10000.0))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)


def _words(writer: Any, model: Any, tokenizer: Any, pre: str) -> None:
    """Tokens, merges, the tokens with a meaning, and the chat template."""
    tokens, kinds, merges = gguf_words.vocabulary(tokenizer, model.config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    ends = gguf_words.ends(model, tokenizer)
    ids = {
        "bos": tokenizer.bos_token_id,
        "eos": ends[0] if ends else None,
        "pad": tokenizer.pad_token_id,
        "eot": ends[1] if ends[1:] else None,
    }
    for name, number in ids.items():
        if number is not None:
            getattr(writer, f"add_{name}_token_id")(number)
    writer.add_add_bos_token(bool(getattr(tokenizer, "add_bos_token", False)))
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    if tokenizer.chat_template:
        writer.add_chat_template(tokenizer.chat_template)


def tensors(model: Any) -> list[tuple[str, Any]]:
    """Names and values; an output matrix that is the embedding is written once."""
    tied = model.config.tie_word_embeddings
    return [(name, value) for name, value in model.state_dict().items() if not (tied and name == "lm_head.weight")]


def permuted(name: str, value: Any, config: Any) -> Any:
    """llama.cpp turns neighbouring numbers of Llama's queries and keys where transformers turns halves; Qwen's it turns as transformers."""
    if ARCHITECTURES[config.model_type] != "llama" or not (".q_proj." in name or ".k_proj." in name):
        return value
    heads = config.num_attention_heads if ".q_proj." in name else config.num_key_value_heads
    return value.reshape(heads, 2, value.shape[0] // heads // 2, *value.shape[1:]).transpose(1, 2).reshape(value.shape)


def numbers(value: Any, kind: str) -> tuple[Any, Any]:
    """(array, GGML type): vectors stay F32; rows that are no whole blocks stay F16 in a Q8_0 file."""
    import gguf

    array = value.detach().float().cpu().contiguous().numpy()
    if kind == "f32" or array.ndim == 1:
        return array, gguf.GGMLQuantizationType.F32
    form = (
        gguf.GGMLQuantizationType.Q8_0
        if kind == "q8_0" and array.shape[-1] % BLOCK == 0
        else gguf.GGMLQuantizationType.F16
    )
    return gguf.quants.quantize(array, form), form


def fields(path: Path) -> dict[str, Any]:
    """Every metadata field of a file as plain values."""
    import gguf

    return {name: field.contents() for name, field in gguf.GGUFReader(str(path)).fields.items()}


def arrays(path: Path) -> dict[str, Any]:
    """Every tensor of a file as float32, by GGUF's names."""
    import gguf

    found = gguf.GGUFReader(str(path)).tensors
    return {each.name: gguf.quants.dequantize(each.data, each.tensor_type) for each in found}
