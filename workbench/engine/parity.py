"""Does an export say what the run says? Token ids, then logits, then greedy answers, then the task's metric, on the same held-out rows.

Limits are of EVALUATE.md's kind: the largest difference of logits, measured against their size (the root mean square of the run's logits,
at least 1), because rounding grows with the numbers. What the figures mean says workbench.engine.parity_word. What it does not know:
whether the run itself is any good.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench.core.files import read_json, write_json
from workbench.core.task import learned
from workbench.core.text import Text
from workbench.engine.paired import by_chance
from workbench.engine.parity_word import HELDOUT, SAMPLE, judged, sentence
from workbench.engine.source import Source
from workbench.engine.taking import REFERENCE, Export

PROMPTS, PLACES, ANSWERED, NEW = 20, 8, 8, 24
"""Prompts compared, positions of each whose logits are kept, prompts answered in words, and tokens of an answer."""
ANSWERS = ("labels", "start_positions", "end_positions")


@dataclass
class Sayings:
    """What a model said: the token ids it was given, its logits (a tensor of (positions, choices) per prompt), its greedy answers, its
    scores and the goodness of every row."""

    tokens: list[dict[str, Any]]
    logits: list[Any]
    answers: list[str]
    scores: dict[str, float]
    gains: list[float]


def sayings(source: Source, section: Any, model: Any, tokenizer: Any) -> Sayings:
    """Ask a model everything; what another dataset's rows would score says nothing of a run, so it is not asked."""
    rows = source.heldout[: section.check_rows]
    inputs = source.task.encode(rows[:PROMPTS], tokenizer, source.recipe.task, model).inputs[:PROMPTS]
    judge = asker(source, model, tokenizer)
    logits = [asked(source, model, row) for row in inputs]
    tokens = [{name: value for name, value in row.items() if isinstance(value, list)} for row in inputs]
    heard = Sayings(tokens, logits, answers(judge, inputs, logits), {}, [])
    if not source.foreign:
        said = source.task.predict(rows, judge)
        heard.scores, heard.gains = source.task.score(rows, said), list(map(float, source.task.gains(rows, said)))
    return heard


def asker(source: Source, model: Any, tokenizer: Any) -> Any:
    """A judge over a model, without samples to show."""
    from workbench.engine.evaluation import Judge

    wanted, batch = source.recipe.evaluation, source.recipe.training.per_device_train_batch_size
    device = str(getattr(model, "device", "cpu"))
    return Judge(model, tokenizer, source.recipe.task, device, max(8, batch), 0, wanted.generated, NEW)


def asked(source: Source, model: Any, row: dict[str, Any]) -> Any:
    """Logits of one prompt, alone in its batch, at its last positions: (positions, choices) in fp32 on the CPU."""
    import torch

    paired = bool(getattr(model.config, "is_encoder_decoder", False)) and isinstance(row.get("labels"), list)
    dropped = ANSWERS[1:] if paired and source.task.peft_type == "SEQ_2_SEQ_LM" else ANSWERS
    given = {name: torch.tensor([value], device=getattr(model, "device", "cpu")) for name, value in row.items() if name not in dropped}  # fmt: skip
    with torch.inference_mode():
        made = model(**given)
    if "start_logits" in made:
        return torch.cat([made["start_logits"], made["end_logits"]]).float().cpu()
    found = made["logits"][0].float().cpu()
    return found[-PLACES:] if found.dim() > 1 else found[None]


def answers(judge: Any, inputs: list[dict[str, Any]], logits: list[Any]) -> list[str]:
    """Greedy answers of a model that generates; the likeliest choices of another."""
    if not getattr(judge.model, "generation_config", None) or not judge.model.can_generate():
        return [" ".join(map(str, each.argmax(-1).tolist())) for each in logits]
    return list(judge.generate([_question(row) for row in inputs[:ANSWERED]]))


