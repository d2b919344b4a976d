import re

CJK = re.compile(r"[\u3400-\u9fff\u3040-\u30ff\uf900-\ufaff\uff00-\uffef\u3000-\u303f]")


def joined(words):
    """The sentence as people write it (no spaces between Chinese or Japanese words), and where each word begins."""
    text, starts = "", []
    for word in words:
        if text and not (CJK.match(word[:1]) or CJK.match(text[-1])):
            text += " "
        starts.append(len(text))
        text += word
    return text, starts


def encode(rows):
    """A word's tag stands at its first token; -100 means: not learned."""
    made = []
    for row in rows:
        text, starts = joined(row["tokens"])
        whole = tokenizer(text, return_offsets_mapping=True, split_special_tokens=True, truncation=True, max_length=MAX_LENGTH)
        place = {}
        for position, (start, end) in enumerate(whole["offset_mapping"]):
            for char in range(start, end):
                place.setdefault(char, position)
        labels = [-100] * len(whole["input_ids"])
        for start, tag in zip(starts, row["tags"]):
            if start in place:
                labels[place[start]] = OPTIONS["label2id"].get(tag, -100)
        made.append({"input_ids": whole["input_ids"], "attention_mask": [1] * len(labels), "labels": labels})
    return made
