"""What stands beside each sample dataset: what it is, how it was made, its licence."""

from __future__ import annotations

CARDS: dict[str, str] = {
    "sentiment-en": """# sentiment-en

900 training and 200 held-out English reviews of films, restaurants, hotels and products, labelled `positive` or `negative`
(half each). Invented: a grammar with 124 opinion words and sayings per side writes them, with negation and with reviews that
say something of both sides and end in a judgement. Held-out rows use opinion words and sentence patterns that no training row
has, so counting words does not help there and knowing English does. Openings and endings carry no judgement. Not real
reviews: a score here says little about real ones. Licence: Apache-2.0.

900 条训练、200 条留出的英文评价，涉及电影、餐厅、酒店和商品，标签为 `positive` 或 `negative`，各占一半。内容全部虚构，由语法程序写成：
每一方有 124 个评价词和说法，含否定句，也含好坏都提、最后下结论的评价。留出部分所用的评价词和句式在训练部分从未出现，因此单靠数词没有用，
懂英语才有用。开头和结尾不含褒贬。这不是真实评价，这里的分数不能代表真实评价上的表现。许可证：Apache-2.0。
""",
    "sentiment-zh": """# sentiment-zh

900 training and 200 held-out Chinese reviews, labelled `正面` or `负面` (half each), written by a grammar. Half of the opinion
words appear in training rows only, the other half in held-out rows only. The bundled starter model has met all of these words
in its own pre-training, in invented reviews and in questions that ask whether a review is good or bad: so the sample shows
transfer, that is, what a pretrained model brings along. It does not show that the model understands real reviews.
Licence: Apache-2.0.

900 条训练、200 条留出的中文评价，标签为 `正面` 或 `负面`，各占一半，由语法程序写成。一半评价词只出现在训练部分，另一半只出现在留出部分。
自带的入门模型在预训练时见过所有这些词（虚构的评价，以及“这是好评还是差评”一类的问答），所以这份样例展示的是迁移：预训练模型带来了什么。
它并不表明模型能读懂真实评价。许可证：Apache-2.0。
""",
    "persona": """# persona

Teach it who it is: hand-written questions and answers in English and Chinese that give the starter model a new name, Pip or
小石, a pebble who keeps the lamp by the sea; mixed with 60 chats of the kind it was trained on, so that it does not forget
the rest (leave them out and see what happens). The 16 held-out rows ask the same in other words. Invented for this project.
Licence: Apache-2.0.

教它认识自己：手写的中英文问答，给入门模型一个新名字 Pip（小石），一块在海边看灯的小石头；其中混有 60 段与它训练时同类的对话，
以免它忘掉别的（去掉这些对话，看看会怎样）。16 条留出样本换一种说法问同样的事。内容为本项目虚构。许可证：Apache-2.0。
""",
}
