"""Useful tokens per second on a causal model, interleaved: ours (both loops, fp32 and bf16 base) against the plain Trainer
padded to the longest row (8×1 and 2×8), with length groups, and TRL's packing. Same rows, same model, same seeds.

python launch.py bench training [--rounds 3]
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

VOCABULARY, SEED, ROWS, SKIP = 32000, 11, 640, 2
ROWS_PER_RUN = 160
VARIANTS = {
    "Trainer 8×1": (8, 1), "Trainer 2×8": (2, 8), "Trainer 8×1, length groups": (8, 1), "TRL packing": (8, 1),
    "ours, trainer 8×1": (8, 1), "ours, loop 8×1": (8, 1), "ours, trainer 2×8": (2, 8), "ours, bf16 base 8×1": (8, 1),
    "ours, bf16 base 2×8": (2, 8),
    "encoder, Trainer 16×1": (16, 1), "encoder, ours, trainer 16×1": (16, 1), "encoder, ours, loop 16×1": (16, 1),
}  # fmt: skip


def rows() -> list[dict[str, Any]]:
    """Rows of mixed lengths as instruction data has them: prompts of a few dozen tokens, answers with a long tail."""
    dice = random.Random(SEED)
    made = []
    for _ in range(ROWS):
        prompt = min(256, max(8, round(dice.lognormvariate(3.4, 0.5))))
        answer = min(512, max(4, round(dice.lognormvariate(4.0, 0.9))))
        ids = [dice.randrange(3, VOCABULARY) for _ in range(prompt + answer)]
        made.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": [-100] * prompt + ids[prompt:]})
    return made


def model_of(half: bool) -> Any:
    """A Llama of 15 M parameters with LoRA on every linear layer."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=256, intermediate_size=768, num_hidden_layers=6, num_attention_heads=8,
        num_key_value_heads=8, max_position_embeddings=2048, tie_word_embeddings=False, pad_token_id=2,
    )  # fmt: skip
    base = LlamaForCausalLM(config)
    base = base.to(torch.bfloat16) if half else base
    torch.manual_seed(1)
    return get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules="all-linear"))


def encoder() -> Any:
    """An encoder of MiniLM's shape with a head for two labels and LoRA."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=VOCABULARY, hidden_size=384, intermediate_size=1536, num_hidden_layers=6, num_attention_heads=12,
        pad_token_id=2, max_position_embeddings=1024,
    )  # fmt: skip
    base = BertForSequenceClassification(config)
    return get_peft_model(base, LoraConfig(task_type="SEQ_CLS", r=16, lora_alpha=32, target_modules=["query", "value"]))


def labelled() -> list[dict[str, Any]]:
    """The same rows with one label each."""
    return [{**row, "labels": index % 2} for index, row in enumerate(rows())]


def pad(batch: list[dict[str, Any]]) -> dict[str, Any]:
    """To the longest row."""
    import torch

    longest, worth = max(len(row["input_ids"]) for row in batch), {"input_ids": 2, "attention_mask": 0, "labels": -100}
    answers = {}
    if isinstance(batch[0]["labels"], int):
        del worth["labels"]
        answers = {"labels": torch.tensor([row["labels"] for row in batch])}
    made = {
        name: torch.tensor([row[name] + [filler] * (longest - len(row[name])) for row in batch])
        for name, filler in worth.items()
    }
    return {**made, **answers}


def settings(folder: str, size: int, accumulation: int) -> dict[str, Any]:
    """TrainingArguments of every variant."""
    return {
        "output_dir": folder, "per_device_train_batch_size": size, "gradient_accumulation_steps": accumulation,
        "max_steps": ROWS_PER_RUN // (size * accumulation) + SKIP, "learning_rate": 1e-3, "lr_scheduler_type": "constant",
        "use_cpu": True, "report_to": "none", "disable_tqdm": True, "logging_steps": 1, "save_strategy": "no", "seed": 42,
        "remove_unused_columns": False, "label_names": ["labels"],
    }  # fmt: skip


class Clock:
    """Called back by either loop: times, losses."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.losses: list[float] = []
        self.trainer: Any = None

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.times.append(time.perf_counter())

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if logs and "loss" in logs:
            self.losses.append(float(logs["loss"]))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):
            return lambda *args, **kwargs: None
        raise AttributeError(name)


def built(name: str, folder: str, clock: Clock) -> Any:
    """The loop of a variant."""
    from torch.utils.data import Dataset as TorchDataset  # noqa: F401 (imported by all of them anyway)
    from transformers import Trainer, TrainingArguments

    from workbench.engine import packing, trainer
    from workbench.engine.loop import Loop

    if name.startswith("encoder"):
        return _encoder(name, folder, clock)
    data, (size, accumulation) = rows(), VARIANTS[name]
    values = settings(folder, size, accumulation)
    model = model_of("bf16" in name)
    if name.startswith("ours"):
        packing.enable(model)
        made = Loop if "loop" in name else trainer.build
        return made(model, values, (trainer.Rows(data), None), (packing.pack, pad), clock)
    if name == "TRL packing":
        return _trl(model, data, values, clock)
    if "groups" in name:
        values["train_sampling_strategy"] = "group_by_length"
    return Trainer(model, TrainingArguments(**values), pad, trainer.Rows(data), callbacks=[clock])


