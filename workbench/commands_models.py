"""Verbs about what comes from elsewhere. `models`: code that comes with a model is shown, agreed to by its digest, and refused again.
`sbom`: what is installed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace

Arguments = argparse.Namespace


def options(verbs: Any) -> None:
    """`models consent NAME [--digest D]`, `models withdraw NAME`, `sbom [--out FILE]`."""
    verb = verbs.add_parser("models", help="consent | withdraw: code that comes with a model, and whether it may run")
    verb.add_argument("action", choices=["consent", "withdraw"])
    verb.add_argument("model", metavar="NAME")
    verb.add_argument("--digest", default="", help="consent: the digest that was shown for the files you have read")

    bill = verbs.add_parser("sbom", help="what is installed, as a software bill of materials (CycloneDX 1.6)")
    bill.add_argument("--out", type=Path, default=None, metavar="FILE.json")


def sbom(workspace: Workspace, arguments: Arguments) -> int:
    """Printed, or written to a file."""
    from workbench.core.files import write_json, writing
    from workbench.engine.sbom import bill

    made = bill()
    if arguments.out is None:
        print(json.dumps(made, ensure_ascii=False))
        return 0
    with writing(arguments.out.parent):
        write_json(arguments.out, made)
    print(json.dumps({"out": str(arguments.out), "components": len(made["components"])}))
    return 0


def models(workspace: Workspace, arguments: Arguments) -> int:
    """Show what would run, agree to it, or take that back. Exit status 1 where nothing was agreed to or taken back."""
    from workbench.commands import out
    from workbench.models import catalog, consent

    folder = catalog.present(workspace, arguments.model)
    if arguments.action == "withdraw":
        gone = consent.withdraw(workspace, folder)
        out({"model": arguments.model, "withdrawn": gone}, arguments)
        return 0 if gone else 1
    if arguments.digest:
        code = consent.give(workspace, folder, arguments.digest, local=True)
        out({"model": arguments.model, "digest": code.digest, "given": True}, arguments)
        return 0
    found = consent.code_of(folder)
    if found is None:
        raise UserError(
            f"{folder.name} brings no code; nothing to agree to.",
            f"{folder.name} 没有附带代码，无须同意。",
            field="model.id",
        )
    told = consent.given(workspace, found)
    facts = {"digest": found.digest, "given": told, "files": found.files, "findings": consent.findings(folder, found)}
    if arguments.json:
        out(facts, arguments)
    else:
        _show(facts)
    return 0 if told else 1


def _show(facts: dict[str, Any]) -> None:
    """Files, what was noticed, and what to write in order to agree."""
    for name, digest in facts["files"].items():
        print(f"{digest}  {name}")
    for line in facts["findings"]:
        print(f"! {line}")
    print(f"given={facts['given']}  --digest {facts['digest']}")


HANDLERS = {"models": models, "sbom": sbom}
