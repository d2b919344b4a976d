"""Padding-free batches for causal models: the rows of a batch end to end in one line, each seeing itself alone.

Attention runs row by row (block-diagonal), positions begin anew with each row, and only positions that have a label are
projected to the vocabulary. The loss is that of the padded batch. `packable` says where this holds; before the first step
`same_loss` compares the two on rows of the run, and a model that disagrees is trained with padding.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from workbench.engine import varlen, zero

IGNORED = -100
NAME = "rows_apart"
NEAR = 1e-3
"""Relative difference of the losses of a few rows still called the same (bf16 rounds)."""
PIECE = 1 << 23
"""Logits made at once."""
ASKED = "packed_answers"
"""Marks a packed batch that is given to a wrapped model."""
KEYS = {"input_ids", "attention_mask", "labels"}


def packable(model: Any, inputs: Sequence[dict[str, Any]]) -> bool:
    """Whether rows of this kind can be laid end to end for this model."""
    base = _unwrapped(model)
    config, row = base.config, inputs[0]
    if getattr(config, "is_encoder_decoder", False) or set(row) != KEYS or not isinstance(row["labels"], list):
        return False
    if any(getattr(each, "is_prompt_learning", False) for each in getattr(model, "peft_config", {}).values()):
        return False  # virtual tokens would have to stand before every row
    able = inspect.signature(base.forward).parameters
    if getattr(config, "_attn_implementation", None) == "eager":
        return False  # chosen on purpose, or all the model can
    plain = not any(getattr(config, name, None) for name in ("attn_logit_softcapping", "attention_chunk_size"))
    longest = max(len(item["input_ids"]) for item in inputs)
    near = (
        getattr(config, "sliding_window", None) or longest
    ) >= longest  # a window smaller than a row is not modelled here
    causal = "logits_to_keep" in able and "position_ids" in able and len(row["labels"]) == len(row["input_ids"])
    return bool(plain and near and causal and getattr(base, "_supports_attention_backend", False))


def enable(model: Any) -> Callable[[], None]:
    """Let the model attend row by row where a batch asks for it; the function returned undoes that."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    if NAME not in ALL_ATTENTION_FUNCTIONS:
        ALL_ATTENTION_FUNCTIONS.register(NAME, rows_apart)
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, sdpa_mask)  # padded batches still need their mask
    base = _unwrapped(model)
    was = base.config._attn_implementation
    base.set_attn_implementation(NAME)
    return lambda: base.set_attn_implementation(was)


def rows_apart(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **options: Any) -> tuple[Any, None]:
    """Attention over (1, heads, tokens, width): causal within each row, when `attention_mask` holds the rows' lengths."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if attention_mask is None or attention_mask.dtype != torch.int32:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    lengths, kind = attention_mask.flatten().tolist(), query.dtype
    if varlen.usable(query, key, options):
        return varlen.attend(query, key, value, lengths, options.get("scaling")), None
    if query.device.type == "cpu":  # its backward pass is twice as fast there in fp32
        query, key, value = query.float(), key.float(), value.float()
    parts = zip(*(each.split(lengths, dim=2) for each in (query, key, value)), strict=True)
    made = [sdpa_attention_forward(module, *part, None, **{**options, "is_causal": True})[0] for part in parts]
    return torch.cat(made, dim=1).to(kind), None


def pack(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One line of all rows: ids, labels and positions of shape (1, tokens), and the rows' lengths as (1, 1, 1, rows).

    A row's first token follows nothing, so it is no answer.
    """
    lengths = [len(row["input_ids"]) for row in rows]
    labels = [label for row in rows for label in [IGNORED, *row["labels"][1:]]]
    return {
        "input_ids": torch.tensor([[token for row in rows for token in row["input_ids"]]]),
        "labels": torch.tensor([labels]),
        "position_ids": torch.tensor([[place for length in lengths for place in range(length)]]),
        "attention_mask": torch.tensor(lengths, dtype=torch.int32).reshape(1, 1, 1, -1),
    }


def is_packed(batch: dict[str, Any]) -> bool:
    """Whether a batch came from `pack`."""
    return "attention_mask" in batch and batch["attention_mask"].dim() == 4


def tokens(batch: dict[str, Any]) -> Any:
    """Tokens of a batch that are no padding."""
    if is_packed(batch):
        return torch.tensor(batch["input_ids"].numel())
    return sum(mask.sum() for name, mask in batch.items() if name.endswith("attention_mask")).cpu()


