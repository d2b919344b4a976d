"""ModelScope behind the same questions as the Hub: what a repository of models or data holds, one file of it, and a search.

Its web interface is that of the site's own client (modelscope/hub/api.py in modelscope/modelscope, Apache-2.0). No token is
sent: what needs one there is fetched with the site's own tools and given as a folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

HOSTS = {"modelscope.cn", "www.modelscope.cn", "modelscope.ai", "www.modelscope.ai"}
HEADERS = {"User-Agent": "finetune-workbench", "Accept-Encoding": "identity"}
PAGE = 100
DEFAULT = "master"
"""What the Hub calls main."""


@dataclass(frozen=True)
class Large:
    """A digest, where the Hub has its record of a large file."""

    sha256: str


@dataclass(frozen=True)
class File:
    """A file of a repository, with the names huggingface_hub has for its facts."""

    rfilename: str
    size: int
    lfs: Large | None
    blob_id: None = None


@dataclass(frozen=True)
class Listing:
    """What a repository holds. `sha` is "branch@fingerprint": the site tells no commit for a whole repository."""

    sha: str
    siblings: list[File]


@dataclass(frozen=True)
class Found:
    """A model of a search."""

    id: str
    downloads: int
    likes: int


def is_at(endpoint: str) -> bool:
    """Whether this address is ModelScope."""
    return urlsplit(endpoint).hostname in HOSTS


def listing(endpoint: str, model_id: str, revision: str, timeout: float) -> Listing:
    """Every file with size and digest, in one request."""
    branch = DEFAULT if revision == "main" else revision
    address = f"{endpoint}/api/v1/models/{model_id}/repo/files"
    asked = {"Revision": branch, "Recursive": "true"}
    return _listing(branch, _get(address, asked, timeout)["Files"])


def dataset_listing(endpoint: str, name: str, revision: str, timeout: float) -> Listing:
    """The same of a dataset, which is known by a number there; a hundred files a request."""
    branch, home = DEFAULT if revision == "main" else revision, f"{endpoint}/api/v1/datasets"
    number, rows = _get(f"{home}/{name}", {}, timeout)["Id"], list[dict[str, Any]]()
    for page in itertools.count(1):
        asked = {"Revision": branch, "Root": "/", "Recursive": "True", "PageNumber": page, "PageSize": PAGE}
        more = _get(f"{home}/{number}/repo/tree", asked, timeout)["Files"] or []
        rows += more
        if len(more) < PAGE:
            break
    return _listing(branch, rows)


def _listing(branch: str, rows: list[dict[str, Any]]) -> Listing:
    files = [
        File(str(row["Path"]), int(row.get("Size") or 0), Large(row["Sha256"]) if row.get("Sha256") else None)
        for row in rows
        if row.get("Type") != "tree"
    ]
    told = "\n".join(sorted(f"{file.rfilename} {file.size} {file.lfs}" for file in files))
    return Listing(f"{branch}@{hashlib.sha256(told.encode()).hexdigest()[:16]}", files)


def _get(address: str, asked: dict[str, Any], timeout: float) -> Any:
    return _answer(_session().get(address, params=asked, headers=HEADERS, timeout=timeout, follow_redirects=True))


@contextlib.contextmanager
def open_file(endpoint: str, repo: tuple[str, str], name: str, commit: str, held: int, timeout: float) -> Iterator[Any]:
    """The body of one file from byte `held` on. `repo`: (model or dataset, owner/name)."""
    (kind, owned), branch = repo, commit.partition("@")[0]
    address = f"{endpoint}/models/{owned}/resolve/{quote(branch, safe='')}/{quote(name)}"
    if kind == "dataset":
        told = urlencode({"Source": "SDK", "Revision": branch, "View": "False", "FilePath": name})
        address = f"{endpoint}/api/v1/datasets/{owned}/repo?{told}"
    headers = {**HEADERS, **({"Range": f"bytes={held}-"} if held else {})}
    with _session().stream("GET", address, headers=headers, timeout=timeout, follow_redirects=True) as response:
        if response.status_code >= 400:
            response.read()
        response.raise_for_status()
        yield response


def search(endpoint: str, text: str, most: int, timeout: float) -> list[Found]:
    """Models whose name has these words, in the site's own order."""
    asked = {"PageSize": most, "PageNumber": 1, "SortBy": "Default", "Target": "", "Name": text, "SingleCriterion": []}
    data = _answer(_session().put(f"{endpoint}/api/v1/dolphin/models", json=asked, headers=HEADERS, timeout=timeout))
    return [
        Found(f"{row['Path']}/{row['Name']}", int(row.get("Downloads") or 0), int(row.get("Stars") or 0))
        for row in data["Model"]["Models"] or []
    ]


def _answer(response: Any) -> Any:
    """The data of an answer; ValueError where the site says in words that something is wrong."""
    response.raise_for_status()
    body = response.json()
    if body.get("Code") != 200:
        raise ValueError(body.get("Message"))
    return body["Data"]


def _session() -> Any:
    from huggingface_hub import get_session

    return get_session()
