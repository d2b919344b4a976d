"""How the bundled starter model and the samples were made: a small world, its grammar, the tokenizer, the training."""
