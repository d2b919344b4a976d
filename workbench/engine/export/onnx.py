"""ONNX for encoders, run by ONNX Runtime in any language: one or two files, any batch and length."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from workbench.core.files import write_text
from workbench.core.knob import Section, knob
from workbench.core.method import METHODS
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.engine import onnx_file
from workbench.engine.card import written
from workbench.engine.taking import EXPORTS, Export, ExportSection, mergeable, parameters, task_of

TASKS_OF_ENCODERS = ("SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS", "")
USAGE = """```python
# pip install onnxruntime transformers
import onnxruntime
from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("THIS FOLDER")
session = onnxruntime.InferenceSession("THIS FOLDER/model.onnx")
wanted = [each.name for each in session.get_inputs()]
batch = tokenizer(["A text."], return_tensors="np", padding=True)
print(session.run(None, {{name: batch[name] for name in wanted}}))
```"""


class OnnxSection(ExportSection):
    """In which numbers."""

    int8: bool = knob(
        False,
        Text("8-bit weights", "8 位权重"),
        Text(
            "A quarter of the size and faster on CPUs; judged by its score. "
            "Take it where speed counts; where the score falls, leave it off.",
            "体积为四分之一，在 CPU 上更快；按得分判断。看重速度时打开；得分下降就关闭。",
        ),
    )


@EXPORTS.add
class Onnx(Export):
    """model.onnx."""

    kind: ClassVar[str] = "onnx"
    label: ClassVar[Text] = Text("ONNX", "ONNX")
    help: ClassVar[Text] = Text(
        "For encoders: classify, tag or answer with ONNX Runtime from Python, JavaScript, C# or Java, without PyTorch.",
        "用于编码模型：通过 ONNX Runtime 在 Python、JavaScript、C#、Java 中分类、标注或问答，无需 PyTorch。",
    )
    order: ClassVar[int] = 5
    section: ClassVar[type[Section]] = OnnxSection
    packages: ClassVar[tuple[str, ...]] = ("onnx", "onnxscript", "onnxruntime")
    extra: ClassVar[str] = "onnx"

    def fits(self, run: Run, config: dict[str, Any]) -> Text | None:
        """Encoders; a bottleneck is part of the graph, though it is no weight of the model."""
        task, method = task_of(run), METHODS.get(run.recipe.method.kind)
        if task.peft_type not in TASKS_OF_ENCODERS or (config and not onnx_file.encoder(config)):
            return Text(
                "ONNX is written here for encoders (BERT and kin); take GGUF or the merged model of a model that writes text.",
                "这里只为编码模型（BERT 等）写 ONNX；生成文字的模型请导出 GGUF 或合并后的模型。",
            )
        return None if method.stores == "selected" else mergeable(run)

    def limit(self, section: Any) -> float | None:
        """fp32 in another order; 8 bits are judged by the metric."""
        return None if section.int8 else 1e-4

    def margin(self, section: Any) -> float:
        """As for other 8-bit weights."""
        return 0.05 if section.int8 else 0.02

    def write(self, source: Any, section: Any, folder: Path) -> None:
        """Graph and weights, tokenizer, config (the labels' names)."""
        model = source.merged().cpu()
        tokenizer = source.tokenizer()
        onnx_file.write(model, onnx_file.example(source, tokenizer, model), folder / "model.onnx")
        if section.int8:
            onnx_file.quantise(folder / "model.onnx")
        tokenizer.save_pretrained(str(folder))
        model.config.save_pretrained(str(folder))
        write_text(folder / "README.md", written(source.run, USAGE.format(), merged=True))

    def reload(self, source: Any, section: Any, folder: Path) -> tuple[Any, Any]:
        """By ONNX Runtime."""
        from workbench.models.loading import load_tokenizer

        return onnx_file.Session(folder), load_tokenizer(folder)

    def further(self, source: Any, section: Any, folder: Path, model: Any) -> list[dict[str, Any]]:
        """Whether axes are free: other batches and lengths than the example's are answered as one by one."""
        tried, same = onnx_file.shapes(model, onnx_file.ROUGH if section.int8 else onnx_file.NEAR)
        what = ("Shapes of batches that are answered alike", "回答一致的批次形状数")
        return [{"what": what, "run": str(tried), "export": str(same), "ok": tried == same}]

    def megabytes(self, run: Run, section: Any) -> float:
        """By the number of parameters."""
        return parameters(run) * (1 if section.int8 else 4) / 1e6
