"""A file per page of the left rail. Each lays out, then wires; siblings never import one another."""
