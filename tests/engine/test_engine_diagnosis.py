"""The failure doctor: every cause is found from what a run left behind, has a sentence in both languages, and a change that is a recipe."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from typing import Any

import pytest

from workbench.core.errors import NETWORK, UserError
from workbench.core.events import Event, EventWriter
from workbench.core.recipe import Recipe
from workbench.core.run import create
from workbench.core.workspace import Workspace
from workbench.engine import logcap
from workbench.engine.casebook import Evidence
from workbench.engine.diagnosis import CAUSES, diagnose, nothing_to_learn, standing_still
from workbench.engine.stage import NonFinite, Stage, Stopped
from workbench.engine.worker import explain, guarded
from workbench.engine.world import PeerLost
from workbench.ui.feed import Feed

Make = Callable[..., Recipe]


def steps(*losses: Any, kind: str = "step", total: int = 0) -> list[Event]:
    return [Event(kind, float(number), {"step": number, "loss": loss, "memory_mb": 900.0, "total": total}) for number, loss in enumerate(losses, 1)]  # fmt: skip


def failed(text: str, **facts: Any) -> list[Event]:
    return [Event("failed", 99.0, {"en": text, "zh": text, "field": None, **facts})]


OOM, NAN = explain(MemoryError()).en, explain(NonFinite(7, "loss")).en
LOST = explain(PeerLost("another process of the run has ended")).en
CLOSED = "[rank1]: RuntimeError: [pair.cc:534] Connection closed by peer [127.0.0.1]:41235\n"
FETCHING = Event("phase", 0.0, {"phase": "download"})
TRAIN = Event("phase", 0.0, {"phase": "train"})
FALLING = [2.0 - n / 20 for n in range(30)]
CASES: dict[str, tuple[str, list[Event], dict[str, Any], set[str]]] = {
    "out_of_memory": ("failed", [*steps(2, 2), *failed(OOM)], {}, {"training.per_device_train_batch_size", "training.gradient_accumulation_steps"}),
    "killed": ("lost", steps(2, 2), {"exit": -9}, {"training.per_device_train_batch_size", "training.gradient_accumulation_steps"}),
    "not_finite": ("failed", [*steps(2, 2), *failed(NAN, step=7)], {}, {"training.learning_rate", "training.max_grad_norm"}),
    "no_labels": ("finished", [Event("data", 0.0, {"train": 9, "cut": 9}), *steps(*[0.0] * 10)], {}, {"task.max_length"}),
    "disk_full": ("running", [*steps(2), Event("paused", 2.0, {"reason": "disk", "need_mb": 12})], {}, set()),
    "unreachable": ("failed", [FETCHING, *failed("…", cause=NETWORK, field="model.id")], {}, set()),
    "peer_lost": ("failed", failed(LOST, cause="peer"), {"log": CLOSED}, set()),
    "peer_killed": ("failed", failed(LOST, cause="peer"), {"log": "exitcode: -9\nSignal 9 (SIGKILL) received by PID 7"}, {"training.per_device_train_batch_size", "training.gradient_accumulation_steps"}),
    "hangs": ("running", [TRAIN, *steps(*FALLING)], {"now": 1000.0}, set()),
    "interrupted": ("lost", steps(2, 2), {}, set()),
    "recipe": ("failed", failed("compute.precision: …", field="compute.precision"), {}, set()),
    "rate_too_high": ("finished", steps(*[1 + n / 5 for n in range(30)]), {}, {"training.learning_rate"}),
    "over_fitting": ("finished", [*steps(*FALLING), *steps(1.0, 0.8, 0.9, 1.2, kind="eval")], {}, {"training.keep_best", "training.early_stopping_patience"}),
    "rate_too_low": ("finished", steps(*[0.7 + n % 2 / 1000 for n in range(40)]), {}, {"training.learning_rate"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_every_cause_is_found_and_its_change_is_a_recipe(kind: str, recipe: Make) -> None:
    status, events, more, changes = CASES[kind]
    base = recipe()
    found = [each for cause in CAUSES if (each := cause(Evidence(base, status, events, **more)))]
    assert [each.kind for each in found] == [kind]
    assert set(found[0].changes) == changes
    assert found[0].text.en
    assert found[0].text.zh
    if changes:
        assert base.replace(found[0].changes) != base


def test_a_healthy_run_has_no_finding(recipe: Make) -> None:
    seen = Evidence(recipe(), "finished", [*steps(*FALLING), *steps(1.0, 0.8, 0.7, kind="eval")], now=31.0)
    assert [cause(seen) for cause in CAUSES if cause(seen)] == []
    assert all(cause(Evidence(recipe(), "running", steps(*FALLING), now=31.0)) is None for cause in CAUSES)


def test_a_curve_says_nothing_before_warm_up_and_a_part_of_the_plan_are_over(recipe: Make) -> None:
    for losses in ([2.31 - 0.0004 * n for n in range(30)], [2.31 + n / 10 for n in range(20)]):
        events = steps(*losses, total=100)
        for made in (recipe(), recipe(training__warmup_steps=30)):
            assert [cause(Evidence(made, "running", events, now=31.0)) for cause in CAUSES].count(None) == len(CAUSES)


SCORING = [TRAIN, *steps(*FALLING), Event("phase", 31.0, {"phase": "evaluate"})]
READY = [Event("phase", 0.0, {"phase": "load"})]
SAVING = [TRAIN, *steps(*[0.5] * 200)]


@pytest.mark.parametrize(
    ("events", "silent", "hangs"),
    [(SCORING, 65, False), (SCORING, 700, True), (READY, 700, False), (READY, 4000, True), (SAVING, 65, False), (SAVING, 700, True)],
)  # fmt: skip
def test_silence_is_measured_by_what_is_being_done(
    recipe: Make, events: list[Event], silent: float, hangs: bool
) -> None:
    found = standing_still(Evidence(recipe(), "running", events, now=events[-1].time + silent))
    assert (found is not None) is hangs


def test_scoring_tells_how_far_it_is_once_a_second(workspace: Workspace, recipe: Make, monkeypatch: pytest.MonkeyPatch, writer: Callable[..., EventWriter]) -> None:  # fmt: skip
    run = create(workspace, recipe())
    stage = Stage(run, writer(run.events_path))
    monkeypatch.setattr("workbench.engine.stage.SAID", 1e9)
    for done in range(8):
        stage.progress(done, 8)
    assert [event.get("done") for event in run.events()[0]] == [0]
    writer(run.events_path).write("phase", phase="evaluate")
    assert Feed().view(run).scored is None
    stage.told = -1e9
    stage.progress(3, 8)
    assert Feed().view(run).scored == (3, 8)
    run.ask_to_stop()
    with pytest.raises(Stopped):
        stage.progress(4, 8)


@pytest.mark.parametrize(
    ("told", "changes"),
    [({"needed": 96, "context": 512}, {"task.max_length": 96}), ({"needed": 32, "context": 32}, {}), (None, {"task.max_length": 64})],
)  # fmt: skip
def test_the_length_that_is_offered_is_one_at_which_there_are_answers(recipe: Make, told: Any, changes: Any) -> None:
    events = [Event("lengths", 1.0, told)] if told else []
    found = nothing_to_learn(Evidence(recipe(), "failed", [*events, *failed("…", field="task.max_length")]))
    assert found
    assert found.changes == changes


def test_a_loss_of_0_where_nothing_was_cut_is_no_matter_of_length(recipe: Make) -> None:
    found = nothing_to_learn(Evidence(recipe(), "running", [Event("data", 0.0, {"train": 9, "cut": 0}), *steps(*[0.0] * 10)]))  # fmt: skip
    assert found
    assert found.changes == {}


def test_what_stood_still_three_times_is_not_sent_on_once_more(recipe: Make) -> None:
    begun = [Event("started", 0.0), TRAIN]
    for events, words in (([*begun, *steps(*FALLING)], "then go on"), ([*begun * 3, *steps(*FALLING)], "hardly help"), ([*begun * 3, Event("checkpoint", 0.0), *begun, *steps(*FALLING)], "then go on")):  # fmt: skip
        found = standing_still(Evidence(recipe(), "running", events, now=1000.0))
        assert found
        assert words in found.text.en


@pytest.mark.parametrize(
    ("events", "log", "kinds"),
    [
        (failed(LOST), CLOSED, ["peer_lost"]),  # told by an older release
        (failed(LOST, cause="peer"), "torch.OutOfMemoryError: CUDA out of memory.", ["out_of_memory"]),
        (failed("… (KeyError: 'x')", cause="other"), "W&B syncing is set to `offline`; connection timed out", []),
        (failed("… (KeyError: 'x')"), "W&B syncing is set to `offline`; connection timed out", []),
        ([FETCHING, TRAIN, *failed("Connection refused", cause="other")], "", []),
        (failed("task.labels: …", cause="recipe", field="data.roles"), "CUDA out of memory", ["recipe"]),
        (failed("…", cause="disk"), "", ["disk_full"]),
    ],
)  # fmt: skip
def test_a_failure_is_judged_by_its_cause_not_by_words_somewhere(recipe: Make, events: list[Event], log: str, kinds: list[str]) -> None:  # fmt: skip
    seen = Evidence(recipe(), "failed", [*steps(*FALLING), *events], log=log)
    assert [each.kind for cause in CAUSES if (each := cause(seen))] == kinds


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (MemoryError(), "memory"), (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "memory"), (NonFinite(3, "loss"), "numbers"),
        (PeerLost(), "peer"), (OSError(errno.ENOSPC, "No space left on device"), "disk"), (OSError(errno.EACCES, "no"), "other"),
        (UserError("a", "b"), "recipe"), (UserError("a", "b", cause=NETWORK), "network"), (KeyError("x"), "other"),
    ],
)  # fmt: skip
def test_every_failure_has_a_cause_in_one_word(workspace: Workspace, recipe: Make, writer: Callable[..., EventWriter], monkeypatch: pytest.MonkeyPatch, error: Exception, cause: str) -> None:  # fmt: skip
    def falls(stage: Stage) -> None:
        raise error

    run = create(workspace, recipe())
    monkeypatch.setattr("workbench.engine.session.train", falls)
    assert guarded(Stage(run, writer(run.events_path)))
    assert run.events()[0][-1].get("cause") == cause


def test_what_an_earlier_worker_printed_is_not_held_against_this_one(workspace: Workspace, recipe: Make, writer: Callable[..., EventWriter]) -> None:  # fmt: skip
    run = create(workspace, recipe())
    log = writer(run.events_path)
    for text in ("torch.OutOfMemoryError: CUDA out of memory.", "KeyError: 'x'"):
        log.write("started", pid=1)
        log.write("failed", en="The run ended unexpectedly.", zh="…", field=None)
        with (run.folder / "worker.log").open("a") as printed:
            printed.write(f"{logcap.BEGIN}\n{text}\n")
        assert [each.kind for each in diagnose(run)] == (["out_of_memory"] if "memory" in text else [])


def test_less_memory_is_asked_for_step_by_step(recipe: Make) -> None:
    current, seen = recipe(), []
    for _ in range(6):
        change = next(each.changes for cause in CAUSES if (each := cause(Evidence(current, "failed", failed(OOM)))))
        seen.append(sorted(change))
        current = current.replace(change)
    training = current.training
    assert (training.per_device_train_batch_size, training.gradient_checkpointing) == (1, True)
    assert training.per_device_train_batch_size * training.gradient_accumulation_steps == 4
    assert getattr(current.task, "max_length") < 32  # noqa: B009


def test_a_run_is_diagnosed_from_its_folder(workspace: Workspace, recipe: Make) -> None:
    run = create(workspace, recipe())
    (run.folder / "worker.json").write_text('{"pid": 1, "started": 1.0}')
    (run.folder / "exit.json").write_text(json.dumps({"pid": 1, "status": -9}))
    writer = EventWriter(run.events_path)
    writer.write("started", pid=1)
    writer.close()
    assert [each.kind for each in diagnose(run)] == ["killed"]
    (run.folder / "recipe.yaml").write_text("{")
    assert diagnose(type(run)(run.folder)) == []
