"""The process of one search: `python -m workbench.engine.searcher FOLDER`. It trains nothing itself: it makes runs, watches them, and ends
those without hope. Killed at any moment, it finds its trials again: each is in the journal before its run is made, and the run names it.

Exit status as a worker's: 0 finished or stopped, 2 a mistake a person can mend, 1 anything else.
"""

from __future__ import annotations

import contextlib
import math
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from workbench.core import clock
from workbench.core import run as runs
from workbench.core.errors import UserError
from workbench.core.events import EventWriter
from workbench.core.files import write_json
from workbench.core.metric import METRICS
from workbench.core.recipe import Recipe
from workbench.core.run import Run
from workbench.core.workspace import Workspace
from workbench.engine import search, supervisor, trials
from workbench.engine.budget import WORKED, Budget, used
from workbench.engine.diagnosis import diagnose
from workbench.engine.material import gather
from workbench.engine.rescore import rescored
from workbench.engine.search import TRIAL, Search
from workbench.engine.stage import Stopped
from workbench.engine.worker import be_polite, explain, own

EVERY = 0.5
HOPELESS = 3
"""So many failures before the first success end the search."""
AGAIN = 2
"""How often an interrupted trial goes on, and one whose memory ran out is tried with a smaller batch."""


@dataclass
class Searcher:
    """One process's view of its search."""

    search: Search
    writer: EventWriter
    going: dict[int, tuple[Any, Run]] = field(default_factory=dict)
    """Trials that run, by number."""
    again: dict[int, int] = field(default_factory=dict)

    @cached_property
    def workspace(self) -> Workspace:
        """Where the runs are made."""
        return self.search.workspace

    @cached_property
    def study(self) -> Any:
        """Optuna's study; trial 0 is the recipe as it stands."""
        from workbench.engine import journal

        made = journal.opened(self.search.folder)
        if not made.get_trials(deepcopy=False):
            made.enqueue_trial(search.first(self.search.plan))
        made.pruner = trials.pruner(self.search.plan)
        return made

    @cached_property
    def rows(self) -> int:
        """Training rows: they decide how many steps there are."""
        return len(gather(self.workspace, self.search.plan.recipe).train)

    @cached_property
    def budget(self) -> Budget:
        """Its hours, and what of them was used."""
        seconds = used(self.search.process.events()[0])
        return Budget(self.search.plan.hours, seconds, told=seconds)

    def work(self) -> None:
        """Until the budget is used up."""
        self.take_up()
        while True:
            self.count()
            if self.search.process.stop_asked:
                self.hold()
            for number in list(self.going):
                self.look(number)
            while len(self.going) < trials.width(self.search.plan.recipe) and self.more():
                self.begin(self.ask())
            if not self.going:
                return self.conclude()
            supervisor.launch_next(self.workspace)
            time.sleep(EVERY)

    def count(self) -> None:
        """The time that trials work; when it is used up, those that still do are ended, unless there is no other to choose yet."""
        self.budget.look(any(run.status == "running" for _, run in self.going.values()))
        if (seconds := self.budget.news()) is not None:
            self.writer.write(WORKED, seconds=seconds)
        if self.budget.over and any(each.state == "complete" for each in search.trials(self.search)):
            for trial, _ in self.going.values():
                trial.set_user_attr("ended", True)

    def take_up(self) -> None:
        """Find the trials again that ran when the process before this one ended."""
        from optuna.trial import Trial, TrialState

        plan = self.search.plan
        if plan.pruner != "none" and 0 < plan.trials < search.FEWEST and not search.trials(self.search):
            self.writer.write("note", en=f"With fewer than {search.FEWEST} trials none is ended early.", zh=f"少于 {search.FEWEST} 次试验时，不会提前结束任何试验。")  # fmt: skip
        for each in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self.begin(Trial(self.study, each._trial_id))

    def ask(self) -> Any:
        """The next trial. Its chance hangs on its number: a process that goes on does not draw again what was drawn before."""
        from optuna.samplers import TPESampler

        plan, count = self.search.plan, len(self.study.get_trials(deepcopy=False))
        random = min(10, max(3, plan.trials // 3)) if plan.trials else 10
        self.study.sampler = TPESampler(seed=plan.seed + count, n_startup_trials=random)
        return self.study.ask()

    def more(self) -> bool:
        """Whether the budget has room for another trial."""
        plan, told = self.search.plan, search.trials(self.search)
        if sum(each.state == "fail" for each in told) >= HOPELESS and not any(each.state == "complete" for each in told):  # fmt: skip
            return False
        return not (self.budget.over and told) and (not plan.trials or len(told) < plan.trials)

    def begin(self, trial: Any) -> None:
        """The trial's run, made now, or found again."""
        values = {each.path: each.suggest(trial) for each in self.search.plan.knobs}
        made = trials.find_run(self.workspace, self.search, trial.number)
        if made is None:
            try:
                made = self.make(trial.number, trials.recipe_of(self.search, values, self.rows, trial.number))
            except UserError as error:
                self.writer.write("note", en=f"Trial {trial.number}: {error.text.en}", zh=f"试验 {trial.number}：{error.text.zh}")  # fmt: skip
                return self.tell(trial, None, "FAIL")
        elif made.resumable and made.status != "failed" and "ended" not in trial.user_attrs:
            revive(made)
        trial.set_user_attr("run", made.id)
        self.going[trial.number] = trial, made
        self.writer.write("trial", number=trial.number, run=made.id, values=values)

    def make(self, number: int, recipe: Recipe) -> Run:
        """A run that names its trial from the first moment on."""
        checked = supervisor.check(self.workspace, recipe)
        return runs.create(self.workspace, checked, {TRIAL: {"search": self.search.id, "trial": number}})

    def look(self, number: int) -> None:
        """What a trial has shown since the last look, and what follows from it."""
        trial, run = self.going[number]
        if not run.folder.is_dir():  # somebody removed it
            return self.tell(trial, None, "FAIL")
        status = run.status  # before its events: what is finished has told everything
        hopeless = self.report(trial, run)
        if "ended" in trial.user_attrs and status != "finished":
            supervisor.cancel(run)
            self.tell(trial, None, "PRUNED")
        elif status == "running" and hopeless:
            trial.set_user_attr("ended", True)  # in the journal first: a process that goes on ends it again
            supervisor.cancel(run)
            self.tell(trial, None, "PRUNED")
        elif status == "finished":
            self.score(trial, run)
        elif status == "lost" and self.once_more(number):
            revive(run)
        elif status == "failed" and self.smaller(trial, run):
            pass
        elif status in ("failed", "stopped", "lost"):
            self.tell(trial, None, "FAIL")

    def report(self, trial: Any, run: Run) -> bool:
        """Held-out losses at shares of the planned steps; less is better, so the sign is turned. Whether the pruner, which is asked at every
        look because it counts along, sees no hope at the last one."""
        known, hopeless = set(self.study.get_trials(deepcopy=False)[trial.number].intermediate_values), False
        for place, loss in trials.looks(run).items():
            if place not in known:
                trial.report(-loss, place)
                hopeless = trial.should_prune() and place < trials.LOOKS
        return hopeless

    def score(self, trial: Any, run: Run) -> None:
        """The main metric on the half that selects."""
        report = run.report or {}
        main = str(report.get("main_metric"))
        value = report.get("after", {}).get(main)
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            return self.tell(trial, None, "FAIL")
        trial.set_user_attr("score", value)
        trial.set_user_attr("metric", main)
        self.tell(trial, value if METRICS.get(main).higher_is_better else -value, "COMPLETE")

    def tell(self, trial: Any, value: float | None, state: str) -> None:
        """The trial is over: into the journal, then room is made."""
        from optuna.trial import TrialState

        self.study.tell(trial.number, value, TrialState[state], skip_if_finished=True)
        _, run = self.going.pop(trial.number, (None, None))
        self.writer.write("told", number=trial.number, run=run and run.id, state=state.lower(), value=value)
        trials.tidy(self.search)

    def once_more(self, number: int) -> bool:
        """Count how often something was tried."""
        self.again[number] = self.again.get(number, 0) + 1
        return self.again[number] <= AGAIN

    def smaller(self, trial: Any, run: Run) -> bool:
        """Memory ran out: the same trial in smaller pieces that add up to the same batch. What would change the data is no
        way out: trials would not be alike any more."""
        found = next((each for each in diagnose(run) if each.kind == "out_of_memory" and each.changes), None)
        if found is None or not found.changes.keys() <= set(search.PIECES) or not self.once_more(trial.number):
            return False
        made = self.make(trial.number, run.recipe.replace(found.changes))
        trial.set_user_attr("run", made.id)
        self.going[trial.number] = trial, made
        return True

    def hold(self) -> None:
        """A wish to stop: the running trial saves and waits for the search to go on."""
        for _, run in self.going.values():
            supervisor.stop(run)
        self.writer.write(WORKED, seconds=round(self.budget.seconds, 1))
        raise Stopped

    def conclude(self) -> None:
        """The winner is scored once on rows that no trial was scored on."""
        told = search.trials(self.search)
        if not any(each.state == "complete" for each in told):
            raise UserError(*trials.nothing(self.workspace, told), field="knob")
        self.writer.write("phase", phase="evaluate")
        winner = search.best(self.search)
        run = runs.find(self.workspace, winner.run)
        last = rescored(self.workspace, run)
        report = run.report or {}
        count = {state: sum(each.state == state for each in told) for state in ("complete", "pruned", "fail")}
        write_json(
            self.search.folder / "result.json",
            {
                "metric": last["metric"], "best": {"trial": winner.number, "run": winner.run, "values": winner.values},
                "selection": {"score": winner.score, "rows": report.get("rows"), "interval": report.get("interval")},
                "untouched": {name: last[name] for name in ("score", "rows", "interval")},
                "first": next((each.score for each in told if each.number == 0), None),
                "luck": trials.luck(str(last["metric"]), [each.score for each in told if each.score is not None], int(report.get("rows") or 0)),
                "trials": len(told), **count, "seconds": round(self.budget.seconds, 1),
            },
        )  # fmt: skip


def revive(run: Run) -> None:
    """Let an interrupted run go on, unless somebody else just did."""
    with contextlib.suppress(UserError):
        supervisor.resume(run)


def main(argv: list[str]) -> int:
    """Search in `argv[0]`."""
    made = Search(Path(argv[0]).resolve())
    be_polite()
    if not own(made.process):
        return 0
    signal.signal(signal.SIGTERM, lambda number, frame: made.process.ask_to_stop())
    writer = EventWriter(made.process.events_path)
    writer.write("started")
    status = guarded(Searcher(made, writer))
    writer.close(patience=600)
    return status


def guarded(searcher: Searcher) -> int:
    """The outermost edge: exactly one terminal event."""
    began, writer = clock.up(), searcher.writer
    try:
        searcher.work()
    except Stopped:
        writer.write("stopped")
        return 0
    except UserError as error:
        writer.write("failed", en=error.text.en, zh=error.text.zh, field=error.field)
        return 2
    except BaseException as error:  # the edge of the process: nothing may leave without an event
        traceback.print_exc()
        text = explain(error)
        writer.write("failed", en=text.en, zh=text.zh, field=None)
        return 1
    writer.write("finished", seconds=round(clock.up() - began, 1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
