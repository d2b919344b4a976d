"""A search: offered ranges, its memory, trials that are runs, hopeless ones, a killed searcher, the untouched half, promotion."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from engineruns import work
from fewrows import LABELS, wait, write_rows

from workbench.core import run as runs
from workbench.core.errors import UserError
from workbench.core.events import Event, EventWriter
from workbench.core.method import METHODS
from workbench.core.recipe import Recipe, parse
from workbench.core.run import Run
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.engine import budget, journal, search, search_space, searcher, supervisor, trials
from workbench.engine.material import gather
from workbench.engine.search import Plan, Search
from workbench.engine.search_space import Range
from workbench.ui.draft import Draft

Make = Callable[..., Recipe]
IN_PROCESS = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
RATES = Range("training.learning_rate", 1e-6, 1e-1, log=True)


@pytest.fixture
def base(workspace: Workspace, recipe: Make, tmp_path: Path) -> Recipe:
    """Ten steps over enough rows to halve what is held out."""
    rows = [{"text": f"{LABELS[i % 2]} film {i}", "label": LABELS[i % 2]} for i in range(60)]
    write_rows(workspace, tmp_path / "more.jsonl", rows)
    return recipe(data__validation=0.4, training__max_steps=10, evaluation__samples=0, evaluation__baseline=False)


def recipe_of(task: str, method: str) -> Recipe | None:
    if METHODS.get(method).fits(TASKS.get(task)):
        return None
    values = {"task": task, "method": method, "training": METHODS.get(method).suggests and {"learning_rate": METHODS.get(method).suggests[search_space.RATE]}}  # fmt: skip
    return parse(values)


@pytest.mark.parametrize("method", METHODS.kinds())
@pytest.mark.parametrize("task", TASKS.kinds())
def test_what_is_offered_fits_every_task_and_method_and_is_never_the_seed(task: str, method: str) -> None:
    recipe = recipe_of(task, method)
    if recipe is None:
        return
    assert not [path for path in search_space.searchable(recipe) if "seed" in path or path.startswith("data")]
    ranges = search_space.offered(recipe)
    assert search_space.RATE in [each.path for each in ranges]
    for each in ranges:
        own = search_space.value_of(recipe, each.path)
        assert each.near(own) == own
        for value in each.choices or (each.near(each.low), each.near(each.high)):
            recipe.replace({each.path: value})
        again = search_space.parse(recipe, f"{each.path}={each.said}")
        assert (again.path, again.log, len(again.choices)) == (each.path, each.log, len(each.choices))


def test_the_learning_rate_s_range_hangs_on_the_method() -> None:
    reach = {kind: search_space.rates(parse({"task": "chat", "method": kind})) for kind in ("full", "lora", "prefix-tuning", "prompt-tuning")}  # fmt: skip
    assert reach == {"full": (5e-6, 1e-4), "lora": (2e-5, 2e-3), "prefix-tuning": (1e-3, 1e-1), "prompt-tuning": (3e-3, 3e-1)}  # fmt: skip
    assert search_space.rates(parse({"task": "preference", "method": "lora"})) == (2e-6, 2e-4)
    assert search_space.rates(parse({"task": "translation", "method": "full"}), {"is_encoder_decoder": True}) == (5e-5, 1e-3)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("training.seed=1:40", "seed"), ("data.validation=0.1:0.5", "cannot be searched"), ("training.nothing=1,2", "cannot be searched"),
        ("training.learning_rate=1e-3:1e-5", "range"), ("training.learning_rate=0:1e-3:log", "range"), ("method.rank=0:8", "rank"),
        ("training.learning_rate=a:b", "which values"), ("method.rank=8,many", "rank"), ("training.weight_decay=0:1:cubic", "which values"),
        ("task.kind=chat,reward", "cannot be searched"), ("training.save_steps=1:5", "cannot be searched"),
    ],
)  # fmt: skip
def test_a_knob_that_cannot_be_is_refused(recipe: Make, text: str, word: str) -> None:
    with pytest.raises(UserError, match=word) as caught:
        search_space.parse(recipe(), text)
    assert caught.value.text.zh


def test_knobs_are_read_as_they_are_written(recipe: Make) -> None:
    made = recipe(training__max_steps=-1)
    assert search_space.parse(made, "method.rank=4,8").choices == (4, 8)
    assert search_space.parse(made, "training.learning_rate=1e-4,2e-4").choices == (1e-4, 2e-4)
    assert search_space.parse(made, "method.rank=4:8").whole
    assert search_space.parse(made, "training.num_train_epochs=1:3").whole
    assert set(search_space.parse(made, "method.use_rslora").choices) == {True, False}
    assert search_space.parse(made, "task.class_weights=true,false").choices == (True, False)


def test_alpha_follows_the_rank(recipe: Make) -> None:
    assert search_space.settled(recipe(), {"method.rank": 4}).method.lora_alpha == 8  # type: ignore[attr-defined]
    assert search_space.settled(recipe(), {"method.rank": 4, "method.lora_alpha": 5}).method.lora_alpha == 5  # type: ignore[attr-defined]


def test_a_torn_line_of_the_journal_is_skipped(tmp_path: Path) -> None:
    study = journal.opened(tmp_path)
    study.tell(study.ask(), 1.0)
    with (tmp_path / journal.FILE).open("ab") as stream:
        stream.write(b'{"op_code": 4, "worker_')
    again = journal.opened(tmp_path)
    again.tell(again.ask(), 2.0)
    assert [each.value for each in journal.looked_into(tmp_path).trials] == [1.0, 2.0]


def test_the_halves_are_apart_and_together_all(workspace: Workspace, base: Recipe) -> None:
    parts = {part: gather(workspace, base.replace({"evaluation.part": part})) for part in ("all", "selection", "untouched")}  # fmt: skip
    texts = {part: {row["text"] for row in made.heldout} for part, made in parts.items()}
    assert not texts["selection"] & texts["untouched"]
    assert texts["selection"] | texts["untouched"] == texts["all"]
    assert all(made.train == parts["all"].train for made in parts.values())
    assert {row["label"] for row in parts["untouched"].heldout} == set(LABELS)


def test_time_is_counted_while_it_searches() -> None:
    times = [("started", 0.0), ("trial", 10.0), ("started", 1000.0), ("told", 1005.0)]
    assert budget.spent([Event(kind, 1e6 + at) for kind, at in times]) == 15.0


class Pretended:
    """A trial's run in a state of our choice."""

    def __init__(self, status: str) -> None:
        self.status = status


