"""python -m workbench.starter corpus|tokenizer|pretrain|anneal|gates|samples"""

from __future__ import annotations

import argparse
import json
from itertools import islice
from pathlib import Path

from workbench import ASSETS

STAGES = ("corpus", "tokenizer", "pretrain", "anneal", "gates", "samples")


def main() -> None:
    """Run one stage."""
    arguments = argparse.ArgumentParser(prog="workbench.starter")
    arguments.add_argument("stage", choices=STAGES)
    arguments.add_argument("--out", type=Path, default=ASSETS / "models" / "lumo", help="folder of the model")
    arguments.add_argument("--minutes", type=float, default=45.0, help="for pretrain")
    arguments.add_argument("--rows", type=int, default=20, help="for corpus: how many documents to print")
    run(arguments.parse_args())


def run(chosen: argparse.Namespace) -> None:
    """Imports stand here because only some stages need torch."""
    if chosen.stage == "corpus":
        from workbench.starter.corpus import stream

        for item in islice(stream(), chosen.rows):
            print(json.dumps(item, ensure_ascii=False))
    elif chosen.stage == "tokenizer":
        from workbench.starter.tokenizer import train

        train(chosen.out)
    elif chosen.stage == "pretrain":
        from workbench.starter.pretrain import pretrain

        pretrain(chosen.out, chosen.out, chosen.minutes)
    elif chosen.stage == "anneal":
        from workbench.starter.pretrain import anneal

        anneal(ASSETS / "models" / "lumo", chosen.out, chosen.minutes)
    elif chosen.stage == "samples":
        from workbench.starter.samples import write

        write()
    else:
        from workbench.starter.gates import report

        print(json.dumps(report(chosen.out), ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
