"""The server over HTTP against itself and against bare `generate`, interleaved; and what many users at once get.

- 8 streams at once ÷ the same 8 one after another (equal and ragged lengths, one model; and rows of three adapters), answers compared
- a single stream ÷ `generate` on the same model in a process of its own, both on one thread
- transformers' own continuous batching for the same 8, as a choice that was not taken
- 4 clients × 3 adapters × 50 requests, and 100 users at once: answers that are not the ones given one by one, and errors

python launch.py bench serve [--rounds 5] [--single]    # only the single stream
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
VOCABULARY, SEED = 32000, 11
EQUAL, RAGGED = [32] * 8, [8, 16, 24, 32, 40, 48, 56, 64]
Question = tuple[str, str, int]
"""(model, prompt, tokens)."""


def tokenizer() -> Any:
    """A word per number: as many words as the model has tokens, and no end."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    names = {0: "<unk>", 2: "<pad>"}
    words = {names.get(number, f"w{number}"): number for number in range(VOCABULARY)}
    made = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", pad_token="<pad>", clean_up_tokenization_spaces=False
    )


def model(folder: Path) -> Path:
    """A Llama of 24 M parameters (6 layers, width 288) whose likeliest tokens stand out."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=288, intermediate_size=768, num_hidden_layers=6, num_attention_heads=6,
        num_key_value_heads=6, max_position_embeddings=2048, tie_word_embeddings=False, pad_token_id=2, eos_token_id=None,
        bos_token_id=None, initializer_range=0.2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def prompts(count: int) -> list[str]:
    """Words of mixed lengths, no two alike."""
    dice = random.Random(SEED)
    return [
        " ".join(f"w{dice.randrange(3, VOCABULARY)}" for _ in range(dice.choice((12, 20, 32)))) for _ in range(count)
    ]


@contextmanager
def server(workspace: Any, run: Any) -> Iterator[Any]:
    """The serving process, on one thread."""
    from workbench.serve import client

    command = [sys.executable, "-m", "workbench.serve.server", "--workspace", str(workspace.root), "--run", run.id]
    command += ["--state", str(workspace.root / "state.json")]
    one = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=one) as child:
        try:
            yield client.Endpoint(child.stdout.readline().strip().removesuffix("/v1"), "", "", child.pid)
        finally:
            child.kill()


def ask(endpoint: Any, question: Question) -> str:
    """The whole answer to one question."""
    from workbench.serve import client

    name, prompt, tokens = question
    return "".join(told.text for told in client.stream(endpoint, name, prompt, temperature=0, max_tokens=tokens))


def clock(work: Callable[[], Any], pid: int) -> tuple[Any, float, float]:
    """(what it gave, seconds, seconds of the server's processor)."""
    import psutil

    process = psutil.Process(pid)
    before, began = process.cpu_times(), time.perf_counter()
    found = work()
    after, wall = process.cpu_times(), time.perf_counter() - began
    return found, wall, after.user + after.system - before.user - before.system


def together(endpoint: Any, questions: Sequence[Question], at_once: int = 8) -> list[str]:
    """All at once."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda each: ask(endpoint, each), questions))


def singly(endpoint: Any, questions: Sequence[Question]) -> list[str]:
    """One after another."""
    return [ask(endpoint, each) for each in questions]


def eight(endpoint: Any, questions: Sequence[Question], rounds: int) -> dict[str, Any]:
    """Ratios of time, at once ÷ one after another, and whether every answer was the same."""
    walls, cpus, same = [], [], True
    together(endpoint, questions)
    for _ in range(rounds):
        one, wall_one, cpu_one = clock(lambda: singly(endpoint, questions), endpoint.pid)
        all_, wall, cpu = clock(lambda: together(endpoint, questions), endpoint.pid)
        walls.append(wall_one / wall)
        cpus.append(cpu_one / cpu)
        same = same and one == all_
    return {
        "ratio": round(statistics.median(cpus), 2),
        "by_wall_clock": round(statistics.median(walls), 2),
        "identical": same,
    }


BARE = """
import sys, time, json, torch, warnings
warnings.simplefilter("ignore")
torch.set_num_threads(1)
from transformers import AutoModelForCausalLM, AutoTokenizer, ContinuousBatchingConfig, GenerationConfig
folder = sys.argv[1]
model, words = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
how = dict(do_sample=False, pad_token_id=2)
print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    ids = [words(prompt)["input_ids"] for prompt in asked["prompts"]]
    began, clock = time.process_time(), time.perf_counter()
    if asked["batching"]:
        page, most = asked["batching"]
        config = ContinuousBatchingConfig(page_size=page, num_blocks=256, max_batch_tokens=most, allow_block_sharing=False)
        manager = model.init_continuous_batching(generation_config=GenerationConfig(eos_token_id=-1, max_new_tokens=64, **how), continuous_batching_config=config)
        manager.start()
        names, found = [manager.add_request(each, max_new_tokens=n) for each, n in zip(ids, asked["tokens"])], {}
        while len(found) < len(names):
            told = manager.get_result(timeout=60)
            if told is not None and told.is_finished():
                found[told.request_id] = told.generated_tokens
        manager.stop(block=True)
        texts = [words.decode(found[name], skip_special_tokens=True) for name in names]
    else:
        texts = []
        with torch.inference_mode():
            for each, count in zip(ids, asked["tokens"]):
                row = torch.tensor([each])
                made = model.generate(input_ids=row, attention_mask=torch.ones_like(row), max_new_tokens=count, **how)
                texts.append(words.decode(made[0, len(each):], skip_special_tokens=True))
    print(json.dumps({"seconds": time.process_time() - began, "wall": time.perf_counter() - clock, "texts": texts}), flush=True)
"""


class Bare:
    """transformers alone, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-c", BARE, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while self.child.stdout.readline().strip() != "ready":
            pass

    def ask(
        self, asked: Sequence[str], tokens: Sequence[int], batching: tuple[int, int] | None = None
    ) -> dict[str, Any]:
        """Seconds of the processor, and texts."""
        told = {"prompts": list(asked), "tokens": list(tokens), "batching": batching}
        self.child.stdin.write(json.dumps(told) + "\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        while not line.startswith("{"):
            line = self.child.stdout.readline()
        return dict(json.loads(line))


def single(endpoint: Any, bare: Bare, rounds: int) -> dict[str, Any]:
    """Tokens per second of one stream ÷ those of bare generate: by the processor's seconds, and by the clock."""
    asked, ratios, walls, same = prompts(3), [], [], True
    bare.ask(asked, [8] * 3)
    for _ in range(rounds):
        alone = bare.ask(asked, [64] * 3)
        found, wall, cpu = clock(lambda: singly(endpoint, [("base", each, 64) for each in asked]), endpoint.pid)
        ratios.append(alone["seconds"] / cpu)
        walls.append(alone["wall"] / wall)
        same = same and found == alone["texts"]
    return {"ratio": round(statistics.median(ratios), 2), "by_wall_clock": round(statistics.median(walls), 2), "identical": same}  # fmt: skip


def batching(bare: Bare, tokens: list[int], rounds: int) -> dict[str, float]:
    """transformers' continuous batching ÷ its generate one after another, by the size of its pages and batches."""
    asked, found = prompts(8), dict[str, float]()
    for page, most in ((32, 64), (256, 256)):
        ratios = [
            bare.ask(asked, tokens)["seconds"] / bare.ask(asked, tokens, (page, most))["seconds"] for _ in range(rounds)
        ]
        found[f"pages of {page}, {most} tokens at once"] = round(statistics.median(ratios), 2)
    return found


def crowd(endpoint: Any, questions: list[Question], at_once: int) -> dict[str, int]:
    """What many at once get, against what each gets alone."""
    right = dict(zip(dict.fromkeys(questions), singly(endpoint, list(dict.fromkeys(questions))), strict=True))
    wrong, errors = 0, 0

    def one(question: Question) -> None:
        nonlocal wrong, errors
        try:
            wrong += ask(endpoint, question) != right[question]
        except Exception:
            errors += 1

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, questions))
    return {"requests": len(questions), "wrong": wrong, "errors": errors, "different": len(set(right.values()))}


def measure(rounds: int) -> dict[str, Any]:
    from served import made_run

    from workbench.core.workspace import Workspace

    with tempfile.TemporaryDirectory() as home:
        folder, workspace = model(Path(home) / "llama"), Workspace(Path(home) / "w")
        runs = [made_run(workspace, folder, seed=seed) for seed in (1, 2, 3)]
        names, asked = [run.id for run in runs], prompts(100)
        found: dict[str, Any] = {}
        with server(workspace, runs[0]) as endpoint:
            bare = Bare(folder)
            found["single stream ÷ bare generate"] = single(endpoint, bare, rounds)
            if "--single" in sys.argv:
                bare.child.kill()
                return found
            for what, tokens in (("equal", EQUAL), ("ragged", RAGGED)):
                for who, named in (("base", ["base"]), ("three adapters", names)):
                    asks = [(named[n % len(named)], asked[n], tokens[n]) for n in range(8)]
                    found[f"8 streams, {what}, {who}"] = eight(endpoint, asks, rounds)
                    print(f"8 streams, {what}, {who}", found[f"8 streams, {what}, {who}"], file=sys.stderr, flush=True)
            found["continuous batching of transformers, equal"] = batching(bare, EQUAL, rounds)
            found["continuous batching of transformers, ragged"] = batching(bare, RAGGED, rounds)
            bare.child.kill()
            print(found, file=sys.stderr, flush=True)
            questions = [(names[n % 3], asked[n % 50], 12) for n in range(4 * 3 * 50)]
            found["4 clients × 3 adapters × 50"] = crowd(endpoint, questions, 4)
            users = [(["base", *names][n % 4], asked[n], 12) for n in range(100)]
            found["100 users at once"] = crowd(endpoint, users, 100)
    return found


def main() -> None:
    warnings.simplefilter("ignore")
    rounds = int(sys.argv[sys.argv.index("--rounds") + 1]) if "--rounds" in sys.argv else 5
    found = measure(rounds)
    ratios = {name: told["ratio"] for name, told in found.items() if "ratio" in told}
    print(json.dumps({"name": "serve", "ratios": ratios, "detail": found}, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
