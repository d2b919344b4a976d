"""Encoded rows kept on disk by what they came from: rows, task settings, tokenizer files and labels. Encoding a large
dataset takes minutes, and the next run of the same data starts at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError
from workbench.core.files import read_json, write_json
from workbench.core.task import Encoded, Row
from workbench.core.text import Text

WORTH = 2000
"""Rows from which on it pays."""
KEPT = 8
"""Datasets kept; the oldest go."""
FORM = 1
"""Raised when encoding itself changes."""


def encoded(folder: Path, key: str, rows: int, encode: Callable[[], Encoded]) -> Encoded:
    """What `encode` makes, from disk where it was made before."""
    if rows < WORTH:
        return encode()
    found = _read(folder, key)
    if found is None:
        found = encode()
        _write(folder, key, found)
    return found


def key_of(rows: list[Row], section: Any, config: Any, model_folder: Path) -> str:
    """A digest of everything that encoding depends on."""
    digest = hashlib.sha256()
    facts = [FORM, version("transformers"), version("tokenizers"), section.model_dump(mode="json")]
    labels = {name: getattr(config, name, None) for name in ("label2id", "problem_type", "is_encoder_decoder")}
    for part in (facts, labels, rows):
        digest.update(json.dumps(part, ensure_ascii=False, sort_keys=True, default=str).encode())
    for path in sorted(model_folder.iterdir()):
        if path.suffix in (".json", ".txt", ".model", ".jinja") and path.is_file():
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _read(folder: Path, key: str) -> Encoded | None:
    """None as well where a file is torn: then it is made again."""
    import pyarrow
    import pyarrow.parquet

    facts = read_json(folder / f"{key}.json")
    try:
        inputs = pyarrow.parquet.read_table(folder / f"{key}.parquet").to_pylist()
        notes = [Text(*note) for note in facts["notes"]]
        return (
            Encoded(inputs, list(facts["kept"]), int(facts["cut"]), notes)
            if len(inputs) == len(facts["kept"])
            else None
        )
    except (OSError, TypeError, KeyError, pyarrow.ArrowException):
        return None


def _write(folder: Path, key: str, made: Encoded) -> None:
    """The rows first, then the facts without which nobody reads them; a full disk only costs the cache."""
    import pyarrow
    import pyarrow.parquet

    try:
        folder.mkdir(parents=True, exist_ok=True)
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(made.inputs), folder / f"{key}.parquet")
        write_json(
            folder / f"{key}.json", {"kept": made.kept, "cut": made.cut, "notes": [list(note) for note in made.notes]}
        )
        for old in sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)
            old.with_suffix(".parquet").unlink(missing_ok=True)
    except (OSError, pyarrow.ArrowException):
        (folder / f"{key}.json").unlink(missing_ok=True)


def nothing_left(session: Any) -> UserError:
    """No row has anything to learn within the maximum length: why, and which length would do. An event "lengths" says it to a program."""
    recipe, told = session.recipe, lengths(session)
    session.stage.write("lengths", **told)
    if told["empty"] == told["rows"]:
        return UserError(
            f"data.roles: no row has an answer to learn, at whatever length (looked at {told['rows']} rows): the answers are empty. Choose "
            "another column for them, or fill them in on the Data page.",
            f"data.roles：无论多长，都没有可学习的回答（查看了 {told['rows']} 行）：回答是空的。请为回答另选一列，或在“数据”页补全。",
            field="data.roles",
        )
    return UserError(
        f"task.max_length: within {recipe.task.max_length} tokens no row has an answer to learn; {told['needed']} would do.",
        f"task.max_length：前 {recipe.task.max_length} 个词元内没有可学习的回答；{told['needed']} 个即可。",
        field="task.max_length",
    )


def lengths(session: Any) -> dict[str, int]:
    """Of a sample of training rows: how many there are, how many of them have no answer, and the maximum length at which 99 % of the others
    are whole ("needed": a multiple of 8, not above the model's context; 0 where no row has an answer)."""
    from workbench.engine.inspect import LOOKED_AT, unlimited
    from workbench.engine.material import sample
    from workbench.models.facts import facts

    rows = sample(session.material.train, LOOKED_AT, session.recipe.training.seed)
    whole = session.task.encode(rows, session.tokenizer, unlimited(session.recipe.task), session.model)
    sizes = sorted(len(item["input_ids"]) for item in whole.inputs)
    context = facts(session.folder).context_length or 0
    needed = -(-sizes[min(len(sizes) - 1, int(len(sizes) * 0.99))] // 8) * 8 if sizes else 0
    return {"rows": len(rows), "empty": len(rows) - len(set(whole.kept)), "needed": min(needed, context or needed), "context": context}  # fmt: skip
