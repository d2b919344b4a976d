"""What llama.cpp itself makes of a GGUF file, through its Python binding, where that is installed: token ids, logits, greedy answers."""

from __future__ import annotations

import itertools
import unicodedata
from pathlib import Path
from typing import Any

from workbench.engine import gguf_words, parity

SENTENCES = (
    "Hello, world!", "  two  spaces\tand a tab\n\nnew lines ", "It's 1234567 o'clock; they'll've said “so”.", "你好，世界！今天是2024年3月5日。",
    "中英mixed文本 with spaces 和标点。", "naïve café Ünïcödé ß ñ", "🙂👍🏽 emoji \u200d zero", "a\u0301 combining", "price: $3.14 (−20 %)", "def f(x):\n    return x**2  # ok",
    "https://example.org/a?b=c&d=e", "日本語のテキストと한국어", "русский текст и ελληνικά", "العربية ١٢٣", "x" * 60, "\u3000full　width，。！？ＡＢＣ１２３",
)  # fmt: skip
ROUGH = 2
"""How many times the limit llama.cpp may be off: in Q8_0 it rounds what it multiplies with, too."""
TRIED = 200
"""Sentences whose token ids are compared."""


def compared(source: Any, path: Path, limit: float) -> list[dict[str, Any]]:
    """Three lines: ids, logits, answers."""
    import llama_cpp
    import torch

    tokenizer, rows = source.tokenizer(), source.heldout[: parity.PROMPTS]
    model = source.merged()
    exact = {
        "type_k": llama_cpp.GGML_TYPE_F32,
        "type_v": llama_cpp.GGML_TYPE_F32,
    }  # by itself it keeps keys and values in F16
    held = llama_cpp.Llama(str(path), n_ctx=_room(model), logits_all=True, verbose=False, n_threads=torch.get_num_threads(), **exact)  # fmt: skip
    texts = [_composed(tokenizer, text) for text in (*SENTENCES, *_texts(rows))][:TRIED]
    same = sum(held.tokenize(text.encode(), add_bos=False, special=False) == _plain(tokenizer, text) for text in texts)
    inputs = source.task.encode(rows, tokenizer, source.recipe.task, model).inputs
    delta, scale = _delta(held, model, [row["input_ids"] for row in inputs])
    answers = _answers(held, model, tokenizer, [parity._question(row) for row in inputs[: parity.ANSWERED]])
    return [
        {"what": ("llama.cpp: texts with the same token ids", "llama.cpp：词元编号相同的文本"), "run": str(len(texts)), "export": str(same), "ok": same == len(texts)},
        {"what": ("llama.cpp: largest difference of logits", "llama.cpp：logits 最大差"), "run": "0", "export": f"{delta:.2g}", "ok": delta <= ROUGH * limit * scale},
        {"what": ("llama.cpp: same greedy answers", "llama.cpp：相同的贪心解码回答"), "run": str(answers[1]), "export": str(answers[0]), "ok": True},
    ]  # fmt: skip


def _composed(tokenizer: Any, text: str) -> str:
    """llama.cpp composes no characters, so a tokenizer that does is compared on texts that are composed already."""
    return unicodedata.normalize("NFC", text) if gguf_words.told(tokenizer)["normalizer"] else text


def _room(model: Any) -> int:
    return int(min(model.config.max_position_embeddings, 4096))


def _texts(rows: list[dict[str, Any]]) -> list[str]:
    """Every text in the rows."""
    found: list[str] = []
    for row in rows:
        for value in row.values():
            found += [value] if isinstance(value, str) else [m["content"] for m in value if isinstance(m, dict) and isinstance(m.get("content"), str)] if isinstance(value, list) else []  # fmt: skip
    return found


def _plain(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])


def _delta(held: Any, model: Any, prompts: list[list[int]]) -> tuple[float, float]:
    """Largest difference at the last positions, and how large logits are."""
    import torch

    worst, scale = 0.0, 1.0
    for ids in prompts:
        held.reset()
        held.eval(ids)
        new = torch.tensor(held.scores[: len(ids)])[-parity.PLACES :]
        with torch.inference_mode():
            old = model(input_ids=torch.tensor([ids], device=model.device)).logits[0, -parity.PLACES :].float().cpu()
        worst, scale = max(worst, float((old - new).abs().max())), max(scale, float(old.square().mean().sqrt()))
    return worst, scale


def _answers(held: Any, model: Any, tokenizer: Any, prompts: list[list[int]]) -> tuple[int, int]:
    """How many greedy answers are the same, token by token, and how many were asked for."""
    import torch

    same, stops = 0, {*gguf_words.ends(model, tokenizer)}
    for ids in prompts:
        with torch.inference_mode():
            given = torch.tensor([ids], device=model.device)
            made = model.generate(given, attention_mask=torch.ones_like(given), do_sample=False, max_new_tokens=parity.NEW, eos_token_id=sorted(stops))  # fmt: skip
        held.reset()
        found = list(itertools.islice(held.generate(ids, temp=0.0, top_k=1, repeat_penalty=1.0), parity.NEW))
        same += _cut(found, stops) == _cut(made[0, len(ids) :].tolist(), stops)
    return same, len(prompts)


def _cut(tokens: list[int], stops: set[int]) -> list[int]:
    """Up to the first end."""
    return list(itertools.takewhile(lambda token: token not in stops, tokens))