def _question(row: dict[str, Any]) -> list[int]:
    """What stands before the first answer; half of a row that is learned from its beginning."""
    marks = learned(row)
    first = marks.index(True) if True in marks else len(marks)
    return list(row["input_ids"][: first if first > 1 else max(1, len(marks) // 2)])


def keep(source: Source, section: Any, full: bool, folder: Path) -> None:
    """What the run itself says, on disk for the process that checks. A run trained on a quantised base is scored as it was trained, too."""
    from safetensors.torch import save_file

    tokenizer = source.tokenizer()
    said = sayings(source, section, source.tuned(full=full), tokenizer)
    folder.mkdir(parents=True)
    save_file(
        {str(place): each.contiguous() for place, each in enumerate(said.logits)}, str(folder / "logits.safetensors")
    )
    told = {name: value for name, value in asdict(_bare(said)).items() if name != "logits"}
    if source.method.quantised and full and not source.foreign:
        rows = source.heldout[: section.check_rows]
        judge = asker(source, source.tuned(), tokenizer)
        told["trained"] = source.task.score(rows, source.task.predict(rows, judge))
    write_json(folder / "said.json", told)


def _bare(said: Sayings) -> Sayings:
    """Without logits, so that nothing large is copied."""
    return Sayings(said.tokens, [], said.answers, said.scores, said.gains)


def kept(folder: Path) -> tuple[Sayings, dict[str, float] | None]:
    """The same, back; and the scores as trained, where the base was quantised."""
    from safetensors.torch import load_file

    told, found = read_json(folder / "said.json"), load_file(str(folder / "logits.safetensors"))
    trained = told.pop("trained", None)
    return Sayings(logits=[found[str(place)] for place in range(len(found))], **told), trained


def check(export: Export, source: Source, section: Any, folder: Path) -> dict[str, Any]:
    """Reload and compare; what parity.json says."""
    if not export.model:
        return without_model(export.further(source, section, folder, None))
    reference, trained = kept(folder / REFERENCE)
    model, tokenizer = export.reload(source, section, folder)
    said = sayings(source, section, model, tokenizer)
    facts = compare(source, reference, said)
    facts |= {"limit": export.limit(section), "margin": export.margin(section), "trained": trained}
    facts["further"] = export.further(source, section, folder, model)
    return judged(facts)


def without_model(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Files that hold no model are right or wrong by their own lines alone."""
    wrong = [line["what"] for line in lines if not line["ok"]]
    same = all(line.get("same", True) for line in lines)
    word = "broken" if wrong else ("equal" if same else "close") if lines else "apart"
    why = Text("; ".join(each[0] for each in wrong), "；".join(each[1] for each in wrong))
    return {"word": word, "sentence": sentence(word, why), "further": lines}


def compare(source: Source, run: Sayings, export: Sayings) -> dict[str, Any]:
    """Figures only; none of a metric where there is none."""
    main = source.task.headline(run.scores) if run.scores else None
    paired = len(run.gains) == len(export.gains)
    facts: dict[str, Any] = {
        "asked": SAMPLE if source.foreign else HELDOUT, "tokens": run.tokens == export.tokens, "prompts": len(run.logits),
        "max_delta": None, "scale": None, "kl": None, "alike": None,
        "answers": _share(run.answers, export.answers), "answered": len(run.answers), "metric": main,
        "before": run.scores[main] if main else None, "after": export.scores.get(main, math.nan) if main else None,
        "rows": len(run.gains) if paired else 0, "p": _p(run.gains, export.gains),
    }  # fmt: skip
    return facts | (_logits(run, export) if facts["tokens"] else {})


def _logits(run: Sayings, export: Sayings) -> dict[str, Any]:
    """How far logits are apart; nothing where there are none, or they do not fit."""
    import torch

    sides = list(zip(run.logits, export.logits, strict=False))
    if not sides or len(run.logits) != len(export.logits) or any(a.shape != b.shape for a, b in sides):
        return {}
    old, new = (torch.cat([each.flatten() for each in side]) for side in zip(*sides, strict=True))
    firsts = torch.cat([a.argmax(-1) == b.argmax(-1) for a, b in sides]).float()
    return {
        "max_delta": float((old - new).abs().max()),
        "scale": max(1.0, float(old.square().mean().sqrt())),
        "kl": max(0.0, float(torch.cat([_kl(a, b) for a, b in sides]).mean())),
        "alike": float(firsts.mean()) if sides[0][0].shape[-1] > 1 else None,
    }


def _kl(old: Any, new: Any) -> Any:
    """Kullback–Leibler divergence of every position, in nats."""
    a, b = old.log_softmax(-1), new.log_softmax(-1)
    return (a.exp() * (a - b)).sum(-1)


def _share(old: list[str], new: list[str]) -> float:
    return sum(a == b for a, b in zip(old, new, strict=False)) / max(1, len(old))


def _p(old: list[float], new: list[float]) -> float:
    return by_chance(old, new) if len(old) == len(new) and old else 1.0
