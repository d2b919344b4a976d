"""How many tokens a text has for a model, by the tokenizer.json in its folder alone: no torch, no transformers, so the page may count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError
from workbench.core.files import sha256

TOKENIZER = "tokenizer.json"
BATCH = 1000


@dataclass(frozen=True)
class TokenCounter:
    """The tokenizer of one model; `sha256` is that of its file, so that another one under the same name is noticed."""

    tokenizer: Any
    sha256: str

    def counts(self, texts: Iterable[str]) -> list[int]:
        """Tokens of each text, special tokens included, no chat template around them."""
        return list(self._each(iter(texts)))

    def _each(self, texts: Iterator[str]) -> Iterator[int]:
        while some := list(islice(texts, BATCH)):
            yield from (len(found.ids) for found in self.tokenizer.encode_batch_fast(some))


def counter(folder: Path) -> TokenCounter:
    """The tokenizer in a model's folder; UserError when there is none, or one that cannot be read."""
    path = folder / TOKENIZER
    if not path.is_file():
        raise UserError(
            f"model.id: {folder.name} has no {TOKENIZER} to count tokens with; choose another model.",
            f"model.id：{folder.name} 没有可用于统计词元的 {TOKENIZER}；请换一个模型。",
            field="model.id",
        )
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _read(path: Path, stamp: int) -> TokenCounter:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises no other class
        raise UserError(
            f"model.id: {path.parent.name}/{TOKENIZER} is damaged; fetch the model again or choose another one.",
            f"model.id：{path.parent.name}/{TOKENIZER} 已损坏；请重新获取该模型或换一个。",
            field="model.id",
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return TokenCounter(tokenizer, sha256(path))
