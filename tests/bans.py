"""What no source of ours may say, found by reading it: calls that run text as code or unpickle, shells, unchecked downloads, raw HTML.

`found(source, path)` is a list of "line: what". To ban something more, add it here and a sample of it to tests/test_architecture.py.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

CALLS = {
    "eval", "exec", "os.system", "os.popen", "os.spawnl", "os.spawnv", "subprocess.getoutput", "subprocess.getstatusoutput", "runpy.run_path",
    "pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load", "dill.load", "dill.loads", "cloudpickle.load", "cloudpickle.loads",
    "shelve.open", "marshal.load", "marshal.loads", "torch.load", "torch.jit.load", "torch.hub.load", "yaml.load", "yaml.load_all",
    "yaml.unsafe_load", "yaml.full_load", "evaluate.load", "tempfile.mktemp", "gradio.load", "keras.models.load_model",
    "huggingface_hub.hf_hub_download", "huggingface_hub.snapshot_download", "ssl._create_unverified_context",
}  # fmt: skip
ENDINGS = ("read_pickle", "load_dataset", "load_from_disk", "extractall", "unpack_archive", "read_hdf")
"""Methods of these names, whosever they are."""
TRUST = "trust_remote_code"
TRUSTED = "models/loading.py"
"""The one file that may say anything but False there."""
NEVER = {"shell": True, "verify": False, "weights_only": False}
"""Keywords that may not have these values, nor one that is worked out."""
SAFE = {"esc", "tag"}
OWN = {("engine/export/zip.py", "extractall")}
"""An archive that was just written is unpacked in order to check it."""


def found(source: str, path: str = "") -> list[str]:
    """ "line: what" of everything banned; `path` is relative to the package."""
    tree = ast.parse(source)
    names = dict(_aliases(tree))
    return sorted({f"{node.lineno}: {what}" for node in ast.walk(tree) for what in _banned(node, names, path) if isinstance(node, (ast.expr, ast.stmt))})  # fmt: skip


def _aliases(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What imported names stand for: `import numpy as np`, `from os import system as go`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((each.asname, each.name) for each in node.names if each.asname)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((each.asname or each.name, f"{node.module}.{each.name}") for each in node.names)


def _banned(node: ast.AST, names: dict[str, str], path: str) -> Iterator[str]:
    if isinstance(node, ast.Assert):
        yield "assert: it vanishes under -O; raise instead"
    elif isinstance(node, ast.Dict):
        yield from (TRUST for key, value in zip(node.keys, node.values, strict=True) if _is_trust(key, value, path))
    elif isinstance(node, ast.Call):
        first, _, rest = ast.unparse(node.func).partition(".")
        name = names.get(first, first) + (f".{rest}" if rest else "")
        if name in CALLS or _ending(name, path) in ENDINGS:
            yield name
        if name in ("numpy.load", "np.load") and not any(_says(word, "allow_pickle", False) for word in node.keywords):
            yield "numpy.load without allow_pickle=False"
        yield from _keywords(node, path)
        if name in ("gradio.HTML", "gr.HTML", "gradio.Markdown", "gr.Markdown"):
            yield from (f"{name} of {text}" for text in _raw(node))


def _ending(name: str, path: str) -> str:
    last = name.rpartition(".")[2]
    return "" if (path, last) in OWN else last


def _keywords(node: ast.Call, path: str) -> Iterator[str]:
    for word in node.keywords:
        fixed = isinstance(word.value, ast.Constant)
        if word.arg in NEVER and (not fixed or _says(word, word.arg, NEVER[word.arg])):
            yield f"{word.arg}={ast.unparse(word.value)}"
        if word.arg == "allow_pickle" and not _says(word, "allow_pickle", False):
            yield "allow_pickle"
        if word.arg == "code_revision" or _is_trust(ast.Constant(word.arg), word.value, path):
            yield str(word.arg)


def _says(word: ast.keyword, name: str, value: bool) -> bool:
    return word.arg == name and isinstance(word.value, ast.Constant) and word.value.value is value


def _is_trust(key: ast.AST | None, value: ast.AST, path: str) -> bool:
    named = isinstance(key, ast.Constant) and key.value == TRUST
    return named and path != TRUSTED and not (isinstance(value, ast.Constant) and value.value is False)


def _raw(node: ast.Call) -> Iterator[str]:
    """Values put into HTML that did not pass through `esc`."""
    for argument in [*node.args, *(word.value for word in node.keywords if word.arg == "value")]:
        if isinstance(argument, ast.JoinedStr):
            for part in argument.values:
                if isinstance(part, ast.FormattedValue) and not (isinstance(part.value, ast.Call) and ast.unparse(part.value.func) in SAFE):  # fmt: skip
                    yield ast.unparse(part.value)
        elif isinstance(argument, ast.BinOp) or (isinstance(argument, ast.Call) and ast.unparse(argument.func).endswith(".format")):  # fmt: skip
            yield ast.unparse(argument)
