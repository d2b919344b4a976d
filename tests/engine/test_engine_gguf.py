"""GGUF: tensors, words and ends in the file are the run's, unknown cutting is refused, and a Modelfile's template is proven."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import exporting
import pytest
import wordmodels
from fewrows import write_rows

from workbench.core.errors import UserError
from workbench.core.run import Run
from workbench.core.workspace import Workspace
from workbench.engine import gguf_file, gguf_words, ollama, taking
from workbench.engine.taking import EXPORTS
from workbench.models import loading

if importlib.util.find_spec("gguf") is None and not os.environ.get("CI"):
    pytest.skip("the package gguf is not here; `pip install -e .[gguf]`", allow_module_level=True)
QUIET = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
pytestmark = [QUIET, pytest.mark.slow]
MODELS = [("Llama", "gpt-2"), ("Llama", "llama-bpe"), ("Mistral", "smollm"), ("Qwen2", "qwen2"), ("Qwen3", "qwen2")]
LLAMA = Path(__file__).parents[2] / "assets" / "models" / "lumo"


@pytest.mark.parametrize(("kind", "name"), MODELS, ids=str)
def test_the_file_says_what_the_run_says(kind: str, name: str, tmp_path: Path) -> None:
    run = exporting.untrained(wordmodels.save(kind, name, tmp_path / "base"), tmp_path / "w")
    done = exporting.take(run, "gguf", numbers="f32")
    assert done["word"] == "equal", str(done)
    path = next(Path(done["folder"]).glob("*.gguf"))
    fields = gguf_file.fields(path)
    assert fields["general.architecture"] == {"Mistral": "llama"}.get(kind, kind.lower())
    assert fields["tokenizer.ggml.pre"] == name
    assert fields["tokenizer.ggml.eos_token_id"] == 2
    assert fields["tokenizer.chat_template"] == wordmodels.TURNS
    assert all(line["ok"] for line in done["further"]), done["further"]


@pytest.mark.parametrize(("numbers", "share"), [("f32", 1.0), ("f16", 0.52), ("q8_0", 0.29)])
def test_our_starter_model_in_every_kind_of_numbers(numbers: str, share: float, lumo: Run, tmp_path: Path) -> None:
    import numpy as np

    done = exporting.take(lumo, "gguf", tmp_path / "x", numbers=numbers)
    assert done["word"] == ("equal" if numbers == "f32" else "close"), str(done)
    path = next((tmp_path / "x").glob("*.gguf"))
    found, model = gguf_file.arrays(path), exporting.source(lumo).merged()
    step = {"f32": 0.0, "f16": 1e-3, "q8_0": 1 / 127}[numbers]
    for source, place in (("model.embed_tokens.weight", "token_embd.weight"), ("model.layers.1.mlp.down_proj.weight", "blk.1.ffn_down.weight"), ("model.norm.weight", "output_norm.weight")):  # fmt: skip
        wanted = model.state_dict()[source].numpy()
        assert np.abs(found[place] - wanted).max() <= step * np.abs(wanted).max() + 1e-7
    assert "output.weight" not in found
    assert path.stat().st_size < share * 4 * sum(value.numel() for value in model.parameters()) + 300_000
    said = (tmp_path / "x" / "Modelfile").read_text()
    assert said.startswith(f"FROM ./{path.name}\n")
    assert 'PARAMETER stop "<|end|>"\n' in said
    assert 'TEMPLATE """{{ range .Messages }}{{ if eq .Role "system" }}<|system|> {{ .Content }}<|end|>' in said


@pytest.fixture(scope="module")
def lumo(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return exporting.untrained(LLAMA, tmp_path_factory.mktemp("lumo") / "w")


def test_llama_cpp_itself_agrees(lumo: Run, tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not here (it takes ten minutes to build)")
    done = exporting.take(lumo, "gguf", tmp_path / "x", numbers="q8_0")
    lines = [line for line in done["further"] if line["what"][0].startswith("llama.cpp")]
    assert len(lines) == 3
    assert all(line["ok"] for line in lines), lines
    assert lines[0]["run"] == lines[0]["export"]


def test_the_starter_models_words_come_back_token_by_token() -> None:
    from workbench.engine.llama_cpp import SENTENCES

    tokenizer = loading.load_tokenizer(LLAMA)
    assert gguf_words.pre_name(tokenizer) == "smollm"
    tokens, kinds, merges = gguf_words.vocabulary(tokenizer, 3200)
    again = gguf_words.rebuilt({"tokenizer.ggml.pre": "smollm", "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": kinds, "tokenizer.ggml.merges": merges, "tokenizer.ggml.eos_token_id": 1})  # fmt: skip
    for text in SENTENCES:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert again(text, add_special_tokens=False)["input_ids"] == ids
        assert again.decode(ids) == tokenizer.decode(ids)


def test_unknown_cutting_is_refused_not_guessed(tmp_path: Path) -> None:
    from tokenizers import Regex, pre_tokenizers

    base = wordmodels.save("Llama", "gpt-2", tmp_path / "base")
    odd = wordmodels.tokenizer("gpt-2")
    odd.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"\d{2}"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)])  # fmt: skip
    odd.save_pretrained(base)
    run = exporting.untrained(base, tmp_path / "w")
    with pytest.raises(UserError, match="none of the ways known") as caught:
        exporting.take(run, "gguf", tmp_path / "x")
    assert "猜测会改变词元编号" in caught.value.text.zh
    assert not (tmp_path / "x").exists()


