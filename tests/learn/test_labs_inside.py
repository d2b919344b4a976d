"""The numbers behind the labs on what a Transformer is made of (2.2 to 3.1): known results, and what must hold at any setting."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from places import ROOT

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.learn import _models, byte_pairs, multi_head, own_loop, positions, residual_norm, tokenizer
from workbench.models import catalog
from workbench.models.counting import counter

HUGS = "hug10 pug5 pun12 bun4 hugs5"
BOTH = ("The little boat sails at night.", "小船在夜里航行。🦊")


@pytest.mark.parametrize("text", BOTH)
def test_pieces_share_out_every_byte_of_a_text(text: str, workspace: Workspace) -> None:
    reader = counter(catalog.here(workspace, "lumo")).tokenizer
    found = tokenizer.pieces(reader, text)
    assert sum(piece.size for piece in found) == pytest.approx(len(text.encode()), abs=2)
    assert reader.decode([piece.id for piece in found]) == text


def test_the_encoder_loses_what_the_bilingual_model_spells_in_bytes(workspace: Workspace) -> None:
    found = {
        name: [piece.what for piece in tokenizer.pieces(counter(catalog.here(workspace, name)).tokenizer, BOTH[1])]
        for name in ("lumo", "all-MiniLM-L6-v2")
    }
    assert tokenizer.UNKNOWN in found["all-MiniLM-L6-v2"]
    assert tokenizer.UNKNOWN not in found["lumo"]
    assert found["lumo"][-4:] == [tokenizer.PART] * 4


def test_merges_by_hand() -> None:
    done, states = byte_pairs.merge(byte_pairs.corpus(HUGS), 3)
    assert done == [(("u", "g"), 20), (("u", "n"), 16), (("h", "ug"), 15)]
    assert [byte_pairs.tokens(state) for state in states] == [113, 93, 77, 62]
    assert byte_pairs.cut("hugs", done) == ("hug", "s")


@pytest.mark.parametrize("text", ["", "12", "x" * 31])
def test_what_is_no_word_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        byte_pairs.corpus(text)


def test_the_first_step_is_as_by_hand_and_without_zeroing_the_second_gradient_holds_both() -> None:
    first, second = own_loop.live(0.1, 2)
    assert (first["loss"], first["dw"], first["db"]) == (9.0, -7.0, -4.0)
    assert (first["w2"], first["b2"]) == pytest.approx((0.7, 0.4))
    forgetful = own_loop.live(0.1, 2, forget=True)[1]
    assert forgetful["dw"] == pytest.approx(first["dw"] + second["dw"])


@pytest.mark.parametrize("stage", own_loop.STAGES)
def test_every_stage_has_its_lines_in_the_real_loop(stage: str) -> None:
    text = own_loop.source("_step") + "\n\n" + own_loop.source("_loss")
    assert own_loop.marked(stage, text)
    file = (ROOT / own_loop.SOURCE).read_text(encoding="utf-8")
    assert all(line.strip() in file for line in text.splitlines())


def test_heads_cost_no_parameters_and_a_silent_layer_gives_nothing(workspace: Workspace) -> None:
    assert {multi_head.parameters(192, heads) for heads in (1, 2, 4, 8)} == {4 * 192**2}
    uniform = torch.full((2, 4, 4), 0.25)
    assert multi_head.entropy(uniform).tolist() == [2.0, 2.0]
    assert multi_head.distance(torch.eye(4)[None]).tolist() == [0.0]
    model = _models.model(workspace, "lumo", "text-generation")
    heads = list(range(model.config.num_attention_heads))
    hook = multi_head._output(model, 0).register_forward_pre_hook(multi_head._silence(model, heads))
    seen = model.model.layers[0].self_attn.register_forward_hook(lambda part, given, made: torch.testing.assert_close(made[0], torch.zeros_like(made[0])))  # fmt: skip
    model(torch.tensor([[5, 6, 7]]))
    hook.remove()
    seen.remove()


def test_without_help_the_first_of_24_layers_gets_nothing() -> None:
    first = {way: residual_norm.gradients(24, *way)[0] for way in residual_norm.WAYS}
    assert first[False, False] * 1e4 < min(first[way] for way in residual_norm.WAYS[1:])
    assert first[False, False] * 1e6 < first[True, False]
    assert residual_norm.normed(torch.tensor([3.0, 5.0, 10.0, -2.0])) == pytest.approx((0, 1), abs=1e-4)


def test_sines_and_rotation_know_the_distance_only() -> None:
    places = np.arange(120)
    for codes in (positions.sinusoidal(places), positions.rotated(np.random.default_rng(1).normal(size=64), places)):
        near, far = (positions.similarity(codes, start, 40) for start in (0, 60))
        assert near == pytest.approx(far)
        assert near[0] == pytest.approx(1)


def test_without_positions_the_encoder_sees_a_bag_of_words(workspace: Workspace) -> None:
    texts = ["the dog bites the man", "man the bites dog the"]
    cosine = {on: float(positions.vectors(workspace, texts, on).prod(0).sum()) for on in (True, False)}
    assert cosine[False] == pytest.approx(1, abs=1e-5)
    assert cosine[True] < 0.99
