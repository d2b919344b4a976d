"""A file per family of metrics. Siblings never import one another."""
