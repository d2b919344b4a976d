"""One base, many results, rows answered together: every answer is the one its model gives alone, whatever happens beside it."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import Asked, alone, engine_for, made_run
from tinymodels import tiny_llama

from workbench.core.method import METHODS
from workbench.core.run import Run
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.models.facts import read_config
from workbench.models.loading import load_model, load_tuned

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"),
]
DICE = random.Random(5)
PROMPTS = [[DICE.randrange(3, 259) for _ in range(length)] for length in (5, 17, 9, 30, 3, 12, 24, 7)]
LIMITS = [4, 16, 12, 7, 20, 9, 14, 11]


class World:
    """A base without ends of its own, three LoRA runs on it (one with a checkpoint), and an engine."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root / "w")
        self.base = tiny_llama(root / "llama", initializer_range=0.3, eos_token_id=None, bos_token_id=None)
        self.runs = [
            made_run(self.workspace, self.base, seed=seed, step=5 if seed == 1 else None) for seed in (1, 2, 3)
        ]
        self.names = ["base", *(run.id for run in self.runs), f"{self.runs[0].id}@step-5"]
        self.engine = engine_for(self.workspace, self.runs[0])
        self.models: dict[str, Any] = {"base": load_model(self.base, TASKS.get("chat"), {}).eval()}
        self.models |= {run.id: load_tuned(run, self.base) for run in self.runs}

    def right(self, name: str, ids: list[int], limit: int) -> list[int]:
        """What the model of that name says alone."""
        return alone(self.models[name], ids, limit)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("engine"))
    yield made
    made.engine.end()


def test_rows_of_different_adapters_and_lengths_answer_together_as_alone(world: World) -> None:
    names = [world.names[place % 4] for place in range(8)]
    asked = [Asked(world.engine, *each) for each in zip(names, PROMPTS, LIMITS, strict=True)]
    assert [each.tokens() for each in asked] == [
        world.right(*each) for each in zip(names, PROMPTS, LIMITS, strict=True)
    ]
    said = {tuple(world.right(name, PROMPTS[0], 12)) for name in world.names[:4]}
    assert len(said) == 4, "the models must differ, or this test could not fail"


def test_the_base_stays_what_it_was_bit_by_bit(world: World) -> None:
    import torch

    Asked(world.engine, world.names[1], PROMPTS[0]).tokens()
    held = world.engine.holder.base
    with torch.inference_mode():
        ids = torch.tensor([PROMPTS[1]])
        assert torch.equal(held(ids).logits, world.models["base"](ids).logits)


def test_many_threads_at_once_get_their_own_answers(world: World) -> None:
    found: dict[int, bool] = {}

    def ask(number: int) -> None:
        name, ids = world.names[number % 4], PROMPTS[number % 8]
        found[number] = Asked(world.engine, name, ids, 8).tokens() == world.right(name, ids, 8)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert found == dict.fromkeys(range(12), True)


def test_the_same_prompt_asked_of_one_adapter_after_another_shares_nothing(world: World) -> None:
    for name in world.names[:4]:
        assert Asked(world.engine, name, PROMPTS[3]).tokens() == world.right(name, PROMPTS[3], 12)


def test_a_call_that_raises_costs_its_rows_and_leaves_no_hooks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from peft.tuners.lora import LoraLayer

    for name in world.names[1:3]:
        Asked(world.engine, name, PROMPTS[0], 1).tokens()
    mixed, once = world.engine.holder.mixed, [True]
    layer = next(part for part in mixed.model.modules() if isinstance(part, LoraLayer))
    real = layer.base_layer.forward

    def fails(*given: Any, **how: Any) -> Any:
        if once and once.pop():
            raise RuntimeError("out of luck")
        return real(*given, **how)

    monkeypatch.setattr(layer.base_layer, "forward", fails)
    both = [Asked(world.engine, name, PROMPTS[0], 30) for name in world.names[1:3]]
    with pytest.raises(RuntimeError, match="out of luck"):
        [each.tokens() for each in both]
    left = [part for part in mixed.model.modules() if isinstance(part, LoraLayer)]
    assert not any(part._forward_pre_hooks or "forward" in vars(part) for part in left)
    for name in world.names[:4]:
        assert Asked(world.engine, name, PROMPTS[0]).tokens() == world.right(name, PROMPTS[0], 12)


def test_a_checkpoint_answers_as_itself(world: World) -> None:
    first, later = world.names[4], world.names[1]
    assert world.engine.holder.roster.names()[:2] == ["base", "tuned"]
    assert set(world.names) <= set(world.engine.holder.roster.names())
    assert Asked(world.engine, first, PROMPTS[0]).tokens() != Asked(world.engine, later, PROMPTS[0]).tokens()


def test_a_seed_is_kept_whoever_shares_the_batch(world: World) -> None:
    how: dict[str, Any] = {"temperature": 1.0, "seed": 7, "top_p": 0.9, "top_k": 40}
    single = Asked(world.engine, world.names[1], PROMPTS[2], 20, **how).tokens()
    crowd = [
        Asked(world.engine, name, ids, 20, temperature=1.0) for name, ids in zip(world.names, PROMPTS, strict=False)
    ]
    again = Asked(world.engine, world.names[1], PROMPTS[2], 20, **how).tokens()
    other = Asked(world.engine, world.names[1], PROMPTS[2], 20, **{**how, "seed": 8}).tokens()
    [each.tokens() for each in crowd]
    assert single == again != other


