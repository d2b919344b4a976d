"""The models a server holds, and answering with them: one at a time, stoppable within a token."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jinja2 import TemplateError
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from workbench.core import run as runs
from workbench.core.errors import UserError
from workbench.core.method import METHODS
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.engine.evaluation import Judge
from workbench.models import catalog
from workbench.models.chat_template import ensure_chat_template
from workbench.models.conversation import prompt_ids
from workbench.models.loading import load_model, load_options, load_tokenizer, load_tuned, tuned_tokenizer
from workbench.serve.schema import ChatRequest, Refused

ENDS = ("<|im_end|>", "<|eot_id|>", "<|eot|>", "<|end|>", "<end_of_turn>", "<turn|>", "<|endoftext|>", "</s>")


@dataclass
class Held:
    """What one server answers with. With an adapter, base and tuned are one model, the adapter on or off."""

    target: str
    task: str
    talks: bool
    tokenizer: Any
    models: dict[str, Any]
    adapter: bool = False
    section: Any = None

    def use(self, side: str) -> tuple[Any, contextlib.AbstractContextManager[Any]]:
        """The model of a side, and the context in which it is that side."""
        model = self.models[side]
        off = self.adapter and side == "base"
        return model, model.disable_adapter() if off else contextlib.nullcontext()


def device_of(wanted: str = "auto") -> tuple[str, str]:
    """Device and precision to answer with."""
    if wanted == "cpu" or not torch.cuda.is_available():
        return "cpu", "fp32"
    return "cuda", "bf16" if torch.cuda.is_bf16_supported() else "fp32"


def hold_run(workspace: Workspace, run_id: str) -> Held:
    """Base and tuned model of a finished run."""
    run = runs.find(workspace, run_id)
    recipe = run.recipe
    task = TASKS.get(recipe.task.kind)
    adapter = METHODS.get(recipe.method.kind).adapter
    device, dtype = device_of(recipe.compute.device)
    base = catalog.fetch(workspace, catalog.locate(workspace, recipe.model.id, recipe.model.revision))
    tuned = load_tuned(run, base, device, dtype)
    plain = tuned if adapter else load_model(base, task, load_options(run), device, dtype).eval()
    models = {"base": plain, "tuned": tuned}
    return Held(f"run:{run.id}", task.kind, task.talks, tuned_tokenizer(run), models, adapter, recipe.task)


def hold_model(workspace: Workspace, model_id: str) -> Held:
    """A model as it is, which must be one that talks."""
    folder = catalog.fetch(workspace, catalog.locate(workspace, model_id))
    _check_talks(folder, model_id)
    task = next(task for task in TASKS.all() if task.talks)
    device, dtype = device_of()
    tokenizer = load_tokenizer(folder)
    ensure_chat_template(tokenizer)
    model = load_model(folder, task, {}, device, dtype).eval()
    return Held(f"model:{model_id}", task.kind, True, tokenizer, {"base": model})


def _check_talks(folder: Path, model_id: str) -> None:
    architecture = catalog.facts(folder).architecture
    if not architecture.endswith(("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")):
        raise UserError(
            f"{model_id} is {architecture}: it does not generate text. Choose a causal language model.",
            f"{model_id} 是 {architecture}，不能生成文字。请选择因果语言模型。",
            field="model.id",
        )


class Stop(StoppingCriteria):
    """Ends generation at the next token once the event is set."""

    def __init__(self, event: threading.Event) -> None:
        self.event = event

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        return torch.full((input_ids.shape[0],), self.event.is_set(), dtype=torch.bool, device=input_ids.device)


class Feed:
    """The streamer transformers writes to: the prompt first, then token by token."""

    def __init__(self, take: Callable[[int], None]) -> None:
        self._take, self._prompt = take, True

    def put(self, value: Any) -> None:
        """Called by generate."""
        if not self._prompt:
            for token in value.reshape(-1).tolist():
                self._take(int(token))
        self._prompt = False

    def end(self) -> None:
        """Called by generate at the end."""


class Engine:
    """Answers with the held models, one caller at a time."""

    def __init__(self, held: Held) -> None:
        self.held = held
        self.lock = threading.Lock()
        self.generated = 0
        self.ends = self._ends()

    def _ends(self) -> set[int]:
        tokenizer, config = self.held.tokenizer, getattr(self.held.models["base"], "generation_config", None)
        known = getattr(config, "eos_token_id", None)
        found = set(known if isinstance(known, list) else [known]) | {tokenizer.eos_token_id}
        vocabulary = tokenizer.get_vocab() if self.held.talks else {}
        return {int(each) for each in found | {vocabulary.get(word) for word in ENDS} if each is not None}

    def prompt(self, request: ChatRequest) -> list[int]:
        """The prompt's tokens, or Refused when no room is left for an answer."""
        try:
            ids = prompt_ids(self.held.tokenizer, request.messages)
        except TemplateError as error:
            raise Refused(f"The chat template refuses these messages: {error}", "messages") from error
        if len(ids) >= self.context:
            raise Refused(
                f"The messages take {len(ids)} tokens and the model's context is {self.context}; shorten them.",
                "messages",
                code="context_length_exceeded",
            )
        return ids

    @property
    def context(self) -> int:
        """How many tokens the model can look at."""
        return int(getattr(self.held.models["base"].config, "max_position_embeddings", None) or 2048)

    def answer(self, request: ChatRequest, ids: list[int], take: Callable[[int], None], stop: threading.Event) -> None:
        """Generate; `take` gets every token as it comes. Ends within a token once `stop` is set."""

        def count(token: int) -> None:
            self.generated += 1
            take(token)

        with self.lock, torch.inference_mode():
            if stop.is_set():
                return
            model, side = self.held.use(request.model)
            torch.manual_seed(request.seed) if request.seed is not None else torch.seed()
            prompt = torch.tensor([ids], device=model.device)
            with side:
                model.generate(
                    input_ids=prompt, attention_mask=torch.ones_like(prompt), streamer=Feed(count),
                    generation_config=self._settings(request, len(ids)),
                    stopping_criteria=StoppingCriteriaList([Stop(stop)]),
                )  # fmt: skip

    def _settings(self, request: ChatRequest, used: int) -> GenerationConfig:
        sampling: dict[str, Any] = {"do_sample": False}
        if request.temperature > 0:
            top_p = max(request.top_p, 1e-6)
            sampling = {"do_sample": True, "temperature": max(request.temperature, 1e-4), "top_p": top_p, "top_k": 0}
        return GenerationConfig(
            max_new_tokens=min(request.max_tokens, self.context - used),
            repetition_penalty=request.repetition_penalty,
            eos_token_id=sorted(self.ends) or None,
            pad_token_id=self.held.tokenizer.pad_token_id,
            **sampling,
        )

    def attempt(self, side: str, fields: dict[str, str]) -> str:
        """The task's own answer to what was typed."""
        with self.lock, torch.inference_mode():
            model, context = self.held.use(side)
            judge = Judge(model, self.held.tokenizer, self.held.section, str(model.device), generated=1)
            with context:
                return TASKS.get(self.held.task).attempt(fields, judge)

    def classify(self, side: str, rows: list[dict[str, str]]) -> list[dict[str, float]]:
        """Probabilities by label of every row."""
        with self.lock, torch.inference_mode():
            model, context = self.held.use(side)
            names = model.config.id2label
            with context:
                return [self._one(model, row, names) for row in rows]

    def _one(self, model: Any, row: dict[str, str], names: dict[int, str]) -> dict[str, float]:
        limit = min(self.held.section.max_length, self.context)
        batch = self.held.tokenizer(
            row["text"], row.get("text_pair") or None, truncation=True, max_length=limit, split_special_tokens=True,
            return_tensors="pt",
        ).to(model.device)  # fmt: skip
        shares = model(**batch).logits[0].float().softmax(-1).tolist()
        return {names[index]: share for index, share in enumerate(shares)}
