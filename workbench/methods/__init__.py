"""A file per method. Siblings never import one another."""
