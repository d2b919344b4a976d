"""GGUF for llama.cpp, Ollama and LM Studio, with an Ollama Modelfile beside it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, ClassVar

from workbench.core.files import write_text
from workbench.core.knob import Section, knob
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.engine import gguf_file, gguf_words, llama_cpp, ollama
from workbench.engine.card import written
from workbench.engine.taking import EXPORTS, Export, ExportSection, mergeable, parameters, task_of

USAGE = """```
ollama create my-model -f Modelfile && ollama run my-model
llama-cli -m {name}
llama-quantize {name} smaller.gguf Q4_K_M
```"""
LIMITS = {"f32": 1e-3, "f16": 1e-2, "q8_0": 5e-2}
BYTES = {"f32": 4.0, "f16": 2.0, "q8_0": 1.0625}
"""Per number."""


class GgufSection(ExportSection):
    """In which numbers."""

    numbers: str = knob(
        "f16",
        Text("Numbers", "数值格式"),
        Text(
            "Q8_0 is a quarter of F32 and hardly differs. For smaller ones (Q4_K_M …) give the F16 file to llama.cpp's llama-quantize.",
            "Q8_0 约为 F32 的四分之一，几乎没有差别。更小的格式（Q4_K_M 等）请把 F16 文件交给 llama.cpp 的 llama-quantize。",
        ),
        choices=(
            ("f32", Text("F32", "F32")),
            ("f16", Text("F16", "F16")),
            ("q8_0", Text("Q8_0 (8 bits)", "Q8_0（8 位）")),
        ),
    )


@EXPORTS.add
class Gguf(Export):
    """One file."""

    kind: ClassVar[str] = "gguf"
    label: ClassVar[Text] = Text("GGUF and Ollama", "GGUF 与 Ollama")
    help: ClassVar[Text] = Text(
        "One file for llama.cpp, Ollama and LM Studio, with a Modelfile. For Llama-like models whose tokenizer llama.cpp knows.",
        "一个文件，用于 llama.cpp、Ollama 和 LM Studio，附 Modelfile。适用于分词器为 llama.cpp 所知的 Llama 类模型。",
    )
    order: ClassVar[int] = 4
    section: ClassVar[type[Section]] = GgufSection
    packages: ClassVar[tuple[str, ...]] = ("gguf",)
    extra: ClassVar[str] = "gguf"

    def fits(self, run: Run, config: dict[str, Any]) -> Text | None:
        """A causal model of a known architecture; its tokenizer is looked at when the file is written."""
        if task_of(run).head(config) != "AutoModelForCausalLM":
            return Text(
                f"GGUF is for models that write text; {task_of(run).label.en} is none of their tasks. Take ONNX or the merged model.",
                f"GGUF 用于生成文字的模型；{task_of(run).label.zh}不属于此类。请导出 ONNX 或合并后的模型。",
            )
        return mergeable(run) or (gguf_file.unsupported(config) if config else None)

    def limit(self, section: Any) -> float | None:
        """By the numbers."""
        return LIMITS[section.numbers]

    def write(self, source: Any, section: Any, folder: Path) -> None:
        """The file and the Modelfile."""
        tokenizer, name = source.tokenizer(), f"model-{section.numbers}.gguf"
        gguf_words.pre_name(tokenizer)  # refused before anything is loaded
        model = source.merged()
        gguf_file.write(model, tokenizer, folder / name, section.numbers, source.recipe.name or source.run.id)
        stops = [tokenizer.convert_ids_to_tokens(token) for token in gguf_words.ends(model, tokenizer)]
        write_text(folder / "Modelfile", ollama.modelfile(name, tokenizer, stops))
        write_text(folder / "README.md", written(source.run, USAGE.format(name=name), merged=True))

    def reload(self, source: Any, section: Any, folder: Path) -> tuple[Any, Any]:
        """Weights by transformers' reader, tokenizer from the file's own fields."""
        from workbench.models.loading import load_gguf

        (path,) = folder.glob("*.gguf")
        tokenizer = gguf_words.rebuilt(gguf_file.fields(path))
        return load_gguf(path, source.task, source.base, source.device), tokenizer

    def further(self, source: Any, section: Any, folder: Path, model: Any) -> list[dict[str, Any]]:
        """Ends and template are in the file; and what llama.cpp itself says, where its binding is installed."""
        (path,) = folder.glob("*.gguf")
        fields, tokenizer = gguf_file.fields(path), source.tokenizer()
        what = ("End token and chat template", "结束词元与对话模板")
        known = (tokenizer.eos_token_id, tokenizer.chat_template)
        same = (fields.get("tokenizer.ggml.eos_token_id"), fields.get("tokenizer.chat_template")) == known
        lines = [{"what": what, "run": "✓", "export": "✓" if same else "✗", "ok": same}]
        if importlib.util.find_spec("llama_cpp") is None:
            return lines
        return [*lines, *llama_cpp.compared(source, path, LIMITS[section.numbers])]

    def megabytes(self, run: Run, section: Any) -> float:
        """By the number of parameters."""
        return parameters(run) * BYTES[section.numbers] / 1e6
