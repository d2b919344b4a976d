"""Does an export say what the run says? Token ids, then logits, then greedy answers, then the task's metric, on the same held-out rows.

Limits are of EVALUATE.md's kind: the largest difference of logits, measured against their size (the root mean square of the run's logits,
at least 1), because rounding grows with the numbers. A metric counts as worse when it fell by more than a margin and by more than chance
would do. What it does not know: whether the run itself is any good.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench.core.files import read_json, write_json
from workbench.core.metric import METRICS
from workbench.core.task import learned
from workbench.core.text import Text
from workbench.engine.paired import by_chance
from workbench.engine.source import Source
from workbench.engine.taking import REFERENCE, WORDS, Export
from workbench.engine.verdict import LEVEL

PROMPTS, PLACES, ANSWERED, NEW = 20, 8, 8, 24
"""Prompts compared, positions of each whose logits are kept, prompts answered in words, and tokens of an answer."""
SAME = 1e-4
"""Largest difference of logits, against their size, that is rounding of fp32 alone."""
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
    """Ask a model everything."""
    rows = source.heldout[: section.check_rows]
    inputs = source.task.encode(rows[:PROMPTS], tokenizer, source.recipe.task, model).inputs[:PROMPTS]
    judge = asker(source, model, tokenizer)
    logits = [asked(source, model, row) for row in inputs]
    said = source.task.predict(rows, judge)
    return Sayings(
        [{name: value for name, value in row.items() if isinstance(value, list)} for row in inputs],
        logits,
        answers(judge, inputs, logits),
        source.task.score(rows, said),
        [float(gain) for gain in source.task.gains(rows, said)],
    )


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
    if source.method.quantised and full:
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
    return {"word": word, "sentence": _said(word, why), "further": lines}


def compare(source: Source, run: Sayings, export: Sayings) -> dict[str, Any]:
    """Figures only."""
    import torch

    same = run.tokens == export.tokens and len(run.logits) == len(export.logits)
    fits = same and all(a.shape == b.shape for a, b in zip(run.logits, export.logits, strict=True))
    main = source.task.headline(run.scores)
    facts: dict[str, Any] = {
        "tokens": same, "prompts": len(run.logits), "max_delta": None, "scale": None, "kl": None,
        "answers": _share(run.answers, export.answers), "answered": len(run.answers), "metric": main,
        "before": run.scores[main], "after": export.scores.get(main, math.nan), "rows": len(run.gains), "p": _p(run.gains, export.gains),
    }  # fmt: skip
    if fits and run.logits:
        old, new = (torch.cat([each.flatten() for each in side.logits]) for side in (run, export))
        facts["max_delta"] = float((old - new).abs().max())
        facts["scale"] = max(1.0, float(old.square().mean().sqrt()))
        facts["kl"] = max(
            0.0, float(torch.cat([_kl(a, b) for a, b in zip(run.logits, export.logits, strict=True)]).mean())
        )
    return facts


def _kl(old: Any, new: Any) -> Any:
    """Kullback–Leibler divergence of every position, in nats."""
    a, b = old.log_softmax(-1), new.log_softmax(-1)
    return (a.exp() * (a - b)).sum(-1)


def _share(old: list[str], new: list[str]) -> float:
    return sum(a == b for a, b in zip(old, new, strict=False)) / max(1, len(old))


def _p(old: list[float], new: list[float]) -> float:
    return by_chance(old, new) if len(old) == len(new) and old else 1.0


def judged(facts: dict[str, Any]) -> dict[str, Any]:
    """The word, and a sentence that says why."""
    reasons = _reasons(facts)
    word = "broken" if reasons else "equal" if _equal(facts) else "close"
    clean = {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in facts.items()}  # fmt: skip
    return {"word": word, "sentence": _said(word, _why(reasons, facts)), **clean}


def _reasons(facts: dict[str, Any]) -> list[Text]:
    """What is wrong, if anything."""
    delta, found = facts["max_delta"], []
    if not facts["tokens"]:
        found.append(Text("the same text becomes other token ids", "同一段文字得到不同的词元编号"))
    elif delta is None or not math.isfinite(delta):
        found.append(Text("its logits are no numbers, or of another shape", "输出不是有效数值，或形状不同"))
    elif facts["limit"] is not None and delta > facts["limit"] * facts["scale"]:
        found.append(Text(f"its logits differ by up to {delta:.2g}", f"logits 最多相差 {delta:.2g}"))
    if worse(facts):
        found.append(Text("it scores worse on held-out rows", "在留出数据上得分更差"))
    found += [line["wrong"] for line in map(_texts, facts["further"]) if not line["ok"]]
    return found


def _texts(line: dict[str, Any]) -> dict[str, Any]:
    return {"ok": line["ok"], "wrong": Text(*line["what"])}


def worse(facts: dict[str, Any]) -> bool:
    """By more than the margin and by more than chance."""
    old, new = facts["before"], facts["after"]
    if not math.isfinite(new):
        return math.isfinite(old)
    sign = 1 if METRICS.get(facts["metric"]).higher_is_better else -1
    lost = sign * (old - new) / max(1e-9, abs(old) if sign < 0 else 1.0)
    return bool(lost > facts["margin"] and facts["p"] < LEVEL)


def _equal(facts: dict[str, Any]) -> bool:
    near = math.isclose(facts["before"], facts["after"], rel_tol=1e-3, abs_tol=1e-3)
    return bool(facts["max_delta"] <= SAME * facts["scale"] and facts["answers"] == 1.0 and near)


def _why(reasons: list[Text], facts: dict[str, Any]) -> Text:
    if reasons:
        return Text("; ".join(each.en for each in reasons), "；".join(each.zh for each in reasons))
    delta, share = facts["max_delta"], facts["answers"]
    return Text(
        f"logits differ by at most {delta:.2g}, {share:.0%} of the greedy answers are the same",
        f"logits 最多相差 {delta:.2g}，{share:.0%} 的贪心解码回答相同",
    )


def _said(word: str, why: Text) -> dict[str, str]:
    said = WORDS[word]
    return {"en": f"{said.en}: {why.en}" if why.en else said.en, "zh": f"{said.zh}：{why.zh}" if why.zh else said.zh}
