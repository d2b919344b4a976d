"""The verbs that look before a run: inspect, forecast, anatomy."""

from __future__ import annotations

import argparse
import json
from typing import Any

from workbench.core import preset, recipe
from workbench.core.text import Text, terminal_lang
from workbench.core.workspace import Workspace

Arguments = argparse.Namespace
RESET, MARKS = "\033[0m", {"learned": "\033[1;32m", "cut": "\033[9;2m", "special": "\033[36m"}


def _recipe(arguments: Arguments) -> recipe.Recipe:
    return recipe.with_settings(preset.find(arguments.recipe), arguments.settings)


def _json(found: dict[str, Any], arguments: Arguments) -> bool:
    if arguments.json:
        print(json.dumps(found, ensure_ascii=False))
    return bool(arguments.json)


def inspect(workspace: Workspace, arguments: Arguments) -> int:
    """Rows token by token: green is learned, blue a special token, struck out is cut."""
    from workbench.engine.inspect import inspect_rows

    found = inspect_rows(workspace, _recipe(arguments), arguments.rows)
    if _json(found, arguments):
        return 0
    for row in found["rows"]:
        print("".join(_coloured(token) for token in row["tokens"]))
        print(f"  {row['total']} tokens, {row['learned']} learned, {row['cut']} cut")
    print("  ".join(f"{name}={value}" for name, value in found["figures"].items()))
    for note in found["warnings"]:
        mend = " ".join(f"--set {path}={value}" for path, value in (note["mend"] or {}).items())
        print(f"! {Text(note['en'], note['zh']).say(terminal_lang())} {mend}")
    return 0


def _coloured(token: dict[str, Any]) -> str:
    kind = next((name for name in ("cut", "learned", "special") if token[name]), None)
    return f"{MARKS[kind]}{token['text']}{RESET}" if kind else str(token["text"])


def forecast(workspace: Workspace, arguments: Arguments) -> int:
    """Memory and minutes, measured by a few steps; what would make it smaller. Exit status 1 when it does not fit."""
    from workbench.engine.forecast import forecast as look

    found = look(workspace, _recipe(arguments), not arguments.quick)
    if not _json(found, arguments):
        for key in ("memory_mb", "minutes", "fits", "free_mb", "disk_mb", "disk_free_mb", "estimated_mb", "parts_mb"):
            print(f"{key}={found.get(key)}")
        for item in found["advice"]:
            change = " ".join(f"--set {path}={value}" for path, value in item["change"].items())
            print(f"- {Text(item['en'], item['zh']).say(terminal_lang())} −{item['saves_mb']:.0f} MB  {change}")
    return 0 if found["fits"] else 1


def anatomy(workspace: Workspace, arguments: Arguments) -> int:
    """What the recipe's method trains of its model."""
    from workbench.engine.anatomy import anatomy as look

    found = look(workspace, _recipe(arguments))
    if not _json(found, arguments):
        for row in found["trained"]:
            print(f"{row['name']}  {tuple(row['shape'])} ×{row['repeats']}  {row['parameters']:,}")
        print(f"trainable={found['trainable']:,}  total={found['total']:,}")
    return 0


HANDLERS = {"inspect": inspect, "forecast": forecast, "anatomy": anatomy}
