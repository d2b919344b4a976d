def pad(rows):
    """Every list of a row padded on the right to the longest of its name: ids with the padding token, labels with -100 (not learned)."""
    worth = {"input_ids": tokenizer.pad_token_id, "token_type_ids": tokenizer.pad_token_type_id, "labels": -100}
    batch = {}
    for name, first in rows[0].items():
        values = [row[name] for row in rows]
        if isinstance(first, list):
            longest = max(map(len, values))
            values = [value + [worth.get(name, 0)] * (longest - len(value)) for value in values]
        batch[name] = torch.tensor(values)
    return batch
