"""Before and after on the same held-out rows. The model is asked in batches of like lengths; nothing is learned here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.core.task import Task

GENERATED = 8
"""Rows answered at once."""


@dataclass
class Judge:
    """A model to be scored, and how to ask it. `tick` is told before every batch
    how many rows are done, of how many; it may raise to end the run."""

    model: Any
    tokenizer: Any
    section: Any
    device: str = "cpu"
    batch_size: int = 16
    samples: int = 0
    generated: int = 64
    """Rows answered in words at most, where answers are what is scored."""
    max_new_tokens: int = 48
    tick: Callable[[int, int], None] = field(default=lambda done, total: None)

    def labels(self) -> list[str]:
        """The head's labels by position."""
        names = self.model.config.id2label
        return [str(names[index]) for index in range(len(names))]

    def map(
        self, task: Task, inputs: Sequence[dict[str, Any]], ask: Callable[[dict[str, Any]], list[Any]]
    ) -> list[Any]:
        """`ask` of every row, in the order of `inputs`; it is given padded batches on the device and answers per row."""
        import torch

        order = sorted(range(len(inputs)), key=lambda index: len(inputs[index]["input_ids"]))
        found: list[Any] = [None] * len(inputs)
        pad = task.collator(self.tokenizer)
        with torch.inference_mode(), self._resting():
            for start in range(0, len(order), self.batch_size):
                self.tick(start, len(order))
                picked = order[start : start + self.batch_size]
                batch = {name: value.to(self.device) for name, value in pad([inputs[i] for i in picked]).items()}
                for index, answer in zip(picked, ask(batch), strict=True):
                    found[index] = answer
        return found

    def answer(self, prompts: Sequence[Sequence[dict[str, Any]]], tools: Sequence[Any] = ()) -> list[str]:
        """Greedy answers to conversations (with the tools each may call), in batches padded on the left."""
        from workbench.models.conversation import prompt_ids

        offered = list(tools) or [()] * len(prompts)
        return self.generate([prompt_ids(self.tokenizer, list(p), t) for p, t in zip(prompts, offered, strict=True)])

    def generate(self, prompts: Sequence[list[int]]) -> list[str]:
        """Greedy answers to prompts of token ids: what follows them, or what an encoder-decoder makes of them."""
        order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
        found = [""] * len(prompts)
        size = min(GENERATED, self.batch_size)
        for start in range(0, len(order), size):
            self.tick(start, len(order))
            picked = order[start : start + size]
            for index, text in zip(picked, self._generate([prompts[i] for i in picked]), strict=True):
                found[index] = text
        return found

    def _generate(self, prompts: Sequence[list[int]]) -> list[str]:
        import torch

        paired = bool(getattr(self.model.config, "is_encoder_decoder", False))
        rows = list(prompts) if paired else [row[-self._room() :] for row in prompts]
        longest, filler = max(map(len, rows)), self.tokenizer.pad_token_id
        left = [0 if paired else longest - len(row) for row in rows]  # what follows a prompt begins right behind it
        padded = [[filler] * gap + row for gap, row in zip(left, rows, strict=True)]
        ids = torch.tensor([row + [filler] * (longest - len(row)) for row in padded], device=self.device)
        mask = torch.tensor([[0] * g + [1] * len(r) + [0] * (longest - g - len(r)) for g, r in zip(left, rows, strict=True)], device=self.device)  # fmt: skip
        with torch.inference_mode(), self._resting():
            made = self.model.generate(
                input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=self.max_new_tokens,
                pad_token_id=filler, eos_token_id=self._ends(),
            )  # fmt: skip
        texts = self.tokenizer.batch_decode(made[:, 0 if paired else longest :].tolist(), skip_special_tokens=True)
        return [str(text).strip() for text in texts]

    def _ends(self) -> list[int] | None:
        """What ends an answer: the generation settings' ends and the tokenizer's."""
        known = self.model.generation_config.eos_token_id
        ends = {*(known if isinstance(known, list) else [known]), self.tokenizer.eos_token_id} - {None}
        return sorted(ends) or None

    def _room(self) -> int:
        """Prompt tokens that leave room for the answer within the model's context."""
        context = int(getattr(self.model.config, "max_position_embeddings", 0) or 1 << 20)
        return max(1, context - self.max_new_tokens)

    @contextlib.contextmanager
    def _resting(self) -> Iterator[None]:
        """Dropout off while asked, and as it was afterwards."""
        was = self.model.training
        self.model.eval()
        try:
            yield
        finally:
            self.model.train(was)


def asking(session: Any) -> Judge:
    """A session's model, asked as its recipe says."""
    recipe = session.recipe
    told, size = recipe.evaluation, max(8, recipe.training.per_device_train_batch_size)
    return Judge(
        session.model, session.tokenizer, recipe.task, session.device, size, told.samples, told.generated,
        told.max_new_tokens, session.stage.progress,
    )  # fmt: skip