def go_inside(model: Any) -> None:
    """Let a packed batch's loss be the model's own forward pass: wrappers for several processes see nothing that goes around it, and
    would exchange no gradients."""
    plain = model.forward

    def forward(*given: Any, **named: Any) -> Any:
        if ASKED not in named:
            return plain(*given, **named)
        return _loss_of(model, {name: value for name, value in named.items() if name != ASKED}, named[ASKED], plain)

    model.forward, model.packs_inside = forward, True


def loss_of(model: Any, batch: dict[str, Any], answers: Any) -> Any:
    """Summed cross-entropy of a packed batch ÷ `answers` (or its mean), projecting only what is learned."""
    if getattr(getattr(model, "module", model), "packs_inside", False):
        return model(**batch, **{ASKED: answers})
    return _loss_of(model, batch, answers)


def _loss_of(model: Any, batch: dict[str, Any], answers: Any, ask: Any = None) -> Any:
    """`ask`: the model's forward pass, where this is called inside of it."""
    labels = batch["labels"][0, 1:]
    kept = (labels != IGNORED).nonzero()[:, 0]
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    if (head := _plain_head(model)) is None:
        logits = (ask or model)(**inputs, logits_to_keep=kept, use_cache=False).logits.squeeze(0)
        total = cross_entropy(logits.float(), labels[kept], reduction="sum")
    else:
        hidden = _unwrapped(model).base_model(**inputs, use_cache=False).last_hidden_state.squeeze(0)
        total = InPieces.apply(hidden[kept], head.weight, labels[kept])
    return total / (answers if answers is not None else len(kept))


class InPieces(torch.autograd.Function):
    """Summed cross-entropy of hidden (tokens, width) under a frozen head (vocabulary, width), a piece of tokens at a time.

    Each piece's gradient is made while its logits are there, so that the logits of all tokens never exist at once (the idea
    of cut cross-entropy: Wijmans et al., 2024, arXiv:2411.09009; and of Liger's fused loss: Hsu et al., 2024, arXiv:2410.10989).
    """

    @staticmethod
    def forward(ctx: Any, hidden: Any, weight: Any, targets: Any) -> Any:
        """The loss; its gradient is kept for `backward`."""
        total, wanted = torch.zeros((), device=hidden.device), ctx.needs_input_grad[0]
        gradient = torch.empty_like(hidden) if wanted else None
        size = max(1, PIECE // weight.shape[0])
        for start in range(0, len(hidden), size):
            part, right = hidden[start : start + size], targets[start : start + size, None]
            logits = (part @ weight.T).float()
            chosen, top = logits.gather(1, right), logits.amax(-1, keepdim=True)
            shares = logits.sub_(top).exp_()  # in place: one pass over the piece serves the loss and its gradient
            mass = shares.sum(-1, keepdim=True)
            total += (mass.log() + top - chosen).sum()
            if gradient is not None:
                shares.div_(mass).scatter_add_(1, right, torch.full_like(mass, -1.0))
                gradient[start : start + size] = shares.to(weight.dtype) @ weight
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, None, None]:
        """Scaled by what comes from above."""
        (gradient,) = ctx.saved_tensors
        return gradient * grads[0].to(gradient.dtype), None, None


def _unwrapped(model: Any) -> Any:
    """The transformers model inside wrappers of PEFT and Accelerate."""
    model = getattr(model, "module", model)
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _plain_head(model: Any) -> Any:
    """The head, if it is a frozen matrix that lies here whole and nothing else happens to the logits; None otherwise."""
    base = _unwrapped(model)
    head = base.get_output_embeddings()
    scaled = any(
        getattr(base.config, name, None) for name in ("final_logit_softcapping", "logit_scale", "logits_scaling")
    )
    if scaled or type(head) is not torch.nn.Linear or head.bias is not None or head.weight.requires_grad:
        return None
    if zero.divided(head.weight):  # it is gathered for its own forward pass only
        return None
    return head


def same_loss(model: Any, rows: Sequence[dict[str, Any]], pad: Callable[..., Any], device: str) -> bool:
    """Whether a few rows have the same loss padded and packed, by this very model."""
    few = sorted(rows, key=lambda row: len(row["input_ids"]))[:: max(1, len(rows) // 3)][:3]
    was = model.training
    model.eval()
    with torch.no_grad():
        padded = {name: value.to(device) for name, value in pad(few).items()}
        packed = {name: value.to(device) for name, value in pack(few).items()}
        try:
            one, other = model(**padded).loss.item(), loss_of(model, packed, None).item()
        except (RuntimeError, TypeError, ValueError, IndexError):
            one, other = 0.0, 1.0  # a model that cannot do it disagrees
    model.train(was)
    return abs(one - other) <= NEAR * max(1.0, abs(one))
