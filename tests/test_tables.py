"""What a chapter shows of a record: the numbers, and a table that a screen reader and a narrow screen can do with."""

import html
import json
import re
import statistics
import xml.etree.ElementTree as ET

import nbformat
import pytest
from built import ROOT
from IPython.display import HTML

from vae_core.tables import ABSENT, recorded, spread, table

CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
RUNS = {"0": {"cost": -97.25, "rate": 25.5}, "1": {"cost": -98.6, "rate": 26.125}, "2": {"cost": -96.0, "rate": 24.0}}


# --- records ---


def test_a_record_is_what_stands_in_its_file(monkeypatch):
    monkeypatch.chdir(ROOT / "chapters")
    for file in (ROOT / "benchmarks" / "results").glob("*.json"):
        assert recorded(file.stem) == json.loads(file.read_text(encoding="utf-8"))


def test_where_there_is_none_nothing_is_found_and_a_page_says_where_they_lie(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert recorded("scales") == {}
    assert re.fullmatch(r"<p>[^<]*benchmarks/results[^<]*\.</p>", str(ABSENT.data))


def test_a_record_that_is_damaged_is_no_absent_one(monkeypatch, tmp_path):
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    (tmp_path / "chapters").mkdir()
    (tmp_path / "benchmarks" / "results" / "half.json").write_text('{"rows": ', encoding="utf-8")
    monkeypatch.chdir(tmp_path / "chapters")
    with pytest.raises(ValueError, match="Expecting value"):
        recorded("half")


def test_chapters_read_records_in_this_one_way():
    for path in CHAPTERS:
        code = "\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code")
        assert not re.search(r"""["']\.\./benchmarks/results|def (?:recorded|table)\(""", code), path.name


# --- spreads ---


@pytest.mark.parametrize("key", ["cost", "rate"])
@pytest.mark.parametrize("digits", [0, 1, 3])
def test_a_spread_is_mean_and_standard_deviation_over_seeds(key, digits):
    values = [run[key] for run in RUNS.values()]
    shown = spread(RUNS, key, digits)
    assert shown == spread(list(RUNS.values()), key, digits) == spread(iter(RUNS.values()), key, digits)
    found = [float(part) for part in shown.replace("−", "-").split(" ± ")]
    expected = statistics.mean(values), statistics.stdev(values)
    assert found == pytest.approx(expected, abs=0.5 * 10**-digits)


def test_it_has_one_decimal_and_a_true_minus_sign():
    assert spread(RUNS, "cost") == "−97.3 ± 1.3"
    assert "-" not in spread(RUNS, "cost", 3)


@pytest.mark.parametrize("runs", [{}, {"0": {"cost": 1.0}}])
def test_fewer_than_two_runs_have_no_spread(runs):
    with pytest.raises(ValueError, match="requires at least"):
        spread(runs, "cost")


# --- tables ---


def parsed(made):
    return ET.fromstring(made.data.replace("<br>", "<br/>"))


def style(cell):
    return dict(part.split(": ", 1) for part in cell.get("style").split("; "))


def words(line):
    return ["".join(cell.itertext()) for cell in line]


HEAD = ["network", "rate", 2]
ROWS = [["vae-2 & more", "<5", 0.5], ["α", HTML("1.0<br><small>0.9–1.1</small>"), -3]]


def test_a_table_is_a_region_with_a_name_that_can_be_reached_and_scrolled():
    around = parsed(table(HEAD, ROWS))
    assert (around.tag, around.get("role"), around.get("tabindex")) == ("div", "region", "0")
    assert around.get("aria-label") == "network, vae-2 & more, α"
    assert style(around)["overflow-x"] == "auto"
    assert [part.tag for part in around] == ["table"]
    assert parsed(table(HEAD, ROWS, 'of "five" <seeds>')).get("aria-label") == 'of "five" <seeds>'


def test_it_says_what_each_number_is():
    head, body = parsed(table(HEAD, ROWS))[0]
    assert (head.tag, body.tag) == ("thead", "tbody")
    assert [(cell.tag, cell.get("scope")) for cell in head[0]] == 3 * [("th", "col")]
    for line in body:
        assert [(cell.tag, cell.get("scope")) for cell in line] == [("th", "row"), ("td", None), ("td", None)]


def test_the_first_column_stays_and_covers_what_scrolls_below_it():
    head, body = parsed(table(HEAD, ROWS))[0]
    for line in [*head, *body]:
        for place, cell in enumerate(line):
            look = style(cell)
            assert (look.get("position"), look.get("left")) == (("sticky", "0") if place == 0 else (None, None))
            assert ("background" in look) == (place == 0)
            assert look["text-align"] == ("right" if place else "left")
        assert all((style(cell).get("white-space") == "nowrap") == (cell.tag == "td") for cell in line)


def test_text_is_text_and_what_is_made_as_html_goes_in_as_it_is():
    made = table(HEAD, ROWS)
    head, body = parsed(made)[0]
    assert words(head[0]) == ["network", "rate", "2"]
    assert [words(line) for line in body] == [["vae-2 & more", "<5", "0.5"], ["α", "1.00.9–1.1", "-3"]]
    assert ">&lt;5</td>" in str(made.data) and ">1.0<br><small>0.9–1.1</small></td>" in str(made.data)


def test_a_table_without_rows_has_its_head():
    head, body = parsed(table(["a", "b"], []))[0]
    assert words(head[0]) == ["a", "b"] and len(body) == 0


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_two_tables_of_a_page_have_one_name(path):
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    shown = [output.get("data", {}).get("text/html", "") for cell in cells for output in cell.outputs]
    names = [html.unescape(name) for text in shown for name in re.findall(r'role="region" aria-label="([^"]*)"', text)]
    assert len(names) == len(set(names)), names
