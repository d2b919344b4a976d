"""A byte-level BPE tokenizer in GGUF: which of llama.cpp's pre-tokenizers it is, and the same tokenizer read back from a file.

llama.cpp knows how a text is cut before merging by a name alone (tokenizer.ggml.pre). A tokenizer whose cutting is none of those below is
refused: a wrong name gives other token ids without any error. What it does not know: SentencePiece vocabularies.
"""

from __future__ import annotations

import json
import re
from typing import Any

from workbench.core.errors import UserError
from workbench.models.chat_template import understood

QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA = QWEN.replace(r"\p{N}| ?", r"\p{N}{1,3}| ?")
BYTES: dict[str, Any] = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
AFTER = {**BYTES, "use_regex": False}
KNOWN: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "gpt-2": ([BYTES], False),
    "smollm": ([{"type": "Digits", "individual_digits": True}, BYTES], False),
    "qwen2": ([{"type": "Split", "pattern": {"Regex": QWEN}, "behavior": "Isolated", "invert": False}, AFTER], False),
    "llama-bpe": (
        [{"type": "Split", "pattern": {"Regex": LLAMA}, "behavior": "Isolated", "invert": False}, AFTER],
        True,
    ),
}
"""llama.cpp's names, with the same cutting as the tokenizers library writes it, and whether whole words of the vocabulary need no merges."""
HAN = {"type": "Split", "pattern": {"Regex": r"\p{Han}"}, "behavior": "Isolated", "invert": False}
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
NORMAL, CONTROL, USER, UNUSED = 1, 3, 4, 5
"""GGUF's kinds of token."""


def told(tokenizer: Any) -> dict[str, Any]:
    """tokenizer.json."""
    return dict(json.loads(tokenizer.backend_tokenizer.to_str()))


def pre_name(tokenizer: Any) -> str:
    """llama.cpp's name of how this tokenizer cuts; UserError when it is none that is known here."""
    if not getattr(tokenizer, "is_fast", False):
        raise _unknown("it has no tokenizer.json", "没有 tokenizer.json")
    facts = told(tokenizer)
    if facts["model"]["type"] != "BPE" or (facts["normalizer"] or {"type": "NFC"})["type"] != "NFC":
        raise _unknown(
            f"its model is {facts['model']['type']}, not byte-level BPE",
            f"其模型为 {facts['model']['type']}，不是字节级 BPE",
        )
    cuts, whole = _cuts(facts["pre_tokenizer"]), bool(facts["model"].get("ignore_merges"))
    if cuts[:1] == [HAN] and not _mixed(facts["model"]["vocab"]):
        cuts = cuts[1:]  # no token holds a Chinese character and something else, so cutting there changes nothing
    for name, known in KNOWN.items():
        if (cuts, whole) == known:
            return name
    raise _unknown("how it cuts text is none of the ways known here", "其切分方式不在已知之列")


def _unknown(en: str, zh: str) -> UserError:
    return UserError(
        f"GGUF: this tokenizer cannot be told to llama.cpp for sure ({en}), and a guess would change token ids. Take the merged model, and "
        "convert it with llama.cpp's own convert_hf_to_gguf.py.",
        f"GGUF：无法确切地向 llama.cpp 描述这个分词器（{zh}），猜测会改变词元编号。请导出合并后的模型，再用 llama.cpp 自带的 "
        "convert_hf_to_gguf.py 转换。",
        field="to",
    )


def _cuts(pre: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The steps of cutting, without what only concerns offsets."""
    steps = (pre or {}).get("pretokenizers", [pre] if pre else [])
    return [{name: value for name, value in step.items() if name != "trim_offsets"} for step in steps]


def _mixed(vocabulary: dict[str, int]) -> bool:
    """Whether some token holds a Chinese character beside anything else."""
    back = {char: byte for byte, char in byte_names().items()}
    for token in vocabulary:
        text = bytes(back[char] for char in token if char in back).decode("utf-8", "replace")
        if _HAN.search(text) and len(text) > 1:
            return True
    return False


def byte_names() -> dict[int, str]:
    """GPT-2's printable name of every byte (Radford et al., 2019): printable ones are themselves, others come after U+0100."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {**{byte: chr(byte) for byte in plain}, **{byte: chr(256 + place) for place, byte in enumerate(rest)}}


def vocabulary(tokenizer: Any, size: int) -> tuple[list[str], list[int], list[str]]:
    """(tokens, their kinds, merges) for `size` rows of the embedding; rows without a token are unused."""
    facts = told(tokenizer)
    names = {number: token for token, number in facts["model"]["vocab"].items()}
    kinds = dict.fromkeys(names, NORMAL)
    for added in facts["added_tokens"]:
        names[added["id"]] = added["content"]
        kinds[added["id"]] = CONTROL if added["special"] else USER
    merges = [each if isinstance(each, str) else " ".join(each) for each in facts["model"]["merges"]]
    if max(names) >= size:
        raise _unknown(
            f"it has {max(names) + 1} tokens, the model {size} rows",
            f"有 {max(names) + 1} 个词元，而模型只有 {size} 行",
        )
    return [names.get(n, f"[unused{n}]") for n in range(size)], [kinds.get(n, UNUSED) for n in range(size)], merges


def rebuilt(fields: dict[str, Any]) -> Any:
    """A tokenizer from the fields of a GGUF file alone, cutting as llama.cpp does under that name."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    cuts, whole = KNOWN[fields["tokenizer.ggml.pre"]]
    tokens, kinds = fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"]
    added = [
        {"id": n, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": kind == CONTROL}
        for n, (token, kind) in enumerate(zip(tokens, kinds, strict=True))
        if kind in (CONTROL, USER)
    ]  # fmt: skip
    known = {token: n for n, (token, kind) in enumerate(zip(tokens, kinds, strict=True)) if kind != UNUSED}
    merges = [each.split(" ", 1) for each in fields.get("tokenizer.ggml.merges", [])]
    model = {
        "type": "BPE",
        "vocab": known,
        "merges": merges,
        "ignore_merges": whole,
        "byte_fallback": False,
        "fuse_unk": False,
    }
    steps = [{**step, "trim_offsets": True} if step["type"] == "ByteLevel" else step for step in cuts]
    made = {"version": "1.0", "added_tokens": added, "normalizer": None, "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps}, "post_processor": None, "decoder": {**BYTES, "trim_offsets": True}, "model": model}  # fmt: skip
    special = {f"{role}_token": tokens[fields[f"tokenizer.ggml.{key}_token_id"]] for role, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding")) if f"tokenizer.ggml.{key}_token_id" in fields}  # fmt: skip
    found = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(made)), clean_up_tokenization_spaces=False, **special
    )
    found.chat_template = fields.get("tokenizer.chat_template")
    return found


def ends(model: Any, tokenizer: Any) -> list[int]:
    """Every token that ends an answer, the tokenizer's own first: the generation settings', and what the template writes behind one."""
    known = model.generation_config.eos_token_id if getattr(model, "generation_config", None) else None
    found = [tokenizer.eos_token_id, *(known if isinstance(known, list) else [known])]
    if tokenizer.chat_template:
        talk = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "0"}]
        with understood():
            said = str(tokenizer.apply_chat_template(talk, tokenize=False)).rpartition("0")[2]
        found += [
            token
            for token in tokenizer(said, add_special_tokens=False)["input_ids"]
            if token in tokenizer.all_special_ids
        ]
    return list(dict.fromkeys(token for token in found if token is not None))
