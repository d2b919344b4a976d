"""An encoder as an ONNX graph, by torch.onnx's own exporter, and back through ONNX Runtime.

The example has two rows and more than one token: an axis of length one would be taken for fixed. What it does not know: generation.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import Any

from workbench.core.family import family

NAMES = ("input_ids", "attention_mask", "token_type_ids")
SHAPES = ((1, 2), (1, 9), (2, 5), (3, 17), (5, 33))
"""Batches tried: (rows, tokens)."""
NEAR, ROUGH = 1e-3, 0.2
"""Differences of an answer alone and in a batch that are rounding; in 8 bits the whole batch shares a scale."""


def encoder(config: dict[str, Any]) -> bool:
    """Whether a base with this config.json is one."""
    return family(config) == "encoder"


def example(source: Any, tokenizer: Any, model: Any) -> dict[str, Any]:
    """A padded batch of two held-out rows, without answers."""
    rows = source.task.encode(source.heldout[:2], tokenizer, source.recipe.task, model).inputs[:2]
    batch = source.task.collator(tokenizer)(rows * 2)
    return {name: batch[name] for name in NAMES if name in batch}


def write(model: Any, batch: dict[str, Any], path: Path) -> None:
    """The graph with free batch and length; its chatter is kept quiet, its failures are not."""
    import torch

    class Plain(torch.nn.Module):
        """Answers a tuple, in the order of `outputs`."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *given: Any) -> Any:
            made = self.model(**dict(zip(batch, given, strict=True)))
            return tuple(made[name] for name in outputs(model))

    rows, length = torch.export.Dim("rows", min=1, max=4096), torch.export.Dim("length", min=2, max=_room(model))
    free = tuple({0: rows, 1: length} for _ in batch)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Plain().eval(), tuple(batch.values()), str(path), dynamo=True, dynamic_shapes=(free,), external_data=False,
            input_names=list(batch), output_names=list(outputs(model)), verbose=False,
        )  # fmt: skip


def outputs(model: Any) -> tuple[str, ...]:
    """Names of what the head says."""
    return ("start_logits", "end_logits") if type(model).__name__.endswith("QuestionAnswering") else ("logits",)


def _room(model: Any) -> int:
    """Tokens the model can read; RoBERTa's positions begin behind its padding."""
    return int(getattr(model.config, "max_position_embeddings", 0) or 514) - 2


def quantise(path: Path) -> None:
    """Weights in 8 bits, activations rounded while it runs."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    small = path.with_name("small.onnx")
    quantize_dynamic(str(path), str(small), weight_type=QuantType.QInt8)
    small.replace(path)


class Session:
    """A graph that answers like a model of transformers: as many inputs as it knows, outputs by name."""

    training = False
    generation_config = None
    device = "cpu"

    def __init__(self, folder: Path) -> None:
        import onnxruntime
        import torch

        from workbench.models.loading import load_config

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = torch.get_num_threads(), 3
        self.held = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self.config = load_config(folder)
        self.names = [each.name for each in self.held.get_inputs()]

    def __call__(self, **given: Any) -> Any:
        """Tensors in, tensors out."""
        import torch
        from transformers.utils import ModelOutput

        inputs = {name: self._input(name, given).cpu().numpy() for name in self.names}
        found = self.held.run(None, inputs)
        named = {each.name: torch.from_numpy(value) for each, value in zip(self.held.get_outputs(), found, strict=True)}
        return ModelOutput(named)

    def _input(self, name: str, given: dict[str, Any]) -> Any:
        import torch

        return given[name] if name in given else torch.zeros_like(given["input_ids"])

    def eval(self) -> Session:
        """It never trains."""
        return self

    def train(self, wanted: bool = True) -> Session:
        """It never trains."""
        return self


def shapes(session: Any, near: float) -> tuple[int, int]:
    """How many shapes were tried, and in how many the first row is answered as it is alone."""
    import torch

    dice, same = torch.Generator().manual_seed(0), 0
    for rows, length in SHAPES:
        ids = torch.randint(5, session.config.vocab_size, (rows, length), generator=dice)
        whole, alone = (_ask(session, each) for each in (ids, ids[:1]))
        same += all(bool(((a[:1] - b).abs() <= near * (1 + b.abs())).all()) for a, b in zip(whole, alone, strict=True))
    return len(SHAPES), same


def _ask(session: Any, ids: Any) -> list[Any]:
    import torch

    return list(session(input_ids=ids, attention_mask=torch.ones_like(ids)).values())
