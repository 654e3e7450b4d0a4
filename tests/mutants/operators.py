"""The small faults: where a source can be changed, and how.

A mutant is named by its file, the function, the kind of change and the changed text, not by a line, so that its name survives
changes elsewhere.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

_COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
_CALLS = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "floor": "ceil",
    "ceil": "floor",
    "minimum": "maximum",
}


class Mutant(NamedTuple):
    """One change.

    Args:
        name: ``path::function::kind::changed text::occurrence``.
        path: of the file, relative to the repository.
        line: in the unchanged file.
        statement: line at which the statement starts.
        at_import: whether the line runs when the module is imported, so that no single test covers it.
        number: index of the change in its file, for `mutated_source`.
    """

    name: str
    path: str
    line: int
    statement: int
    at_import: bool
    number: int


class _Site(NamedTuple):
    kind: str
    node: ast.AST
    scope: str
    statement: int
    at_import: bool
    change: Callable[[ast.AST], ast.AST]


def find_mutants(path: str, source: str) -> list[Mutant]:
    """Return every change of a source, in the order of the source."""
    tree = ast.parse(source)
    seen: Counter[str] = Counter()
    mutants = []
    for number, site in enumerate(_sites(tree)):
        changed = site.node.test if site.kind == "condition" else site.node
        text = " ".join((ast.get_source_segment(source, changed) or "").split())
        name = f"{path}::{site.scope}::{site.kind}::{_short(text)}"
        seen[name] += 1
        mutants.append(Mutant(f"{name}::{seen[name]}", path, site.node.lineno, site.statement, site.at_import, number))
    return mutants


def mutated_source(source: str, number: int) -> str:
    """Return a source with one change."""
    tree = ast.parse(source)
    site = next(site for index, site in enumerate(_sites(tree)) if index == number)
    replacement = ast.copy_location(site.change(copy.deepcopy(site.node)), site.node)

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return replacement if node is site.node else self.generic_visit(node)

    return ast.unparse(ast.fix_missing_locations(Replace().visit(tree)))


def _short(text: str) -> str:
    return text if len(text) <= 70 else f"{text[:50]}…{text[-19:]}"


def _sites(tree: ast.Module) -> Iterator[_Site]:
    yield from _walk(tree, "", 0, at_import=True)


def _walk(node: ast.AST, scope: str, statement: int, at_import: bool) -> Iterator[_Site]:
    if isinstance(node, ast.stmt):
        statement = node.lineno
    for change in _changes(node):
        yield _Site(change[0], node, scope or "module", statement, at_import, change[1])
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_left_alone(node, field, child):
                inner, runs_at_import = scope, at_import
                if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                    inner = f"{scope}.{node.name}" if scope else node.name
                    if isinstance(node, ast.FunctionDef) and field == "body":
                        runs_at_import = False
                elif isinstance(node, ast.Lambda) and field == "body":
                    runs_at_import = False
                yield from _walk(child, inner, statement, runs_at_import)


def _is_left_alone(parent: ast.AST, field: str, child: ast.AST) -> bool:
    """Return whether a change would alter only a message, a type or the text of the module."""
    if field in ("annotation", "returns", "decorator_list", "type_comment", "bases"):
        return True
    if isinstance(parent, ast.Raise):
        return True
    if isinstance(parent, ast.Subscript) and ast.unparse(parent.value) == "Literal":
        return True
    if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
        return True  # a docstring
    if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
        return True
    if isinstance(child, (ast.Assign, ast.AnnAssign)):
        target = child.targets[0] if isinstance(child, ast.Assign) else child.target
        if isinstance(target, ast.Name) and target.id == "__all__":
            return True
    return isinstance(child, (ast.JoinedStr, ast.Import, ast.ImportFrom))


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], ast.AST]]]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        yield "compare", _other_comparison
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in _ARITHMETIC and not _is_text(node):
        yield "arithmetic", _other_arithmetic
    elif isinstance(node, ast.BoolOp):
        yield "and-or", _other_bool
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield "unary", lambda node: node.operand
    elif isinstance(node, ast.Constant) and type(node.value) in (bool, int, float):
        yield "constant", _other_constant
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield "condition", _negated
    elif isinstance(node, ast.Call) and _called(node) in _CALLS:
        yield "call", _other_call
    elif (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)) or isinstance(node, ast.Raise):
        yield "removed", lambda node: ast.Pass()
    elif isinstance(node, ast.Break):
        yield "loop", lambda node: ast.Continue()
    elif isinstance(node, ast.Continue):
        yield "loop", lambda node: ast.Break()
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield "return", lambda node: ast.Return(ast.Constant(None))


def _is_text(node: ast.BinOp | ast.AugAssign) -> bool:
    sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
    return any(
        isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in sides
    )


def _other_comparison(node: ast.Compare) -> ast.AST:
    node.ops[0] = _COMPARISONS[type(node.ops[0])]()
    return node


def _other_arithmetic(node: ast.BinOp | ast.AugAssign) -> ast.AST:
    node.op = _ARITHMETIC[type(node.op)]()
    return node


def _other_bool(node: ast.BoolOp) -> ast.AST:
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    return node


def _other_constant(node: ast.Constant) -> ast.AST:
    return ast.Constant(not node.value if isinstance(node.value, bool) else node.value + 1)


def _negated(node: ast.If | ast.While | ast.IfExp) -> ast.AST:
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return node


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def _other_call(node: ast.Call) -> ast.AST:
    other = _CALLS[_called(node)]
    if isinstance(node.func, ast.Name):
        node.func.id = other
    else:
        node.func.attr = other
    return node
