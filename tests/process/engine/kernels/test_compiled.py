import ast
from pathlib import Path

from streaming.engine.kernels import compiled

ENGINE = Path(compiled.__file__).parent
COMPILERS = {"numba", "numba.core", "numba.extending", "streaming.engine.kernels.compiled"}


def modules(path: Path) -> set[str]:
    """What a file imports from."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def test_machine_code_is_kept_for_exactly_the_files_that_it_is_made_of() -> None:
    compiling = {path for path in ENGINE.glob("*.py") if modules(path) & COMPILERS}
    assert {"row_arithmetic", "int8_kernel", "int8_product", "simd"} <= {path.stem for path in compiling}
    assert compiling <= set(compiled._sources())
