"""What a committed notebook must and must not hold, before anything runs."""

from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = [*sorted(ROOT.glob("*.ipynb")), *sorted((ROOT / "chapters").glob("*.ipynb"))]
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shows_image(cell):
    return any(kind.startswith("image/") for output in cell.outputs for kind in output.get("data", {}))


def test_every_code_cell_was_run_in_order(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1)), "run `make chapters`: strict nbval skips a cell with no count"


def test_no_output_is_an_error(notebook):
    assert [
        output.evalue for cell in code_cells(notebook) for output in cell.outputs if output.output_type == "error"
    ] == []


def test_nothing_of_one_session_is_kept(notebook):
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec == {"display_name": "Python 3", "language": "python", "name": "python3"}
    for cell in code_cells(notebook):
        assert "execution" not in cell.metadata, "timings"
        for output in cell.outputs:
            assert WIDGET_VIEW not in output.get("data", {}), "a view with no model behind it"
            assert output.get("name") != "stderr", "progress bars and warnings differ from run to run"


def test_cell_ids_are_unique(notebook):
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


def test_every_figure_has_alt_text(notebook):
    for cell in code_cells(notebook):
        if shows_image(cell):
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt) > 20, f"say what the figure shows, in metadata.mystnb.image.alt of:\n{cell.source}"
