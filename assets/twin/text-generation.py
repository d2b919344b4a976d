def encode(rows):
    """Every text closed by the end token; in blocks of MAX_LENGTH tokens laid end to end, or one text per row."""
    made, held = [], []

    def add(ids):
        if len(ids) > 1:
            made.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": list(ids)})

    for row in rows:
        ids = list(tokenizer(row["text"], add_special_tokens=False, split_special_tokens=True)["input_ids"])
        if getattr(tokenizer, "add_bos_token", False):
            ids.insert(0, tokenizer.bos_token_id)
        if tokenizer.eos_token_id is not None:
            ids.append(tokenizer.eos_token_id)
        if not BLOCKS:
            add(ids[:MAX_LENGTH])
            continue
        held += ids
        while len(held) >= MAX_LENGTH:
            add(held[:MAX_LENGTH])
            held = held[MAX_LENGTH:]
    add(held)
    return made
