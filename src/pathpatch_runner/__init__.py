"""Treeified path patching of transformer language models."""
