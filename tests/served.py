"""Finished runs without training: what was tuned is set to something, saved by our own saver, and asked of a real engine."""

from __future__ import annotations

import queue
import warnings
from pathlib import Path
from typing import Any

from workbench.core.method import METHODS
from workbench.core.recipe import parse
from workbench.core.run import Run, create
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace

SETTINGS = {"prompt-tuning": {"num_virtual_tokens": 4}, "prefix-tuning": {"num_virtual_tokens": 4}, "p-tuning": {"num_virtual_tokens": 4, "encoder_hidden_size": 16}, "vera": {"rank": 8}, "freeze": {"num_trainable_layers": 1}, "oft": {"oft_block_size": 8}}  # fmt: skip


def made_run(
    workspace: Workspace, model: Path, method: str = "lora", seed: int = 0, knobs: dict[str, Any] | None = None,
    task: str = "chat", options: dict[str, Any] | None = None, step: int | None = None,
) -> Run:  # fmt: skip
    """A run whose trained parameters are random by `seed`; with `step`, a sealed checkpoint of other random ones beside it."""
    import torch

    from workbench.models.loading import load_model, load_tokenizer, save_tuned

    how = {"kind": method, **SETTINGS.get(method, {}), **(knobs or {})}
    recipe = parse({"task": task, "method": how, "model": {"id": str(model)}, "data": {"dataset": "x"}})
    run, kind = create(workspace, recipe), METHODS.get(method)
    loading = {**(options or {}), **kind.loading(recipe.method)}
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers for a deprecated name
        tuned = kind.apply(load_model(model, TASKS.get(task), loading), TASKS.get(task), recipe.method)
    if step is not None:
        shake(tuned, seed + 1000)
        _checkpoint(run, tuned, step)
    shake(tuned, seed)
    save_tuned(run, tuned, load_tokenizer(model), options or {})
    return run


def shake(model: Any, seed: int) -> None:
    """What is trained is moved far enough to change answers."""
    import torch

    dice = torch.Generator().manual_seed(seed)
    for value in model.parameters():
        if value.requires_grad:
            value.data += 0.3 * torch.randn(value.shape, generator=dice)


def _checkpoint(run: Run, model: Any, step: int) -> None:
    from safetensors.torch import save_file

    from workbench.engine.checkpoint import TRAINED, seal, trained

    folder = run.checkpoints / f"step-{step}"
    folder.mkdir(parents=True)
    save_file(trained(model), str(folder / TRAINED))
    seal(folder, step, {})


def engine_for(workspace: Workspace, target: Run, start: bool = True, **how: Any) -> Any:
    """An engine of its own for a run's base."""
    from workbench.serve.engine import Engine
    from workbench.serve.holder import Holder
    from workbench.serve.roster import Roster, base_of

    holder = Holder(Roster(workspace, base_of(workspace, target), target), how.pop("room", None))
    holder.load()
    made = Engine(holder, **how)
    if start:
        made.start()
    return made


def tried(workspace: Workspace, run: Run, fields: dict[str, str]) -> str:
    """What a run's task answers to what was typed, served as the server does."""
    from workbench.engine.evaluation import Judge
    from workbench.models.loading import tuned_tokenizer
    from workbench.serve.roster import Part

    holder = engine_for(workspace, run, start=False).holder
    model, task = holder.ready(holder.voice(Part(run))), TASKS.get(run.recipe.task.kind)
    judge = Judge(model, tuned_tokenizer(run), run.recipe.task, "cpu", generated=1)
    assert task.picture(fields, judge)["text"] == task.attempt(fields, judge)
    return task.attempt(fields, judge)


class Asked:
    """One question put to an engine."""

    def __init__(self, engine: Any, name: str, ids: list[int], limit: int = 12, **sampling: Any) -> None:
        from workbench.serve.asks import Ask
        from workbench.serve.sampling import Dice, Sampling

        self.news: queue.Queue[Any] = queue.Queue()
        how = Sampling(**{"temperature": 0, **sampling})
        self.ask = Ask(engine.holder.roster.part(name), Dice(how, ids), limit, frozenset(), self.news.put)
        engine.put(self.ask)

    def tokens(self, seconds: float = 60) -> list[int]:
        """The whole answer; what was raised is raised."""
        found = []
        while True:
            _, token, _ = self.news.get(timeout=seconds)
            if isinstance(token, BaseException):
                raise token
            if token is None:
                return found
            found.append(token)
            if len(found) == self.ask.limit:
                self.news.get(timeout=seconds)
                return found


def alone(model: Any, ids: list[int], limit: int = 12) -> list[int]:
    """What transformers' generate says, greedily, with nothing else going on."""
    import torch

    prompt = torch.tensor([ids])
    with torch.inference_mode():
        made = model.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=limit,
            min_new_tokens=limit, pad_token_id=2,
        )  # fmt: skip
    return list(made[0, -limit:].tolist())
