"""The small changes that mutmut makes of a module."""

import random
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import takewhile

import libcst as cst
from mutmut.mutation.file_mutation import MutationVisitor
from mutmut.mutation.mutators import mutation_operators, operator_assignment, operator_string
from mutmut.mutation.pragma_handling import IgnoredCode

# None in place of a value, and what keeps programmers from errors: mypy sees these; UTF-8 is the default where it runs
GUARDS = re.compile(r"→None\]|\b(frozen|slots|kw_only|strict)=\[|\[[, ]*(frozen|slots|kw_only|strict)=|\"utf-8\"→\]")
WORDS = re.compile(r"\w+|\s+|.")


class Everywhere(MutationVisitor):  # type: ignore[misc]  # untyped where mutmut is not installed
    """Looks into decorated functions, too, and changes no texts."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        return not isinstance(node, cst.FunctionDef) and bool(super()._skip_node_and_children(node))


def _negated(node: cst.If | cst.CompIf | cst.While) -> Iterator[cst.CSTNode]:
    test = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    yield node.with_changes(test=cst.UnaryOperation(operator=cst.Not(), expression=test))


def find_mutants(source: str, most: int | None) -> Iterator[tuple[str, str]]:
    """The changes, such as `12: if seen <[→=] limit:`, each with the source that has it; in a random order."""
    kept = [pair for pair in mutation_operators if pair[1] not in (operator_string, operator_assignment)]
    tree = cst.MetadataWrapper(cst.parse_module(source))
    visitor = Everywhere(
        [*kept, *((kind, _negated) for kind in (cst.If, cst.CompIf, cst.While))], IgnoredCode(*[set()] * 3)
    )
    tree.visit(visitor)
    random.Random(0).shuffle(visitor.mutations)
    sources = (tree.module.deep_replace(one.original_node, one.mutated_node).code for one in visitor.mutations)
    found = ((change, mutant) for mutant in sources if not GUARDS.search(change := _describe(source, mutant)))
    yield from (pair for number, pair in zip(range(most or sys.maxsize), found, strict=False))


def _describe(source: str, mutant: str) -> str:
    old, new = WORDS.findall(source), WORDS.findall(mutant)
    start = _alike(old, new)
    end = min(_alike(old[::-1], new[::-1]), len(old) - start, len(new) - start)
    before, after = "".join(old[:start]), "".join(old[len(old) - end :])
    change = f"[{''.join(old[start : len(old) - end])}→{''.join(new[start : len(new) - end])}]"
    line = before.rpartition("\n")[2] + change + after.partition("\n")[0]
    return f"{before.count(chr(10)) + 1}: {' '.join(line.split())}"


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
