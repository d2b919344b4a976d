"""Answers of a model that cannot share a batch (it keeps something else than keys and values): transformers' own `generate`, one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from workbench.serve.asks import Ask
from workbench.serve.sampling import Likely, choose, likely


class _Draw(LogitsProcessor):
    """Leaves only the token that our own sampling chose, and tells it."""

    def __init__(self, ask: Ask, heard: Callable[[Ask, int, Likely | None], bool]) -> None:
        self.ask, self.heard, self.goes_on = ask, heard, True

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        how = self.ask.dice.how
        token = choose(scores, [self.ask.dice])[0]
        probable = likely(scores[0], token, how.top_logprobs) if how.logprobs else None
        self.goes_on = self.heard(self.ask, token, probable)
        only = torch.full_like(scores, -torch.inf)
        only[0, token] = 0
        return only


class _Stop(StoppingCriteria):
    def __init__(self, wanted: Callable[[], bool]) -> None:
        self.wanted = wanted

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        return torch.full((input_ids.shape[0],), self.wanted(), dtype=torch.bool, device=input_ids.device)


def answer_alone(
    model: Any, ask: Ask, heard: Callable[[Ask, int, Likely | None], bool], wanted_away: Callable[[], bool]
) -> bool:
    """The whole answer; it ends at the next token when it is not wanted any more. True when it was interrupted and is to go on later."""
    prompt = torch.tensor([ask.ids], device=model.device)
    draw = _Draw(ask, heard)
    model.generate(
        input_ids=prompt, attention_mask=torch.ones_like(prompt), logits_processor=LogitsProcessorList([draw]),
        generation_config=GenerationConfig(max_new_tokens=ask.limit - len(ask.dice.said), do_sample=False, pad_token_id=0),
        stopping_criteria=StoppingCriteriaList([_Stop(lambda: not draw.goes_on or wanted_away())]),
    )  # fmt: skip
    return draw.goes_on
