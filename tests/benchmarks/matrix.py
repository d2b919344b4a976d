"""Every method × task × family of models, tried out: ✓ works (two steps, reload, merge), or why not. No timings.

python launch.py bench matrix
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import matrix as cells


def main() -> None:
    import torch
    import transformers

    from workbench.core.method import METHODS
    from workbench.core.task import TASKS

    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    reasons: dict[str, None] = {}
    worked = failed = 0
    for task in TASKS.all():
        print(f"\n{task.kind}\n{'':16}" + "".join(f"{family:>9}" for family in cells.FAMILIES))
        for method in METHODS.all():
            line = ""
            for family in cells.FAMILIES:
                why = cells.reason(task, method, family)
                if why is not None:
                    reasons.setdefault(why.en)
                    line += f"{list(reasons).index(why.en) + 1:>9}"
                    continue
                try:
                    with tempfile.TemporaryDirectory() as folder:
                        cells.check(cells.run_cell(task, method, family, Path(folder)))
                    line, worked = line + f"{'✓':>9}", worked + 1
                except AssertionError:
                    line, failed = line + f"{'✗':>9}", failed + 1
            print(f"{method.kind:16}{line}", flush=True)
    print("\nNumbers are reasons why a cell is empty:")
    for number, reason in enumerate(reasons, start=1):
        print(f"{number:3} {reason}")
    print(json.dumps({"name": "matrix", "worked": worked, "failed": failed, "reasons": len(reasons)}))


if __name__ == "__main__":
    main()
