def encode(rows):
    """The conversation as the chat template writes it; only what the assistant says is learned (-100: not learned)."""
    made = []
    for row in rows:
        whole = tokenizer.apply_chat_template(row["messages"], return_dict=True, return_assistant_tokens_mask=True)
        ids, marks = whole["input_ids"][:MAX_LENGTH], whole["assistant_masks"][:MAX_LENGTH]
        if any(marks[1:]):
            labels = [token if mark else -100 for token, mark in zip(ids, marks)]
            made.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels})
    return made
