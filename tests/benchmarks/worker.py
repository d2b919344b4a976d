"""Steps per second of our worker against a bare Trainer + PEFT script with the same settings, interleaved in one run.

python launch.py bench worker
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STEPS, SKIP, ROUNDS = 120, 15, 4
BARE = """
import json, sys, time
from pathlib import Path
from peft import LoraConfig, TaskType, get_peft_model
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer,
                          TrainerCallback, TrainingArguments)
root, steps, skip, out = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
folder = root / "assets/models/all-MiniLM-L6-v2"
rows = [json.loads(line) for line in (root / "assets/samples/sentiment-en/train.jsonl").read_text().splitlines()]
tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
labels = sorted({row["label"] for row in rows})
class Rows:
    def __init__(self):
        self.items = [{**tokenizer(row["text"], truncation=True, max_length=64), "labels": labels.index(row["label"])} for row in rows]
    def __len__(self): return len(self.items)
    def __getitem__(self, i): return self.items[i]
model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(labels), local_files_only=True)
model = get_peft_model(model, LoraConfig(task_type=TaskType.SEQ_CLS, r=16, lora_alpha=32, target_modules=["query", "value"]))
times = []
class Clock(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs): times.append(time.perf_counter())
arguments = TrainingArguments(output_dir=out, max_steps=steps, per_device_train_batch_size=16, learning_rate=1e-3, warmup_steps=0.1,
    use_cpu=True, report_to="none", disable_tqdm=True, logging_steps=1, save_strategy="no", seed=42)
Trainer(model=model, args=arguments, train_dataset=Rows(), data_collator=DataCollatorWithPadding(tokenizer), callbacks=[Clock()],
    processing_class=tokenizer).train()
print("RATE", (len(times) - skip - 1) / (times[-1] - times[skip]))
"""


def bare() -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", BARE, str(ROOT), str(STEPS), str(SKIP), folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split("RATE")[1])


def ours() -> float:
    with tempfile.TemporaryDirectory() as folder:
        settings = [f"training.max_steps={STEPS}", "training.save_steps=100000", "evaluation.max_rows=1", "evaluation.baseline=false",
                    "training.eval_steps=100000"]  # fmt: skip
        command = [sys.executable, "-m", "workbench.cli", "run", "sentiment-en", "--workspace", folder]
        for setting in settings:
            command += ["--set", setting]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        run = done.stdout.split()[0]
        lines = (Path(folder) / "runs" / run / "events.jsonl").read_text().splitlines()
    times = [event["time"] for event in map(json.loads, lines) if event["kind"] == "step"]
    return (len(times) - SKIP - 1) / (times[-1] - times[SKIP])


def main() -> None:
    pairs = []
    for turn in range(ROUNDS):  # who goes first changes: a machine that warms up or tires favours nobody
        first, second = (bare(), ours()) if turn % 2 else (ours(), bare())
        pairs.append((second, first) if turn % 2 else (first, second))
    ratio = statistics.median(mine / plain for mine, plain in pairs)
    detail = {
        "worker_steps_per_s": [round(mine, 2) for mine, _ in pairs],
        "bare_steps_per_s": [round(plain, 2) for _, plain in pairs],
    }
    print(
        json.dumps(
            {
                "name": "worker",
                "ratios": {"steps per second, worker / bare Trainer + PEFT": round(ratio, 3)},
                "detail": detail,
            }
        )
    )


if __name__ == "__main__":
    main()
