"""What is installed beside the workbench, as a software bill of materials: CycloneDX 1.6 in JSON (https://cyclonedx.org/docs/1.6/json/).

Read from the metadata of this environment's packages; nothing is imported, nothing is asked of the network. The digest of a component
is that of its RECORD, which itself holds the digest of every installed file.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from importlib import metadata
from typing import Any
from urllib.parse import quote

NAME = "finetune-workbench"
LONGEST = 80
"""A licence field that is longer holds the text of the licence, not its name."""


def bill() -> dict[str, Any]:
    """The whole document."""
    found: dict[str, metadata.Distribution] = {}
    for (
        each
    ) in metadata.distributions():  # in the order of sys.path: what another package brings along for itself comes later
        if each.metadata["Name"] and "_vendor" not in str(each.locate_file("")):
            found.setdefault(normal(each.metadata["Name"]), each)
    components = [component(found[name]) for name in sorted(found) if name != NAME]
    words = "\n".join(str(each) for each in components)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, words)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "component": {"type": "application", "bom-ref": NAME, "name": NAME, "version": _own(found)},
        },
        "components": components,
        "dependencies": [{"ref": _ref(each), "dependsOn": sorted(set(_needs(each, found)))} for each in found.values()],
    }


def normal(name: str) -> str:
    """A package's name as indexes write it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _own(found: dict[str, metadata.Distribution]) -> str:
    return found[NAME].version if NAME in found else "0"


def _ref(package: metadata.Distribution) -> str:
    name = normal(package.metadata["Name"])
    return NAME if name == NAME else f"pkg:pypi/{name}@{quote(package.version, safe='.')}"


def component(package: metadata.Distribution) -> dict[str, Any]:
    """One package: name, version, purl, licence as far as it is told, and digest."""
    record = package.read_text("RECORD")
    made: dict[str, Any] = {
        "type": "library", "bom-ref": _ref(package), "name": normal(package.metadata["Name"]), "version": package.version, "purl": _ref(package),
    }  # fmt: skip
    if licences := _licences(package.metadata):
        made["licenses"] = licences
    if record:
        made["hashes"] = [{"alg": "SHA-256", "content": hashlib.sha256(record.encode()).hexdigest()}]
        made["properties"] = [{"name": "python:hashed", "value": "RECORD"}]
    return made


def _licences(told: Any) -> list[dict[str, Any]]:
    """An SPDX expression, else the classifiers' names, else a short field."""
    if told["License-Expression"]:
        return [{"expression": str(told["License-Expression"])}]
    names = [line.rpartition(" :: ")[2] for line in told.get_all("Classifier") or () if line.startswith("License ::")]
    field = str(told["License"] or "").strip()
    short = [field] if field and len(field) <= LONGEST and "\n" not in field else []
    return [{"license": {"name": name}} for name in names or short]


def _needs(package: metadata.Distribution, found: dict[str, metadata.Distribution]) -> Iterator[str]:
    """Refs of what it needs and what is here; extras and markers are not weighed."""
    for line in set(package.requires or ()):
        hit = re.match(r"[A-Za-z0-9._-]+", line)
        name = normal(hit[0]) if hit else ""
        if name in found and name != normal(package.metadata["Name"]) and "extra ==" not in line:
            yield _ref(found[name])
