"""Tiny models made from config, with tiny tokenizers, and datasets of a few rows."""

from __future__ import annotations
