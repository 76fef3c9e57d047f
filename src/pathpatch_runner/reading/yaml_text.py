"""YAML as plain data: PyYAML's safe loader, with equal keys and merges refused and aliases bounded.

An alias (`*name`) repeats what its anchor (`&name`) marks, so that a few lines can stand for more
data than there is memory. The size of a text is therefore counted with every alias written out,
before anything is made of it, and an alias inside its own anchor is refused.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pathpatch_runner.errors import PathPatchError
from pathpatch_runner.reading.refusals import MOST_DEPTH, equal_keys, too_deep, unusable

MOST_CHARACTERS = 2**18
"""The longest YAML text that is read: PyYAML takes seconds for it."""
MOST_VALUES = 2**18
"""Keys and values of a text, every alias written out."""
MERGE = "tag:yaml.org,2002:merge"
"""What PyYAML reads the key `<<` as."""


def parse_yaml(text: str, where: str, error: type[PathPatchError]) -> Any:
    """The data of a YAML text. `where`: the file's name."""
    if len(text) > MOST_CHARACTERS:
        raise error(
            f"{where}: {len(text):,} characters of YAML, and {MOST_CHARACTERS:,} at most are read"
        )
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node, loader)
        value = loader.construct_document(node)
        problem = unusable(value)
    except _RefusedError as caught:
        raise error(f"{where}:{caught.line}: {caught}") from caught
    except yaml.MarkedYAMLError as caught:
        raise error(f"{where}{_line_of(caught)}: not YAML: {_said(caught)}") from caught
    except yaml.YAMLError as caught:
        raise error(f"{where}: not YAML: {str(caught).splitlines()[0]}") from caught
    except RecursionError:
        problem = too_deep()
    # What PyYAML's constructors raise for a value that is not what its tag says (`!!int x`).
    except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as caught:
        raise error(f"{where}: not YAML: a value that cannot be read: {caught}") from caught
    finally:
        if loader is not None:
            loader.dispose()
    if problem:
        raise error(f"{where}: {problem}")
    return value


def check_bounds(text: str, where: str, error: type[PathPatchError]) -> None:
    """Refuse a text whose aliases stand for too much, for a reader of its own (Hydra's configs,
    which may merge with `<<`). Nothing is made of the text, and other mistakes are left to it."""
    if len(text) > MOST_CHARACTERS:
        raise error(
            f"{where}: {len(text):,} characters of YAML, and {MOST_CHARACTERS:,} at most are read"
        )
    if "&" not in text:
        return
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is not None:
            _check(node, None)
    except _RefusedError as caught:
        raise error(f"{where}:{caught.line}: {caught}") from caught
    except RecursionError:
        raise error(f"{where}: {too_deep()}") from None
    except yaml.YAMLError:
        return
    finally:
        loader.dispose()


class _RefusedError(Exception):
    """`line`: from 1."""

    def __init__(self, what: str, node: Node) -> None:
        self.line = node.start_mark.line + 1
        super().__init__(what)


class _Loader(yaml.SafeLoader):
    """Stops at a nesting too deep before PyYAML's own recursion does, which takes seconds."""

    depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise RecursionError
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _check(root: Node, loader: _Loader | None) -> None:
    """Refuse equal keys, too many values with aliases written out, aliases inside themselves.
    `loader` None: keys are not looked at."""
    sizes: dict[int, int] = {}

    def size(node: Node, above: frozenset[int]) -> int:
        if id(node) in above:
            raise _RefusedError("an alias stands inside what it repeats", node)
        if id(node) not in sizes:
            if loader is not None and isinstance(node, MappingNode):
                _check_keys(node, loader)
            inner = above | {id(node)}
            sizes[id(node)] = 1 + sum(size(child, inner) for child in _children(node))
            if sizes[id(node)] > MOST_VALUES:
                raise _RefusedError(f"aliases repeat more than {MOST_VALUES:,} values", node)
        return sizes[id(node)]

    size(root, frozenset())


def _check_keys(node: MappingNode, loader: _Loader) -> None:
    lines: dict[Hashable, int] = {}
    for key_node, _ in node.value:
        if key_node.tag == MERGE:
            # PyYAML 6.0.4 takes the wrong one of two values where merges follow each other.
            raise _RefusedError('"<<" is not read. Write the keys out', key_node)
        if not isinstance(key_node, ScalarNode):
            raise _RefusedError("a key must be a text or a number", key_node)
        key = loader.construct_object(key_node)
        line = key_node.start_mark.line + 1
        if key in lines:
            raise _RefusedError(equal_keys(key, lines[key], line), key_node)
        lines[key] = line


def _children(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    if isinstance(node, SequenceNode):
        return list(node.value)
    return []


def _line_of(caught: yaml.MarkedYAMLError) -> str:
    mark = caught.problem_mark or caught.context_mark
    return "" if mark is None else f":{mark.line + 1}"


def _said(caught: yaml.MarkedYAMLError) -> str:
    return " ".join(part for part in (caught.context, caught.problem) if part)