def test_a_wrong_name_is_noticed_by_its_token_ids(tmp_path: Path, monkeypatch: Any) -> None:
    rows = [{"prompt": f"When is it 1234 or {n}?", "response": "It's 1234."} for n in range(40)]
    write_rows(Workspace(tmp_path / "w"), tmp_path / "rows.jsonl", rows)
    run = exporting.untrained(wordmodels.save("Llama", "gpt-2", tmp_path / "base"), tmp_path / "w", "few")
    monkeypatch.setattr(gguf_words, "pre_name", lambda tokenizer: "smollm")
    done = exporting.take(run, "gguf", tmp_path / "x")
    assert (done["word"], done["tokens"]) == ("broken", False)


def test_forgotten_turning_of_queries_and_keys_is_broken(tmp_path: Path, monkeypatch: Any) -> None:
    run = exporting.untrained(wordmodels.save("Llama", "gpt-2", tmp_path / "base"), tmp_path / "w")
    monkeypatch.setattr(gguf_file, "permuted", lambda name, value, config: value)
    done = exporting.take(run, "gguf", tmp_path / "x", numbers="f32")
    assert done["word"] == "broken"
    assert done["max_delta"] > 1e-2


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "gpt2"}, "this is a gpt2 model"),
        ({"model_type": "llama", "rope_parameters": {"rope_type": "llama3"}}, "stretches its positions"),
        ({"model_type": "llama", "mlp_bias": True}, "biases"),
        ({"model_type": "mistral", "sliding_window": 64, "max_position_embeddings": 512}, "sliding window"),
    ],
    ids=str,
)
def test_what_is_not_written_is_said(config: dict[str, Any], said: str) -> None:
    why = gguf_file.unsupported(config)
    assert why is not None
    assert said in why.en
    assert "GGUF" in why.zh


def test_a_missing_package_is_explained(lumo: Run, monkeypatch: Any) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "gguf" else real(name, *rest))
    why = taking.refusal(exporting.workspace_of(lumo), lumo, EXPORTS.get("gguf"))
    assert why is not None
    assert ".[gguf]" in why.en


def test_an_ollama_template_is_written_only_where_it_says_the_same() -> None:
    plain = wordmodels.tokenizer("gpt-2")
    template = ollama.proven(plain)
    assert template == (
        '{{ range .Messages }}{{ if eq .Role "system" }}<|turn|>system\n{{ .Content }}</s>'
        '{{ else if eq .Role "user" }}<|turn|>user\n{{ .Content }}</s>'
        '{{ else if eq .Role "assistant" }}<|turn|>assistant\n{{ .Content }}</s>{{ end }}{{ end }}<|turn|>assistant\n'
    )
    for source in ("plain", "chatml"):
        from workbench.models.chat_template import TEMPLATES

        plain.chat_template = TEMPLATES[source]
        made = ollama.proven(plain)
        assert made is not None
        for talk in ollama.conversations():
            assert ollama.rendered(made, talk) == plain.apply_chat_template(
                talk, tokenize=False, add_generation_prompt=True
            )
    plain.chat_template = wordmodels.TURNS.replace("{{ m['content'] }}", "{{ m['content'] | upper }}")
    assert ollama.proven(plain) is None
    plain.chat_template = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + wordmodels.TURNS
    )
    assert ollama.proven(plain) is None
    said = ollama.modelfile("m.gguf", plain, ["</s>"])
    assert 'TEMPLATE "' not in said
    assert "# 没有 TEMPLATE" in said


def test_a_template_that_trims_is_written_and_the_difference_is_said() -> None:
    plain = wordmodels.tokenizer("gpt-2")
    assert "cuts spaces" not in ollama.modelfile("m.gguf", plain, [])
    assert ollama.rendered(str(ollama.proven(plain)), ollama.SPACIOUS) == ollama._said(plain, ollama.SPACIOUS)
    plain.chat_template = wordmodels.TURNS.replace("{{ m['content'] }}", "{{ m['content'] | trim }}")
    said = ollama.modelfile("m.gguf", plain, ["</s>"])
    assert 'TEMPLATE "' in said
    assert "cuts spaces and line breaks around a message" in said
    assert "首尾的空白和换行" in said


def test_a_template_that_trims_only_some_is_refused() -> None:
    plain = wordmodels.tokenizer("gpt-2")
    plain.chat_template = wordmodels.TURNS.replace(
        "{{ m['content'] }}", "{{ m['content'] | trim if m['role'] == 'system' else m['content'] }}"
    )
    assert ollama.proven(plain) is None
