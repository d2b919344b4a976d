def encode(rows):
    """The conversation as the chat template writes it; only what the assistant says is learned (-100: not learned)."""
    made = []
    for row in rows:
        talk, tools = row["messages"], row.get("tools") or None
        say = lambda messages, ask=False: tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=ask, tools=tools)
        text, spans = say(talk), []
        for index, message in enumerate(talk):
            if message["role"] == "assistant":
                before, after = say(talk[:index], ask=True), say(talk[: index + 1])
                if not after.startswith(before):
                    before = say(talk[:index])
                if text.startswith(after) and after.startswith(before):
                    spans.append((len(before), len(after)))
        whole = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        marks = [any(start <= place[0] < end for start, end in spans) for place in whole["offset_mapping"]][:MAX_LENGTH]
        ids = whole["input_ids"][:MAX_LENGTH]
        if any(marks[1:]):
            labels = [token if mark else -100 for token, mark in zip(ids, marks)]
            made.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels})
    return made
