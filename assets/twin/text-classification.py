def answer(row):
    """What the model should say: 0 or 1 per label, a number, or the number of the one label."""
    if "labels" in row:
        return [float(name in row["labels"]) for name in OPTIONS["id2label"].values()]
    if "score" in row:
        return float(row["score"])
    return OPTIONS["label2id"].get(str(row["label"]))


def encode(rows):
    """Token ids of the text (or pair of texts), cut at MAX_LENGTH. Special tokens spelled out in a text stay text."""
    made, paired = [], any(row.get("text_pair") for row in rows)
    for row in rows:
        pair = str(row.get("text_pair") or "") if paired else None
        ids = dict(tokenizer(str(row["text"]), pair, split_special_tokens=True, truncation=True, max_length=MAX_LENGTH))
        made.append({**ids, "labels": answer(row)})
    return made
