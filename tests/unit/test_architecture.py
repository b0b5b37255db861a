"""The table of docs/architecture.md says what is true of the tree."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [
    (re.findall(r"`(tlstudio[\w.]*)`", cells[0]), cells[2])
    for line in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| `tlstudio.") and (cells := line.strip("|").split("|"))
]
ROW = {name: number for number, (names, _) in enumerate(ROWS) for name in names}


@functools.cache
def imports_by_module() -> dict[str, list[str]]:
    found = {}
    for path in sorted((ROOT / "tlstudio").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found[".".join(parts).removesuffix(".__init__")] = list(imported(tree))
    return found


def imported(tree: ast.AST) -> Iterator[str]:
    """What is imported when the module is: not what stands in functions, or for the type checker alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.ClassDef):
            yield from imported(node)


def room(module: str) -> str:
    return max((name for name in ROW if f"{module}.".startswith(f"{name}.")), key=len, default="")


def test_that_every_room_has_its_line_and_imports_only_rooms_above_it() -> None:
    rooms = {module: room(module) for module in imports_by_module()}
    assert [module for module, own in rooms.items() if not own] == ["tlstudio", "tlstudio.__main__"]
    assert set(ROW) <= set(rooms.values()), "rooms that are no longer there"
    upside_down = [
        f"{module} imports {name}"
        for module, names in imports_by_module().items()
        for name in names
        if (own := rooms[module]) and (other := room(name)) and ROW[other] > ROW[own]
    ]
    assert not upside_down


def test_that_torch_is_imported_where_the_table_says_so() -> None:
    heavy = ("torch", "torchvision", "torchmetrics")
    with_torch = [
        module
        for module, names in imports_by_module().items()
        if any(name.partition(".")[0] in heavy for name in names)
    ]
    unsaid = []
    for module in with_torch:
        said = ROWS[ROW[room(module)]][1]
        if not said.strip().startswith("yes") and f"`{module.rpartition('.')[2]}`" not in said:
            unsaid.append(module)
    assert len(with_torch) > 50
    assert not unsaid
