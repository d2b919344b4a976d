"""Model folders that would like to run something, each with the same canary: a file that appears when their code or pickle runs.

Used by our own tests only. `CARRIERS` is name → what puts it into a copy of a sound tiny model. `careless` opens what is in a folder as
nobody should, which shows that the canary is alive.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

CANARY = "CARRIERS_CANARY"
"""The environment says which file appears."""
CODE = f"import os, pathlib\npathlib.Path(os.environ['{CANARY}']).touch()\n"
SSTI = "{{ messages.__class__.__mro__[-1].__subclasses__() }}{{ cycler.__init__.__globals__.os.system('touch $" + CANARY + "') }}"  # fmt: skip
PICKLED = ("pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "model.pkl", "weights.npy", "weights.npz", "model.joblib", "model.h5", "model.keras", "model.mdl")  # fmt: skip


class Bait:
    """Makes the canary when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, (os.environ[CANARY],)


def bait() -> bytes:
    """A plain pickle."""
    return pickle.dumps({"w": Bait()})


def put(path: Path) -> None:
    """The pickle in the dress that the name promises."""
    import joblib
    import numpy
    import torch

    if path.suffix in (".bin", ".pt", ".pth", ".ckpt"):
        torch.save({"w": Bait()}, path)
    elif path.suffix in (".npy", ".npz"):
        stream = io.BytesIO()
        value = numpy.array([Bait()], dtype=object)
        numpy.save(stream, value) if path.suffix == ".npy" else numpy.savez(stream, w=value)
        path.write_bytes(stream.getvalue())
    elif path.suffix == ".joblib":
        joblib.dump({"w": Bait()}, path)
    elif path.suffix == ".keras":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("model.weights.pkl", bait())
    else:
        path.write_bytes(bait())


def careless(path: Path) -> None:
    """Open a file as nobody should."""
    import joblib
    import numpy
    import torch

    if path.suffix in (".bin", ".pt", ".pth", ".ckpt"):
        torch.load(path, weights_only=False)
    elif path.suffix in (".npy", ".npz"):
        found = numpy.load(path, allow_pickle=True)
        found["w"] if path.suffix == ".npz" else found
    elif path.suffix == ".joblib":
        joblib.load(path)
    elif path.suffix == ".keras":
        pickle.loads(zipfile.ZipFile(path).read("model.weights.pkl"))  # noqa: S301
    elif path.suffix == ".py":
        exec(path.read_text(), {})  # noqa: S102
    else:
        pickle.loads(path.read_bytes())  # noqa: S301


def settings(folder: Path, name: str, **values: Any) -> None:
    """Add to a JSON file."""
    path = folder / name
    known = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**known, **values}))


def lying(head: dict[str, Any] | int) -> bytes:
    """A safetensors file with that header, or one that says how long it is."""
    if isinstance(head, int):
        return head.to_bytes(8, "little") + b"{}"
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text + bytes(64)