def _encoder(name: str, folder: str, clock: Clock) -> Any:
    """Padded to the longest of 16 random rows, or of 16 of like length."""
    from transformers import Trainer, TrainingArguments

    from workbench.engine import trainer
    from workbench.engine.loop import Loop
    from workbench.engine.order import LikeLengths

    data, values = labelled(), settings(folder, 16, 1)
    values["max_steps"] = 36 + SKIP
    if "ours" not in name:
        return Trainer(encoder(), TrainingArguments(**values), pad, trainer.Rows(data), callbacks=[clock])
    order = LikeLengths([len(row["input_ids"]) for row in data], 16, seed=42)
    made = Loop if "loop" in name else trainer.build
    return made(encoder(), values, (trainer.Rows(data, order), None), (pad, pad), clock)


def _trl(model: Any, data: list[dict[str, Any]], values: dict[str, Any], clock: Clock) -> Any:
    """SFTTrainer with best-fit packing to 1,024 tokens, 2 lines a step: about the tokens of 8 rows and more."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from tinymodels import byte_tokenizer

    values = {**values, "per_device_train_batch_size": 1, "max_steps": 12 + SKIP}
    del values["label_names"], values["remove_unused_columns"]
    part = Dataset.from_list(
        [{"input_ids": row["input_ids"], "completion_mask": [int(x != -100) for x in row["labels"]]} for row in data]
    )
    arguments = SFTConfig(**values, packing=True, max_length=1024, gradient_checkpointing=False, bf16=False)
    return SFTTrainer(model, arguments, train_dataset=part, processing_class=byte_tokenizer(), callbacks=[clock])


def measure(name: str) -> dict[str, Any]:
    """One variant in this process: useful tokens per second, losses, peak memory, seconds to the first step."""
    import resource

    warnings.simplefilter("ignore")
    began, clock, counts = time.perf_counter(), Clock(), []
    with tempfile.TemporaryDirectory() as folder:
        loop = built(name, folder, clock)
        words = loop.model.get_input_embeddings()  # every token that is read passes here once; 2 is padding
        words.register_forward_hook(lambda part, given, made: counts.append(int((given[0] != 2).sum())))
        loop.train()
    per_step = len(counts) // len(clock.times)
    useful = sum(counts[SKIP * per_step :])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pace = useful / (clock.times[-1] - clock.times[SKIP - 1])
    return {
        "tokens_per_s": round(pace, 1),
        "losses": clock.losses,
        "peak_mb": round(peak),
        "first_step_s": round(clock.times[0] - began, 2),
    }


def main() -> None:
    if "--one" in sys.argv:
        print("RESULT" + json.dumps(measure(sys.argv[sys.argv.index("--one") + 1])))
        return
    rounds = int(sys.argv[sys.argv.index("--rounds") + 1]) if "--rounds" in sys.argv else 3
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in VARIANTS}
    for turn in range(rounds):
        for name in list(VARIANTS) if turn % 2 else reversed(VARIANTS):
            done = subprocess.run(
                [sys.executable, __file__, "--one", name], capture_output=True, text=True, check=False
            )
            if "RESULT" not in done.stdout:
                raise SystemExit(f"{name}: {done.stderr[-2000:]}")
            found[name].append(json.loads(done.stdout.split("RESULT")[1]))
    report(found)


def report(found: dict[str, list[dict[str, Any]]]) -> None:
    """Medians, ratios, and how far the losses of the same rows lie apart."""
    pace = {name: statistics.median(each["tokens_per_s"] for each in runs) for name, runs in found.items()}
    first = {name: runs[0]["losses"] for name, runs in found.items()}
    apart = {
        f"{mine} vs {plain}": max(abs(a - b) for a, b in zip(first[mine], first[plain], strict=True))
        for mine, plain in (
            ("ours, trainer 8×1", "Trainer 8×1"),
            ("ours, loop 8×1", "Trainer 8×1"),
            ("ours, trainer 2×8", "Trainer 2×8"),
            ("ours, bf16 base 8×1", "Trainer 8×1"),
        )
    }
    table = {
        name: {
            "tokens_per_s": pace[name],
            "peak_mb": found[name][0]["peak_mb"],
            "first_step_s": statistics.median(each["first_step_s"] for each in runs),
        }
        for name, runs in found.items()
    }
    ratios = {
        f"{mine} / {plain}": round(pace[mine] / pace[plain], 2)
        for mine in pace
        if "ours" in mine
        for plain in pace
        if "ours" not in plain and plain.startswith("encoder") == mine.startswith("encoder")
    }
    print(
        json.dumps(
            {
                "name": "training",
                "ratios": ratios,
                "loss_apart": {name: round(value, 6) for name, value in apart.items()},
                "detail": table,
            },
            ensure_ascii=False,
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
