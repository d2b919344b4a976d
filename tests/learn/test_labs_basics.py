"""The numbers of the labs on Python, mathematics, machine learning and PyTorch, against known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from workbench.core import preset as presets
from workbench.core.errors import UserError
from workbench.core.lab import LABS
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.table import Table
from workbench.learn import _expression as expression
from workbench.learn import (
    _texts,
    autograd,
    clusters,
    matrix_product,
    modules,
    python_twin,
    supervised,
    tensors,
    vectors,
)
from workbench.learn import _twin as script
from workbench.learn import data_loader as loader
from workbench.learn import probability as chance
from workbench.learn import threshold as yes
from workbench.models.tfidf import majority
from workbench.serve.talk import Talk, save


def test_cosine_and_pca() -> None:
    assert vectors.cosine([1, 0], [1, 1]) == pytest.approx(0.7071, abs=1e-4)
    assert vectors.cosine([0, 0], [1, 1]) == 0
    points = np.random.default_rng(0).normal(size=(6, 9))
    flat, shares = vectors.pca(points)
    assert shares.sum() == pytest.approx(1)
    again, _ = vectors.pca(-points)
    assert np.allclose(abs(flat), abs(again))
    assert np.allclose(np.linalg.norm(flat[0] - flat[1]), np.linalg.norm(points[0] - points[1]))


def test_matrix_product() -> None:
    left, right = matrix_product.matrix("1 2 3; 4 5 6", "a"), matrix_product.matrix("1 0\n0 1\n2 -1", "b")
    assert matrix_product.product(left, right) == (np.array(left) @ np.array(right)).tolist() == [[7, -1], [16, -1]]
    assert matrix_product.product(left, left) is None
    for wrong in ("", "1 2; 3", "a", "nan", " ".join("1" * 9)):
        with pytest.raises(UserError):
            matrix_product.matrix(wrong, "a")


@pytest.mark.parametrize(
    ("heat", "wanted", "entropy"),
    [(0.5, [0.8668, 0.1173, 0.0159], 0.4411), (1, [0.6652, 0.2447, 0.0900], 0.8324), (2, [0.5065, 0.3072, 0.1863], 1.0202)],
)  # fmt: skip
def test_softmax_at_temperatures(heat: float, wanted: list[float], entropy: float) -> None:
    import torch

    found = chance.chances(torch.tensor([1.0, 2.0, 0.0]), heat, 0, 1.0)
    assert found[[1, 0, 2]].tolist() == pytest.approx(wanted, abs=5e-5)
    assert chance.entropy(found.tolist()) == pytest.approx(entropy, abs=5e-5)


def test_top_k_and_top_p_cut_and_scale_to_one() -> None:
    import torch

    logits = torch.tensor([1.0, 2.0, 0.0])
    assert chance.chances(logits, 1, 2, 1.0).tolist() == pytest.approx([1 / (1 + math.e), math.e / (1 + math.e), 0])
    assert chance.chances(logits, 1, 0, 0.6).tolist() == [0, 1, 0]


def test_always_the_most_frequent_label() -> None:
    wanted = ["no"] * 95 + ["yes"] * 5
    assert supervised.scores(majority(wanted, 100), wanted) == pytest.approx((0.95, 0.4872), abs=5e-5)


def test_more_freedom_fits_wrong_labels_better_and_does_no_good(workspace: Workspace) -> None:
    train, valid = _texts.labelled(workspace, "sentiment-zh")
    labels = sorted({label for _, label in train})
    spoiled = supervised.spoiled(_texts.mixed(train), 0.3, labels)
    assert sum(a != b for a, b in zip(spoiled, _texts.mixed(train), strict=True)) == pytest.approx(
        0.3 * len(train), abs=40
    )
    (tight, _), (free, _) = (supervised._round(supervised.Settings(freedom=f), spoiled, valid) for f in (-3, 4))
    assert free[0] > 0.97 > tight[0]
    with pytest.raises(UserError, match="no column of labels"):
        _texts.labelled(workspace, "stories")


def test_counts_at_a_threshold() -> None:
    from sklearn.metrics import precision_recall_fscore_support

    scores, wanted = [0.9, 0.8, 0.5, 0.3, 0.1], [True, False, True, True, False]
    found = yes.counted(scores, wanted, 0.5)
    assert found == (2, 1, 1, 1)
    known = precision_recall_fscore_support(wanted, [s >= 0.5 for s in scores], average="binary")[:3]
    assert (found.precision, found.recall, found.f1) == pytest.approx(known)
    assert yes.counted(scores, wanted, 2).precision is None
    thin = yes.thinned([("a", "x")] * 50 + [("b", "y")] * 50, "x", 0.2)
    assert sum(label == "x" for _, label in thin) / len(thin) == pytest.approx(0.2, abs=0.01)


def test_k_means_finds_what_lies_apart_and_never_gets_worse() -> None:
    dice = np.random.default_rng(0)
    points = np.concatenate([dice.normal(place, 0.1, (20, 3)) for place in (0, 5)])
    mine, fell = clusters.kmeans(points, 2, 1, 20)
    assert len(set(mine[:20])) == len(set(mine[20:])) == 1
    assert mine[0] != mine[-1]
    assert fell == sorted(fell, reverse=True)
    assert clusters.kmeans(points, 1, 1, 5)[1][-1] == pytest.approx(((points - points.mean(0)) ** 2).sum())


@pytest.mark.parametrize(
    ("operation", "a", "b", "shape"),
    [("add", [3, 1], [1, 4], (3, 4)), ("matmul", [2, 3], [3, 5], (2, 5)), ("cat", [2, 3], [1, 3], (3, 3)),
     ("reshape", [2, 6], [-1, 4], (3, 4)), ("transpose", [2, 5], [1], (5, 2)), ("matmul", [2, 3], [4, 3], None), ("add", [3, 2], [4], None)],
)  # fmt: skip
def test_shapes(operation: str, a: list[int], b: list[int], shape: tuple[int, ...] | None) -> None:
    *_, made, said = tensors.done(operation, a, b)
    assert (made is None and said) if shape is None else tuple(made.shape) == shape
    assert tensors._why(operation, a, b)


@pytest.mark.parametrize("wrong", ["", "2, y", "0, 3", "1 2 3 4 5", "-1, 2", "99999"])
def test_what_is_no_shape(wrong: str) -> None:
    with pytest.raises(UserError, match="no shape"):
        tensors.shape(wrong, "a")


def test_gradients_of_a_neuron_add_up() -> None:
    knobs = autograd.Settings()
    values = expression.leaves(knobs.values)
    wanted = {"x1": -1.5, "w1": 1.0, "x2": 0.5, "w2": 0.0, "b": 0.5}
    for times, zero, many in ((1, False, 1), (2, False, 2), (3, True, 1)):
        nodes = expression.backward(knobs.expression, values, times, zero)
        assert nodes[-1].tensor.item() == pytest.approx(0.7071, abs=1e-4)
        assert {n.name: n.tensor.grad.item() for n in nodes if n.name in wanted} == pytest.approx(
            {k: many * v for k, v in wanted.items()}
        )
    assert expression.differences(knobs.expression, values) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    "wrong", ["", "x +", "__import__('os')", "x.y", "open(x)", "x if x else x", "y", "3", "x", "x**1e9*9**9**9"]
)
def test_only_arithmetic_is_understood(wrong: str) -> None:
    with pytest.raises(UserError):
        expression.backward(wrong, {"x": 2.0}, 1, False)


def test_parameters_of_gpt_2_do_not_depend_on_its_heads() -> None:
    for heads in (1, 8):
        model = modules.gpt2(192, 6, 4096, heads)
        sizes = {name: value.numel() for name, value in model.named_parameters()}
        assert sum(sizes.values()) == 3_480_576
        assert sum(size for name, size in sizes.items() if ".0.attn." in name) == 4 * 192**2 + 4 * 192 == 148_224
    assert {value.device.type for value in model.parameters()} == {"meta"}
    assert not any("wte" in name for name in modules.chosen(model, "body"))
    assert all(name.endswith("bias") for name in modules.chosen(model, "bitfit"))


def test_padding_of_known_lengths() -> None:
    lengths = [3, 16, 5, 8]
    assert loader.waste(lengths, "fixed", 2, 16) == pytest.approx(0.5)
    assert loader.waste(lengths, "stands", 2, 16) == pytest.approx(1 / 3)
    assert loader.waste(lengths, "sorted", 2, 16) == pytest.approx(0.238, abs=5e-4)
    assert loader.waste(lengths, "packed", 2, 16) == 0
    for order, _ in loader.ORDERS:
        assert sorted(length for batch in loader.ordered(lengths, order, 3) for length in batch) == sorted(lengths)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_knob_changes_its_line_of_the_script_and_no_other(workspace: Workspace) -> None:
    recipe = presets.find("persona")
    plain = script.written(workspace, recipe, None).text
    compile(plain, "train.py", "exec")
    faster = script.written(workspace, recipe.replace({"training.learning_rate": 0.0123}), None).text
    (only,) = script.changes(plain, faster)
    assert "0.0123" in only.after
    assert faster.splitlines()[only.number - 1] == only.after
    assert script.changes(plain, plain) == []
    with pytest.raises(UserError, match="no preset"):
        python_twin.named(workspace, "preset:../x.yaml")


@pytest.mark.parametrize(
    ("kind", "given"),
    [("clusters", {"dataset": "persona", "groups": 10, "seed": 20}), ("supervised", {"dataset": "sentiment-zh", "own": True}), ("threshold", {"dataset": "sentiment-zh"})],
)  # fmt: skip
def test_other_datasets_are_looked_at_too(workspace: Workspace, kind: str, given: dict[str, object]) -> None:
    lab = LABS.get(kind)
    assert lab.touch(lab.section(**given), workspace)
    assert all(value for choices in lab.choices(workspace).values() for _, value in choices)


def test_what_was_done_is_read_from_datasets_and_talks(workspace: Workspace) -> None:
    from workbench.data.cleaning.near_duplicates import NearDuplicates

    table = Table(["text"], [{"text": "one"}, {"text": "two"}], [], "jsonl", "utf-8")
    facts = {"task": None, "roles": {"text": "text"}, "steps": [{"kind": NearDuplicates.kind}]}
    library.save_version(workspace, "mine", table, facts)
    talk = Talk.begun("lumo", "chat", ["lumo"])
    talk.ask("Hello")
    save(workspace, talk)
    assert LABS.get("probability").done(workspace) is None, "nobody answered yet"
    talk.add("lumo", 0, "assistant", "Hello!")
    save(workspace, talk)
    assert LABS.get("probability").done(workspace) is None, "no setting was touched"
    talk.facts["how"] = {"temperature": 0.2}
    save(workspace, talk)
    assert all(LABS.get(kind).done(workspace) for kind in ("vectors", "clusters", "probability"))
