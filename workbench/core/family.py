"""How a model reads: both ways (encoder), onwards only (decoder), or one part each way (pair). Told by config.json alone."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from workbench.core.text import Text

ENCODERS = (
    "bert", "roberta", "electra", "mpnet", "deberta", "deberta-v2", "camembert", "albert", "xlnet", "ernie", "longformer",
    "nomic_bert", "modernbert", "distilbert", "xlm-roberta", "eurobert", "big_bird", "roformer", "nezha",
)  # fmt: skip
KINDS = {
    "encoder": Text("models that read both ways (BERT and kin)", "双向编码模型（BERT 一类）"),
    "decoder": Text("causal language models (GPT-2, Llama, Qwen …)", "因果语言模型（GPT-2、Llama、Qwen 等）"),
    "pair": Text("encoder-decoder models (T5, BART)", "编码器–解码器模型（T5、BART）"),
}


def family(config: dict[str, Any]) -> str:
    """encoder, decoder or pair."""
    if config.get("is_encoder_decoder"):
        return "pair"
    kind = str(config.get("model_type", ""))
    return "encoder" if (kind in ENCODERS or kind.endswith("bert")) and not config.get("is_decoder") else "decoder"


def told(kinds: Collection[str]) -> Text:
    """Kinds of model in words."""
    known = [KINDS[kind] for kind in kinds]
    return Text(" and ".join(text.en for text in known), "和".join(text.zh for text in known))
