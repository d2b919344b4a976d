"""vLLM in place of our own engine, where somebody installed it: the command that serves the same models by the same names. Never needed,
and nothing of it is imported here.

What vLLM takes of PEFT: LoRA (rsLoRA too) without DoRA and without modules that were trained whole; ranks up to one of its steps.
"""

from __future__ import annotations

import os
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError
from workbench.core.files import read_json
from workbench.core.method import METHODS
from workbench.core.run import Run
from workbench.core.workspace import Workspace
from workbench.models import catalog
from workbench.serve.roster import BASE, TUNED, base_of, base_of_model, siblings

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What --max-lora-rank can be."""
STARTS = [sys.executable, "-m", "vllm.entrypoints.cli.main", "serve"]
WORDS = "AutoModelForCausalLM"
"""The head of models that answer in words."""
KEY = "VLLM_API_KEY"
"""Where vLLM reads the key; on a command line everybody on the machine could read it."""


def command(workspace: Workspace, target: Run | str, how: dict[str, Any]) -> list[str]:
    """The whole command; `how`: host, port, slots. UserError for what vLLM cannot serve."""
    base = base_of(workspace, target) if isinstance(target, Run) else base_of_model(workspace, target)
    if isinstance(target, Run) and base[2] != WORDS:
        raise _refused(target, "it does not answer in words", "它不生成文字")
    whole = isinstance(target, Run) and METHODS.get(target.recipe.method.kind).stores == "model"
    folder = target.tuned if whole and isinstance(target, Run) else catalog.here(workspace, base[0], base[1])
    told = [*STARTS, str(folder), "--served-model-name", *_names(target, whole), "--host", str(how["host"]), "--port", str(how["port"])]  # fmt: skip
    if how.get("slots"):
        told += ["--max-num-seqs", str(how["slots"])]
    if isinstance(target, Run):
        told += _template(target)
    return told if whole or not isinstance(target, Run) else told + _adapters(workspace, target, base)


def _names(target: Run | str, whole: bool) -> list[str]:
    return [TUNED, target.id] if whole and isinstance(target, Run) else [BASE]


def _template(run: Run) -> list[str]:
    """How a conversation is written is the run's, not the base's."""
    file = run.tuned / "chat_template.jinja"
    return ["--chat-template", str(file)] if file.is_file() else []


def _adapters(workspace: Workspace, target: Run, base: tuple[str, ...]) -> list[str]:
    """The target, and whatever else of this base vLLM can take."""
    if reason := unfit(target):
        raise _refused(target, *reason)
    others = [run for run in siblings(workspace, base) if run.id != target.id and not unfit(run)]
    named = [(TUNED, target), *((run.id, run) for run in [target, *others])]
    modules = [f"{name}={run.tuned}" for name, run in named]
    most = max(rank(run.tuned) for run in [target, *others])
    return ["--enable-lora", "--max-loras", str(min(len(modules), 8)), "--max-lora-rank", str(step(most)), "--lora-modules", *modules]  # fmt: skip


def unfit(run: Run) -> tuple[str, str] | None:
    """Why vLLM cannot lay this adapter over its base, in both languages; None where it can."""
    config = _config(run.tuned)
    if str(config.get("peft_type")) != "LORA":
        return "vLLM lays only LoRA over a base", "vLLM 只支持在基础模型上叠加 LoRA"
    if config.get("use_dora"):
        return "vLLM has no DoRA", "vLLM 不支持 DoRA"
    if config.get("modules_to_save"):
        return (
            "modules were trained whole beside LoRA (modules_to_save)",
            "除 LoRA 外还完整训练了一些模块（modules_to_save）",
        )
    if rank(run.tuned) > RANKS[-1]:
        return f"its rank is above {RANKS[-1]}", f"它的秩超过 {RANKS[-1]}"
    return None


def _config(folder: Path) -> dict[str, Any]:
    found = read_json(folder / "adapter_config.json")
    return found if isinstance(found, dict) else {}


def rank(folder: Path) -> int:
    """The largest rank in an adapter: single modules may have one of their own."""
    config = _config(folder)
    return max([int(config.get("r") or 0), *(int(each) for each in (config.get("rank_pattern") or {}).values())])


def step(wanted: int) -> int:
    """The smallest --max-lora-rank that holds it."""
    return next(each for each in RANKS if each >= wanted)


def start(told: list[str], key: str) -> None:
    """Become vLLM; UserError where it is not installed."""
    if find_spec("vllm") is None:
        raise UserError(
            "vLLM is not installed here. It wants Linux, as a rule an NVIDIA GPU, and its own versions of torch: install it with "
            f"pip install 'finetune-workbench[vllm]', best in an environment of its own. It would run: {shown(told)}. "
            "Without --engine vllm the built-in engine serves the same.",
            "本机没有安装 vLLM。它需要 Linux，通常还需要 NVIDIA GPU 和特定版本的 torch：用 pip install 'finetune-workbench[vllm]' "
            f"安装，最好放在单独的环境里。届时会运行：{shown(told)}。不加 --engine vllm 时，自带引擎同样可以提供服务。",
            field="--engine",
        )
    os.execve(told[0], told, {**os.environ, **({KEY: key} if key else {})})


def shown(told: list[str]) -> str:
    """The command as it is typed."""
    return shlex.join(["vllm", *told[3:]])


def _refused(run: Run, en: str, zh: str) -> UserError:
    return UserError(
        f"{run.id} cannot be served by vLLM: {en}. Export it merged (`workbench export {run.id} --to merged`) and serve that, or leave "
        "--engine away.",
        f"{run.id} 无法用 vLLM 提供服务：{zh}。请导出合并后的模型（`workbench export {run.id} --to merged`）再用 vLLM 启动，或去掉 --engine。",
        field="--engine",
    )
