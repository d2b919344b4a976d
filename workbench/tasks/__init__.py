"""A file per task. Siblings never import one another."""
