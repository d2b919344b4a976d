"""How near the forecast of peak memory and time comes: thirty runs of one epoch, each forecast first and then really run.

python launch.py bench forecast
"""

from __future__ import annotations

import itertools
import json
import random
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fewrows import wait
from tinymodels import byte_tokenizer, llama_config

from workbench.core.recipe import Recipe, parse
from workbench.core.workspace import Workspace
from workbench.data import intake
from workbench.engine import supervisor
from workbench.engine.forecast import forecast

NEAR = 0.15
SIZES = {"small": (128, 4, 4000), "wide": (512, 4, 32000), "deep": (256, 12, 8000)}
"""Name → (hidden, layers, vocabulary)."""
WORDS = [
    "the",
    "lamp",
    "by",
    "sea",
    "keeps",
    "a",
    "stone",
    "that",
    "hums",
    "when",
    "rain",
    "comes",
    "and",
    "old",
    "boats",
    "sleep",
    "under",
    "blue",
    "ropes",
]


def models(root: Path) -> dict[str, Path]:
    """Llamas and BERTs of several sizes, made from a config."""
    from transformers import BertConfig, BertModel, LlamaForCausalLM

    made = {}
    for name, (hidden, layers, vocabulary) in SIZES.items():
        size = {"hidden_size": hidden, "num_hidden_layers": layers, "vocab_size": vocabulary, "num_attention_heads": 4}
        llama = llama_config(**size, intermediate_size=3 * hidden, max_position_embeddings=2048)
        bert = BertConfig(**size, intermediate_size=4 * hidden, max_position_embeddings=2048, pad_token_id=2)
        for kind, model in (("llama", LlamaForCausalLM(llama)), ("bert", BertModel(bert))):
            folder = root / f"{kind}-{name}"
            model.save_pretrained(folder)
            byte_tokenizer().save_pretrained(folder)
            made[f"{kind}-{name}"] = folder
    return made


def datasets(workspace: Workspace) -> None:
    """Rows of very different lengths, as real ones are."""
    dice = random.Random(1)
    for name, longest in (("short", 20), ("long", 60)):
        texts = [" ".join(dice.choices(WORDS, k=max(3, int(longest * dice.random() ** 2)))) for _ in range(96)]
        chat = [{"prompt": "say on", "response": text} for text in texts]
        kinds = [{"text": text, "label": "ab"[i % 2]} for i, text in enumerate(texts)]
        for kind, rows in (("llama", chat), ("bert", kinds)):
            path = workspace.root / "rows.jsonl"
            path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
            intake.import_file(workspace, path, f"{kind}-{name}")


def cases(places: dict[str, Path]) -> list[tuple[str, Recipe]]:
    """Every size with full and LoRA, two lengths, two batch sizes; thinned to thirty."""
    found = []
    for place, method, length, batch in itertools.product(places, ("full", "lora"), ("short", "long"), (4, 16)):
        kind = place.split("-")[0]
        recipe: dict[str, Any] = {
            "task": {"kind": "chat" if kind == "llama" else "text-classification", "max_length": 320}, "method": method,
            "model": {"id": str(places[place])}, "data": {"dataset": f"{kind}-{length}"},
            "training": {"per_device_train_batch_size": batch, "num_train_epochs": 1},
            "evaluation": {"samples": 2, "max_new_tokens": 8, "baseline": False},
        }  # fmt: skip
        found.append((f"{place} {method} {length} ×{batch}", parse(recipe)))
    random.Random(3).shuffle(found)
    return found[:30]


def main() -> None:
    detail, near, plain = {}, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "w")
        datasets(workspace)
        wanted = cases(models(Path(folder)))
        for name, recipe in wanted:
            told = forecast(workspace, recipe)
            run = supervisor.start(workspace, recipe)
            wait(run, seconds=900)
            true = run.report["peak_memory_mb"] if run.report else 0.0
            off, guess = told["memory_mb"] / true - 1, told["estimated_mb"] / true - 1
            near, plain = near + (abs(off) <= NEAR), plain + (abs(guess) <= NEAR)
            times = [event.get("seconds") for event in run.events()[0] if event.kind == "step"]
            pace = told["measured"]["seconds_per_step"] * (len(times) - 1) / (times[-1] - times[0])
            detail[name] = {
                "true_mb": true,
                "forecast": round(off, 3),
                "arithmetic_alone": round(guess, 3),
                "time": round(pace, 2),
            }
            print(name, detail[name], file=sys.stderr, flush=True)
    ratios = {
        "within 15 % of the peak": round(near / len(wanted), 3),
        "arithmetic alone": round(plain / len(wanted), 3),
        "time of the steps, told ÷ true (median)": statistics.median(each["time"] for each in detail.values()),
    }
    print(json.dumps({"name": "forecast", "ratios": ratios, "detail": detail}))


if __name__ == "__main__":
    main()