def test_answers_wait_while_the_device_is_wanted_and_go_on_where_they_were(world: World) -> None:
    asked = [Asked(world.engine, name, ids, 40) for name, ids in zip(world.names[:4], PROMPTS, strict=False)]
    first = asked[0].news.get(timeout=60)[1]
    world.engine.go_away("some run")
    until(lambda: world.engine.away == "some run")
    assert world.engine.holder.base is None
    assert world.engine.waiting >= 1
    late = Asked(world.engine, "base", PROMPTS[5])
    assert world.engine.place(late.ask) == world.engine.waiting
    world.engine.go_away("")
    said = [each.tokens() for each in asked[1:]]
    assert said == [world.right(*each, 40) for each in zip(world.names[1:4], PROMPTS[1:], strict=False)]
    assert [first, *rest(asked[0])] == world.right("base", PROMPTS[0], 40)
    assert late.tokens() == world.right("base", PROMPTS[5], 12)


def rest(asked: Asked) -> list[int]:
    found = []
    while (token := asked.news.get(timeout=60)[1]) is not None:
        found.append(token)
    return found


def until(true: Any) -> None:
    tick, deadline = threading.Event(), 1200
    while not true():
        deadline -= 1
        assert deadline, "it never came true"
        tick.wait(0.05)


def test_an_answer_that_nobody_wants_ends(world: World) -> None:
    asked = Asked(world.engine, "base", PROMPTS[0], 400)
    asked.news.get(timeout=60)
    world.engine.withdraw(asked.ask)
    assert len(rest(asked)) < 395
    until(lambda: not world.engine._tables)


def test_the_least_recently_used_goes_first_and_never_one_that_answers(world: World) -> None:
    size = sum(path.stat().st_size for path in world.runs[0].tuned.glob("*.safetensors"))
    engine = engine_for(world.workspace, world.runs[0], room=int(2.2 * size))
    one, two, three = world.names[1:4]
    for name in (one, two, one, three):
        Asked(engine, name, PROMPTS[0], 2).tokens()
    assert list(engine.holder.voices) == [one, three]
    long = [Asked(engine, name, PROMPTS[0], 60) for name in (one, three)]
    short = Asked(engine, two, PROMPTS[0], 2)
    assert [each.tokens() for each in (*long, short)] == [
        world.right(name, PROMPTS[0], limit) for name, limit in ((one, 60), (three, 60), (two, 2))
    ]
    assert two in engine.holder.voices
    engine.holder.room = size // 2
    engine.holder.voices.clear()
    with pytest.raises(Exception, match="MB beside the base"):
        Asked(engine, three, PROMPTS[0]).tokens()
    engine.end()


def test_a_run_that_went_on_answers_with_its_newer_result(world: World) -> None:
    import shutil

    run, other = (made_run(world.workspace, world.base, seed=seed) for seed in (21, 22))
    before = Asked(world.engine, run.id, PROMPTS[0]).tokens()
    later = Asked(world.engine, other.id, PROMPTS[0]).tokens()
    shutil.copytree(other.tuned, run.tuned, dirs_exist_ok=True)
    assert before != Asked(world.engine, run.id, PROMPTS[0]).tokens() == later


def test_a_model_that_cannot_share_a_batch_answers_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.serve.holder.agrees", lambda *given: False)
    engine = engine_for(world.workspace, world.runs[0])
    asked = [Asked(engine, name, ids) for name, ids in zip(world.names[:4], PROMPTS, strict=False)]
    assert [each.tokens() for each in asked] == [
        world.right(name, ids, 12) for name, ids in zip(world.names[:4], PROMPTS, strict=False)
    ]
    engine.end()


@pytest.mark.parametrize("kind", METHODS.kinds())
def test_every_method_is_served_from_the_one_base(world: World, kind: str) -> None:
    import torch

    method, config = METHODS.get(kind), read_config(world.base)
    if method.fits(TASKS.get("chat"), config):
        pytest.skip("does not fit this model")
    if kind == "qlora":
        pytest.skip("another base: see the test below")
    run = made_run(world.workspace, world.base, kind, seed=4)
    asked = [Asked(world.engine, run.id, ids) for ids in PROMPTS[:3]]
    asked.append(Asked(world.engine, "base", PROMPTS[0]))
    said = [each.tokens() for each in asked]
    tuned = load_tuned(run, world.base)
    wanted = [alone(tuned, ids) for ids in PROMPTS[:3]]
    assert said == [*wanted, world.right("base", PROMPTS[0], 12)]
    assert wanted[0] != world.right("base", PROMPTS[0], 12)
    for name, value in world.models["base"].named_parameters():
        assert torch.equal(value, dict(world.engine.holder.base.named_parameters())[name]), name


def test_runs_on_another_base_are_no_names_here(world: World, tmp_path: Path) -> None:
    other = made_run(world.workspace, tiny_llama(tmp_path / "other", hidden_size=16))
    unfinished = Run(world.workspace.runs / "none")
    names = world.engine.holder.roster.names()
    assert other.id not in names
    assert unfinished.id not in names


def test_a_quantised_run_is_served_from_its_own_base(world: World, tmp_path: Path) -> None:
    base = tiny_llama(
        tmp_path / "wide", hidden_size=64, intermediate_size=128, initializer_range=0.3, eos_token_id=None
    )
    plain, run = (made_run(world.workspace, base, kind, seed=5) for kind in ("lora", "qlora"))
    engine = engine_for(world.workspace, run)
    assert plain.id not in engine.holder.roster.names()
    said = [Asked(engine, name, PROMPTS[1]).tokens() for name in ("tuned", "base")]
    engine.end()
    assert said[0] == alone(load_tuned(run, base), PROMPTS[1]) != said[1]