def tensor(first: int, last: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [(last - first) // 4], "data_offsets": [first, last]}


def only(name: str) -> Callable[[Path], None]:
    """That file instead of the sound weights."""

    def make(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        put(folder / name)

    return make


def instead(data: Callable[[], bytes]) -> Callable[[Path], None]:
    """These bytes in the place of the weights."""
    return lambda folder: void((folder / "model.safetensors").write_bytes(data()))


def void(value: object) -> None:
    """Nothing."""


def index(folder: Path, shard: str) -> None:
    """The weights named by an index."""
    weights = folder / "model.safetensors"
    if shard.endswith(".bin"):
        put(folder / shard)
        weights.unlink()
    else:
        weights.rename(folder / shard)
    settings(folder, "model.safetensors.index.json", metadata={"total_size": 1}, weight_map={"model.embed_tokens.weight": shard})  # fmt: skip


def adapter(folder: Path, whole: bool) -> None:
    """An adapter as a pickle that wants its base from the net; `whole`: beside a model."""
    settings(folder, "adapter_config.json", peft_type="LORA", task_type="CAUSAL_LM", r=2, target_modules=["q_proj"], base_model_name_or_path="stranger/base", tokenizer_kwargs={"trust_remote_code": True})  # fmt: skip
    put(folder / "adapter_model.bin")
    if not whole:
        (folder / "config.json").unlink()
        (folder / "model.safetensors").unlink()


def mapped(name: str, entry: Any, **more: Any) -> Callable[[Path], None]:
    """Settings that name code, and the code."""

    def make(folder: Path) -> None:
        settings(folder, name, auto_map=entry, **more)
        (folder / "evil.py").write_text(CODE + "class Evil: pass\n")

    return make


def beside(*names: str) -> Callable[[Path], None]:
    """Pickles beside sound weights."""
    return lambda folder: [put(folder / name) for name in names] and None


def generating(folder: Path) -> None:
    """A way to generate of its own."""
    (folder / "custom_generate").mkdir()
    (folder / "custom_generate" / "generate.py").write_text(CODE)
    settings(folder, "generation_config.json", custom_generate="stranger/generate", trust_remote_code=True)


def explicit(folder: Path) -> None:
    """The config names the file with the weights."""
    put(folder / "weights.bin")
    settings(folder, "config.json", transformers_weights="weights.bin")


def gguf(folder: Path) -> None:
    """A GGUF file that is none."""
    (folder / "model.safetensors").unlink()
    (folder / "model.gguf").write_bytes(b"GGUF\x03\x00\x00\x00" + b"\xff" * 64 + bait())


CARRIERS: dict[str, Callable[[Path], None]] = {
    **{name: only(name) for name in PICKLED},
    "a pickle named safetensors": instead(bait),
    "a header of 100 GB": instead(lambda: lying(100 << 30)),
    "tensors over one another": instead(lambda: lying({"a": tensor(0, 40), "b": tensor(24, 64)})),
    "a tensor before the file": instead(lambda: lying({"a": tensor(-64, 0), "b": tensor(0, 64)})),
    "an index that names a pickle": lambda folder: index(folder, "pytorch_model-00001-of-00001.bin"),
    "an index that leads outside": lambda folder: index(folder, "../outside.safetensors"),
    "a config that names a pickle": explicit,
    "a model with a pickled adapter": lambda folder: adapter(folder, True),
    "an adapter whose base is on the net": lambda folder: adapter(folder, False),
    "code in the config": mapped("config.json", {"AutoConfig": "evil.Evil", "AutoModelForCausalLM": "evil.Evil"}, model_type="evil"),
    "code for a known architecture": mapped("config.json", {"AutoModelForCausalLM": "evil.Evil"}),
    "code in the tokenizer": mapped("tokenizer_config.json", {"AutoTokenizer": [None, "evil.Evil"]}, tokenizer_class="Evil"),
    "code in the processor": mapped("processor_config.json", {"AutoProcessor": "evil.Evil"}),
    "code in another repository": mapped("config.json", {"AutoModelForCausalLM": "stranger/code--evil.Evil"}),
    "a kernel from the net": lambda folder: settings(folder, "config.json", attn_implementation="stranger/kernel"),
    "a tokenizer class by any name": lambda folder: settings(folder, "tokenizer_config.json", tokenizer_class="os.system"),
    "a tokenizer that is a pickle": lambda folder: void((folder / "tokenizer.json").write_bytes(bait())),
    "a chat template that breaks out": lambda folder: settings(folder, "tokenizer_config.json", chat_template=SSTI) or void((folder / "chat_template.jinja").write_text(SSTI)),
    "what a trainer leaves beside": beside("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "tokenizer.pkl"),
    "a way to generate of its own": generating,
    "a broken GGUF file": gguf,
}  # fmt: skip
SOUND = {"what a trainer leaves beside", "a way to generate of its own", "a chat template that breaks out", "a tokenizer class by any name", "a tokenizer that is a pickle"}  # fmt: skip
"""Those whose weights are sound, and are taken as a model."""
HARMLESS = {*SOUND, "code for a known architecture", "code in the processor"}
"""Those that can be read without what they carry, where they stand in the place of a result."""


def carrier(name: str, sound: Path, folder: Path) -> Path:
    """A copy of a sound model that carries it."""
    shutil.copytree(sound, folder)
    CARRIERS[name](folder)
    return folder
