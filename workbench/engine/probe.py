"""Does the model still know what it knew? A fixed set of general sentences in both languages (assets/probe/), read by the model before and
after training from the same load, in bits per byte.

A model may lose a little: up to MARGIN more bits than before is called kept, if the test can bear it out (one-sided, 95 %). What it does
not know: whether the model can still do a particular thing, and models without a language head.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from workbench import ASSETS
from workbench.core.text import LANGS, Lang, Text
from workbench.engine.resample import DRAWS, drawn

MARGIN = 0.05
"""Share of bits more than before that is still called kept."""
ONE_SIDED = (0.05, 0.95)
KEPT, LOST, UNCLEAR = "kept", "lost", "unclear"
Sums = dict[str, list[tuple[float, int]]]


def sentences(lang: Lang) -> list[str]:
    """The fixed sentences of a language, one a line."""
    return (ASSETS / "probe" / f"{lang}.txt").read_text(encoding="utf-8").splitlines()


def able(judge: Any) -> bool:
    """Whether the model predicts the next token."""
    inner = judge.model.get_base_model() if hasattr(judge.model, "get_base_model") else judge.model
    return type(inner).__name__.endswith(("CausalLM", "LMHeadModel"))


def read(judge: Any) -> Sums | None:
    """(summed loss in nats, bytes) of every sentence by language; None for a model that has no next token."""
    if not able(judge):
        return None
    return {lang: _read(judge, sentences(lang)) for lang in LANGS}


def _read(judge: Any, texts: list[str]) -> list[tuple[float, int]]:
    from workbench.core.task import TASKS
    from workbench.tasks import token_sums
    from workbench.tasks._language import learned_bytes
    from workbench.tasks.text_generation import TextGenerationSection

    task, section = TASKS.get("text-generation"), TextGenerationSection(blocks=False, max_length=256)
    inputs = task.encode([{"text": text} for text in texts], judge.tokenizer, section, judge.model).inputs
    sums = judge.map(task, inputs, lambda batch: token_sums(batch, judge.model))
    return [(loss, size) for (loss, _, _), size in zip(sums, learned_bytes(inputs, judge.tokenizer), strict=True)]


def verdict(before: Sums | None, after: Sums | None) -> dict[str, Any] | None:
    """{"margin", "languages": {lang: {"before", "after", "change", "interval", "outcome"}}, "outcome", "verdict"}; None without a probe."""
    if before is None or after is None:
        return None
    found = {lang: _language(before[lang], after[lang]) for lang in before}
    outcomes = [each["outcome"] for each in found.values()]
    outcome = LOST if LOST in outcomes else UNCLEAR if UNCLEAR in outcomes else KEPT
    words = _sentence(found, outcome)
    return {"margin": MARGIN, "languages": found, "outcome": outcome, "verdict": {"en": words.en, "zh": words.zh}}


def _language(before: list[tuple[float, int]], after: list[tuple[float, int]]) -> dict[str, Any]:
    """Bits per byte before and after, and by which share they grew, with its one-sided limits."""
    old, new = (np.array([loss for loss, _ in side]) / math.log(2) for side in (before, after))
    size = np.array([bytes_ for _, bytes_ in after], float)
    grown = np.concatenate([(weights @ new) / (weights @ old) - 1 for weights in drawn(len(old), DRAWS)])
    low, high = (float(limit) for limit in np.quantile(grown, ONE_SIDED))
    outcome = KEPT if high < MARGIN else LOST if low > MARGIN else UNCLEAR
    return {
        "before": float(old.sum() / size.sum()), "after": float(new.sum() / size.sum()),
        "change": float(new.sum() / old.sum() - 1), "interval": (low, high), "outcome": outcome, "sentences": len(old),
    }  # fmt: skip


def _sentence(found: dict[str, Any], outcome: str) -> Text:
    names = {"en": Text("English", "英文"), "zh": Text("Chinese", "中文")}
    parts = [Text(f"{names[lang].en} {each['change']:+.1%}", f"{names[lang].zh} {each['change']:+.1%}") for lang, each in found.items()]  # fmt: skip
    words = {
        KEPT: Text("General language is kept", "通用语言能力得到保持"),
        LOST: Text("The model forgot: general language is clearly worse", "模型出现遗忘：通用语言能力明显下降"),
        UNCLEAR: Text("Whether general language is kept can't be told", "无法判断通用语言能力是否保持"),
    }[outcome]
    limit = Text(
        f"bits per byte on fixed sentences, allowed +{MARGIN:.0%}", f"固定句子上的每字节比特数，允许 +{MARGIN:.0%}"
    )
    return Text(
        f"{words.en} ({limit.en}: {', '.join(part.en for part in parts)}).",
        f"{words.zh}（{limit.zh}：{'，'.join(part.zh for part in parts)}）。",
    )