def test_only_hours_in_which_a_trial_runs_count_and_they_go_on_in_the_next_process(base: Recipe, begin: Callable[[Plan], searcher.Searcher], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    now = [0.0]
    made = begin(Plan(base, (RATES,), trials=0, hours=2))
    known(made, 1)
    monkeypatch.setattr("workbench.engine.budget.clock.up", lambda: now[0])
    for status, more in (("queued", True), ("running", True), ("queued", True), ("running", False)):
        made.going = {1: (made.study.ask(), Pretended(status))}  # type: ignore[dict-item]
        now[0] += 3600
        made.count()
        assert made.more() is more
    assert made.budget.seconds == 7200
    assert budget.used(made.search.process.events()[0]) == 7200


def test_a_trial_that_runs_when_the_hours_are_over_is_ended_unless_it_is_the_only_one(base: Recipe, begin: Callable[[Plan], searcher.Searcher], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(supervisor, "launch_next", lambda workspace: None)
    made = begin(Plan(base, (RATES,), trials=0, hours=1))
    made.begin(made.ask())
    number, (_, run) = next(iter(made.going.items()))
    made.budget.seconds = 3601
    made.count()
    made.look(number)
    assert number in made.going
    known(made, 1)
    made.count()
    made.look(number)
    assert (search.trials(made.search)[number].state, run.status, made.going) == ("pruned", "stopped", {})
    assert not made.more()


def test_a_trial_never_gets_shorter_rows_to_fit_into_memory(base: Recipe, begin: Callable[[Plan], searcher.Searcher]) -> None:  # fmt: skip
    made = begin(Plan(base, (RATES,), trials=2))
    for number, settings in enumerate(({"training.per_device_train_batch_size": 2}, {"training.per_device_train_batch_size": 1}, {"training.per_device_train_batch_size": 1, "training.gradient_checkpointing": True})):  # fmt: skip
        run = made.make(number, base.replace(settings))
        writer = EventWriter(run.events_path)
        writer.write("failed", en="The memory ran out.", zh="内存不足。", field=None, cause="memory")
        writer.close()
        trial = made.study.ask()
        assert made.smaller(trial, run) is (number < 2)
        if number < 2:
            again = made.going[trial.number][1].recipe
            assert again.task == base.task
            assert again != run.recipe


def test_what_is_promoted_is_in_the_pieces_that_fitted(workspace: Workspace, base: Recipe, begin: Callable[[Plan], searcher.Searcher]) -> None:  # fmt: skip
    made = begin(Plan(base, (RATES,), trials=1))
    trial = made.ask()
    RATES.suggest(trial)
    run = made.make(0, base.replace({"training.per_device_train_batch_size": 2, "training.gradient_accumulation_steps": 2}))  # fmt: skip
    trial.set_user_attr("run", run.id)
    made.study.tell(trial, 0.9)
    promoted = search.promoted(made.search).training
    assert (promoted.per_device_train_batch_size, promoted.gradient_accumulation_steps) == (2, 2)
    runs.remove(run)
    assert search.promoted(made.search).training.per_device_train_batch_size == 4


def test_the_nearest_choice_is_taken() -> None:
    ranks = Range("method.rank", choices=(4, 8, 16))
    assert [ranks.near(value) for value in (1, 4, 7, 32)] == [4, 4, 8, 16]
    assert Range("training.lr_scheduler_type", choices=("linear", "cosine")).near("constant") == "linear"


def folder(workspace: Workspace, plan: Plan) -> Search:
    """A search whose process is this one."""
    import yaml

    made = Search(workspace.root / "searches" / "2026-01-01-000000-few-abcd")
    made.folder.mkdir(parents=True)
    (made.folder / "search.yaml").write_text(yaml.safe_dump(search.check(workspace, plan).dump()), encoding="utf-8")
    return made


@pytest.fixture
def begin(workspace: Workspace) -> Iterator[Callable[[Plan], searcher.Searcher]]:
    """Makes a searcher in this process."""
    writers: list[EventWriter] = []

    def make(plan: Plan) -> searcher.Searcher:
        made = folder(workspace, plan)
        writers.append(EventWriter(made.process.events_path))
        return searcher.Searcher(made, writers[-1])

    yield make
    for writer in writers:
        writer.close()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is queued is trained at once, in this process."""

    def launch(workspace: Workspace) -> None:
        for run in runs.all_runs(workspace):
            if run.status == "queued":
                work(run)
                writer = EventWriter(run.events_path)
                writer.write("finished")
                writer.close()

    monkeypatch.setattr(supervisor, "launch_next", launch)
    monkeypatch.setattr(searcher, "EVERY", 0.0)


@pytest.mark.slow
@IN_PROCESS
@pytest.mark.usefixtures("here")
def test_a_search_finds_the_best_of_its_trials_and_scores_it_on_untouched_rows(workspace: Workspace, base: Recipe, begin: Callable[[Plan], searcher.Searcher], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    made = begin(Plan(base, (RATES, Range("method.rank", choices=(2, 4))), trials=3))
    monkeypatch.setattr(searcher, "rescored", lambda workspace, run: rescore_here(workspace, run))
    assert searcher.guarded(made) == 0
    told, result = search.trials(made.search), made.search.result
    assert result is not None
    assert [each.state for each in told] == ["complete"] * 3
    assert result["trials"] == 3
    assert result["selection"]["score"] == max(each.score or 0.0 for each in told)
    assert result["best"]["values"] == told[result["best"]["trial"]].values
    assert told[0].values == {"training.learning_rate": base.training.learning_rate, "method.rank": 4}
    assert all(sorted(each.looks) == [1, 2, 3, 4, 5] for each in told)
    untouched = {row["text"] for row in gather(workspace, base.replace({"evaluation.part": "untouched"})).heldout}
    for each in told:
        run = runs.find(workspace, each.run)
        assert json.loads((run.folder / search.TRIAL).read_text()) == {"search": made.search.id, "trial": each.number}
        assert not untouched & {row["text"] for row in gather(workspace, run.recipe).heldout}
        assert run.tuned.is_dir() == (each.number == result["best"]["trial"])
        assert not run.checkpoints.exists()
        assert run.recipe.training.seed == base.training.seed
    assert result["untouched"]["rows"] == len(untouched)
    promoted = search.promoted(made.search)
    assert promoted == parse(promoted.dump())
    assert promoted.training.learning_rate == result["best"]["values"]["training.learning_rate"]
    assert (promoted.evaluation.part, promoted.training.eval_steps, promoted.name) == ("all", 0, "")
    draft = Draft(workspace)
    draft.put(promoted.dump())
    assert draft.recipe() == promoted


def rescore_here(workspace: Workspace, run: Run) -> dict[str, Any]:
    from workbench.engine.rescore import score

    return score(workspace, {"run": run.id, "part": "untouched"})


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_trials_that_cannot_be_made_end_the_search_with_a_sentence(base: Recipe, begin: Callable[[Plan], searcher.Searcher]) -> None:  # fmt: skip
    made = begin(Plan(base.replace({"method.target_modules": "nowhere"}), (RATES,), trials=9))
    made.make = lambda number, recipe: failed(type(made).make(made, number, recipe))  # type: ignore[method-assign]
    assert searcher.guarded(made) == 2
    assert [each.state for each in search.trials(made.search)] == ["fail"] * searcher.HOPELESS
    assert made.search.status == "failed"
    assert "no such module" in str(made.search.process.events()[0][-1].get("en"))


def failed(run: Run) -> Run:
    writer = EventWriter(run.events_path)
    writer.write("failed", en="no such module", zh="没有这个模块", field="method.target_modules")
    writer.close()
    return run


@pytest.mark.parametrize("kind", ["median", "asha"])
def test_a_hopeless_trial_is_pruned_by_its_share_of_the_steps(workspace: Workspace, base: Recipe, begin: Callable[[Plan], searcher.Searcher], monkeypatch: pytest.MonkeyPatch, kind: str) -> None:  # fmt: skip
    """Four good trials are known; the fifth has twice as many steps and no hope, and is ended at the same share of them."""
    monkeypatch.setattr(supervisor, "launch_next", lambda workspace: None)
    made = begin(Plan(base, (RATES,), trials=8, pruner=kind))
    known(made, 4)
    made.begin(made.ask())
    number, (_, run) = next(iter(made.going.items()))
    assert number == 4
    run.claim(psutil.Process())  # it seems to run
    cancelled: list[Run] = []
    monkeypatch.setattr(supervisor, "cancel", cancelled.append)
    with_events(run, (4, 20, 0.9))
    made.look(number)
    assert (number in made.going, cancelled) == (True, [])  # a fifth of the way is too early
    with_events(run, (8, 20, 0.9))
    made.look(number)
    assert cancelled == [run]
    last = search.trials(made.search)[-1]
    assert (last.state, last.looks) == ("pruned", {1: 0.9, 2: 0.9})
    assert made.study.best_trial.number < 4


def test_too_few_trials_are_never_pruned(base: Recipe) -> None:
    names = [type(trials.pruner(Plan(base, (RATES,), trials=count, pruner=kind))).__name__ for count, kind in ((7, "median"), (8, "median"), (0, "asha"), (9, "none"))]  # fmt: skip
    assert names == ["NopPruner", "MedianPruner", "SuccessiveHalvingPruner", "NopPruner"]


def known(made: searcher.Searcher, count: int) -> None:
    """Trials that went well."""
    for number in range(count):
        trial = made.ask()
        RATES.suggest(trial)
        for place in range(1, trials.LOOKS + 1):
            trial.report(-0.1 - number / 1000, place)
            trial.should_prune()
        made.study.tell(trial, 0.9)


def with_events(run: Run, *points: tuple[int, int, float]) -> None:
    writer = EventWriter(run.events_path)
    for step, total, loss in points:
        writer.write("step", step=step, total=total, loss=loss)
        writer.write("eval", step=step, loss=loss)
    writer.close()


def test_a_trial_s_steps_are_looked_at_about_five_times(workspace: Workspace, base: Recipe) -> None:
    made = folder(workspace, Plan(base.replace({"training.max_steps": -1}), (RATES,), trials=2))
    for values, steps in (({"training.num_train_epochs": 3.0}, 27), ({"training.per_device_train_batch_size": 8}, 15)):
        recipe = trials.recipe_of(made, values, 36, 1)
        assert recipe.training.eval_steps == steps // trials.LOOKS
        assert recipe.name == made.name(1)
    with_events(run := runs.create(workspace, base), (5, 27, 1.0), (10, 27, 0.9), (27, 27, 0.2))
    assert trials.looks(run) == {1: 1.0, 2: 0.9, 5: 0.2}


@pytest.mark.slow
def test_a_killed_searcher_goes_on_and_no_trial_is_done_twice(workspace: Workspace, base: Recipe) -> None:
    """SIGKILL while the second of two trials trains; its worker is killed, too; both go on. Real processes throughout."""
    plan = Plan(base.replace({"training.max_steps": 40, "training.save_steps": 5}), (RATES,), trials=2, pruner="none")
    made = search.start(workspace, plan)

    def second() -> Run | None:
        return trials.find_run(workspace, made, 1)

    until(lambda: (run := second()) is not None and any(event.kind == "checkpoint" for event in run.events()[0]))
    process = made.process.worker()
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    run = second()
    assert run is not None
    if (worker := run.worker()) is not None:
        os.kill(worker.pid, signal.SIGKILL)
    until(lambda: made.status == "lost" and run.status in ("lost", "finished"))
    before = {each.number: each.run for each in search.trials(made)}
    search.resume(made)
    with pytest.raises(UserError):
        search.resume(made)
    assert wait(made.process) == "finished"
    told = search.trials(made)
    assert [(each.number, each.state) for each in told] == [(number, "complete") for number in range(2)]
    assert {number: told[number].run for number in before} == before
    assert len(runs.all_runs(workspace)) == 2
    assert len({json.dumps(each.values) for each in told}) == 2
    assert made.result is not None
    assert made.result["untouched"]["rows"] == 12


@pytest.mark.slow
def test_the_command_line_starts_stops_and_shows(workspace: Workspace, base: Recipe, tmp_path: Path) -> None:
    base.replace({"training.max_steps": 100_000}).save(tmp_path / "long.yaml")
    knob = ["--knob", "training.learning_rate=1e-4:1e-2:log"]
    ran = command(workspace, str(tmp_path / "long.yaml"), *knob, "--trials", "2", "--detach")
    made = search.find(workspace, ran.stdout.strip())
    until(lambda: any(run.status == "running" for run in runs.all_runs(workspace)))
    command(workspace, "stop", made.id)
    assert wait(made.process) == "stopped"
    assert wait(runs.all_runs(workspace)[0]) == "stopped"
    told = json.loads(command(workspace, "show", "last", "--json").stdout.splitlines()[-1])
    assert (told["search"], [each["state"] for each in told["trials"]]) == (made.id, ["running"])
    refused = command(workspace, str(tmp_path / "long.yaml"), "--knob", "training.seed=1:9", check=False)
    assert (refused.returncode, refused.stdout) == (2, "")


def command(workspace: Workspace, *words: str, check: bool = True) -> Any:
    line = [sys.executable, "-m", "workbench.cli", "search", *words, "--workspace", str(workspace.root)]
    return subprocess.run(line, capture_output=True, text=True, check=check)


def until(holds: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
