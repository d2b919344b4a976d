import random


class LikeLengths(torch.utils.data.Sampler):
    """Rows of like lengths share a batch: less padding, still shuffled, another order every epoch."""

    def __init__(self, rows):
        self.lengths, self.epoch = [len(row["input_ids"]) for row in rows], 0

    def __len__(self):
        return len(self.lengths)

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        dice, rows, pool = random.Random(SEED * 1_000_003 + self.epoch), list(range(len(self.lengths))), 50 * BATCH_SIZE
        dice.shuffle(rows)
        pools = [sorted(rows[start : start + pool], key=lambda row: self.lengths[row]) for start in range(0, len(rows), pool)]
        ordered = [row for rows in pools for row in rows]
        batches = [ordered[start : start + BATCH_SIZE] for start in range(0, len(ordered), BATCH_SIZE)]
        short = [batch for batch in batches if len(batch) < BATCH_SIZE]
        batches = [batch for batch in batches if len(batch) == BATCH_SIZE]
        dice.shuffle(batches)
        return iter([row for batch in [*batches, *short] for row in batch])


class Trainer(Trainer):
    """Hugging Face's, with that order."""

    def _get_train_sampler(self, *given, **named):
        return LikeLengths(self.train_dataset)
