"""Write requirements.lock and requirements-test.lock anew: every package of the usual install, and what the tests need beside it, with
the digests of all files of that release, for every Python and system the workbench runs on.

python tests/lock.py [--upgrade]     needs `uv`; the index is the one uv is set up with

PyTorch is left out, with what only its CUDA builds need: which build is right depends on the machine (see launch.py). Releases stay as
they were unless --upgrade is given.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
USUAL, TESTS = ROOT / "requirements.lock", ROOT / "requirements-test.lock"
APART = re.compile(r"(torch|triton|nvidia-.*|cuda-.*)")
HEAD = "# Made by tests/lock.py: all files of each release, by their digests. PyTorch's builds are apart (launch.py).\n"


def entries(text: str) -> dict[str, list[str]]:
    """Name → its entries (one per marker), each with its digests."""
    found: dict[str, list[str]] = {}
    for entry in re.split(r"\n(?=[a-z0-9])", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).strip()):
        found.setdefault(re.split(r"[=\[ ;]", entry, maxsplit=1)[0], []).append(entry.rstrip())
    return found


def resolved(extras: list[str], known: str, upgrade: bool) -> dict[str, list[str]]:
    """What uv chooses. `known`: entries that are kept where they still fit."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.lock"
        out.write_text(known, encoding="utf-8")
        how = ["--universal", "--python-version", "3.10", "--generate-hashes", "--no-header", "--no-annotate", "-q"]
        more = [word for extra in extras for word in ("--extra", extra)] + (["--upgrade"] if upgrade else [])
        subprocess.run(["uv", "pip", "compile", "pyproject.toml", *how, *more, "-o", str(out)], cwd=ROOT, check=True)
        return {name: found for name, found in entries(out.read_text("utf-8")).items() if not APART.fullmatch(name)}


def main(upgrade: bool) -> None:
    """All of it first, so that both files agree."""
    known = "".join(path.read_text("utf-8") for path in (USUAL, TESTS) if path.exists())
    everything = resolved(["test"], known, upgrade)
    usual = resolved([], "\n".join(entry for found in everything.values() for entry in found) + "\n", False)
    for path, names in ((USUAL, usual), (TESTS, everything.keys() - usual.keys())):
        path.write_text(HEAD + "".join(f"{entry}\n" for name in sorted(names) for entry in everything[name]), "utf-8")


if __name__ == "__main__":
    main("--upgrade" in sys.argv[1:])
