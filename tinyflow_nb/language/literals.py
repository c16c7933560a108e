"""What can be read off the text without running it: literals, and names of literal constants."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from typing import Any


class NotLiteral(Exception):
    """Only running the cell would tell. `at` is the part that can't be read."""

    def __init__(self, at: ast.expr) -> None:
        super().__init__(ast.unparse(at) if not isinstance(at, ast.JoinedStr) else "f-string")
        self.at = at


class Literals:
    """The cell's literal constants by name; evaluates expressions made of literals and those names."""

    def __init__(self, constants: Mapping[str, ast.expr]) -> None:
        self._constants = constants

    def node(self, expression: ast.expr) -> ast.expr:
        """The literal itself, for the name of a constant the one it was given."""
        seen: set[str] = set()
        while isinstance(expression, ast.Name) and expression.id in self._constants:
            if expression.id in seen:
                break
            seen.add(expression.id)
            expression = self._constants[expression.id]
        return expression

    def value(self, expression: ast.expr) -> Any:
        """Raises NotLiteral."""
        literal = self.node(expression)
        match literal:
            case ast.Constant(value=value):
                if value is None or (isinstance(value, (str, int, float)) and _finite(value)):
                    return value
            case ast.List(elts=items):
                return [self.value(item) for item in items]
            case ast.Tuple(elts=items):
                return tuple(self.value(item) for item in items)
            case ast.Dict(keys=keys, values=values) if None not in keys:
                pairs = zip(keys, values, strict=True)
                try:
                    return {self.value(k): self.value(v) for k, v in pairs if k is not None}
                except TypeError:  # a list as a key
                    raise NotLiteral(literal) from None
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                number = self.value(operand)
                if isinstance(number, (int, float)):
                    return -number
        raise NotLiteral(literal)


def _finite(value: str | float) -> bool:
    return isinstance(value, str) or math.isfinite(value)
