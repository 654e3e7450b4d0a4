"""`vidbench leaderboard build`: every row has its place, and the pages work in a browser without asking for anything."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from vidbench.cli.leaderboard import command
from vidbench.errors import InputError
from vidbench.leaderboard.adding import Submission, add_result
from vidbench.leaderboard.bibtex import row_bibtex
from vidbench.leaderboard.boards import board_names, read_board, why_unranked
from vidbench.leaderboard.pages.build import build_site
from vidbench.leaderboard.ranking import rank_groups
from vidbench.leaderboard.rows import CONFIDENCES
from vidbench.leaderboard.tables import rank_cell, score_cell
from vidbench.leaderboard.years_chart import ReferenceLine, years_chart

ROOT = Path(__file__).resolve().parents[4]
BOARDS = ROOT / "leaderboards"
sys.path.insert(0, str(ROOT / "tests" / "oracles"))
from browser import Browser, chromium  # noqa: E402


class Page(HTMLParser):
    """The content of a page: ids, links, everything that would be fetched, and unclosed tags."""

    VOID = ("meta", "link", "input", "br", "img")

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.fetched, self.open = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        self.fetched += [found[name] for name in ("src", "srcset", "data", "action", "poster") if name in found]
        self.fetched += [found["href"]] if tag in ("link", "use", "image") and "href" in found else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site of the shipped boards."""
    output = tmp_path_factory.mktemp("site") / "out"
    build_site(BOARDS, output)
    return output


@pytest.mark.parametrize("name", ["bair-pred", "k600-gen", "k600-pred", "ucf101-gen"])
def test_every_row_has_a_line_an_entry_and_its_source(site, name):
    text = (site / f"{name}.html").read_text()
    page = Page(text)
    assert page.open == []
    rows = read_board(BOARDS, name).rows
    assert [each for each, count in Counter(page.ids).items() if count > 1] == []
    for row in rows:
        assert row.id in page.ids
        assert page.links.count(f"#{row.id}") >= 2
    assert text.count("<article ") == text.count('class="row"') == text.count("@misc{") == len(rows)
    for link in page.links:
        target, _, anchor = link.partition("#")
        if link.startswith("https://arxiv.org/abs/"):
            continue
        assert not target or (site / target).is_file(), link
        assert not anchor or target or anchor in page.ids or anchor == "main", link


def test_the_page_of_a_deprecated_task_says_so(site):
    assert "The task &#39;ucf101-gen&#39; is deprecated" in (site / "ucf101-gen.html").read_text()
    assert "is deprecated" not in (site / "k600-gen.html").read_text()


def test_no_page_fetches_anything(site):
    for path in site.glob("*.html"):
        page = Page(path.read_text())
        assert page.fetched == ["data:,"]
        assert "@import" not in path.read_text()
        assert "url(" not in path.read_text()
        assert all(link.startswith("https://arxiv.org/abs/") for link in page.links if ":" in link)


def test_the_tables_beside_the_pages_are_the_tables(site):
    for name in board_names(BOARDS):
        assert (site / f"{name}.csv").read_bytes() == (BOARDS / f"{name}.csv").read_bytes()


def test_the_index_shows_the_leader_of_each_board_and_its_size(site):
    text = (site / "index.html").read_text()
    for name in board_names(BOARDS):
        rows = read_board(BOARDS, name).rows
        card = text.split(f'href="{name}.html"')[1].split("</a>")[0]
        reason = why_unranked(name)
        first = rank_groups(rows, no_ranks=reason)[0]
        assert f"<b>{len(rows)}</b> rows" in card
        leader = next((entry.row for entry in first.entries if entry.rank == 1), None)
        if leader is None:
            claimed = sum(row.status == "claimed" for row in rows)
            assert claimed or reason
            assert not claimed or f"{claimed} rows are claimed and not yet made again" in card
            continue
        assert f"<b>{leader.model}</b>" in card
        assert f'<b class="value">{score_cell(leader)}</b>' in card
        assert f"first of {sum(entry.rank is not None for entry in first.entries)} in the group" in card


def test_a_board_opens_with_the_group_that_leaves_the_least_open():
    for name in board_names(BOARDS):
        rows = read_board(BOARDS, name).rows
        ranked = [group for group in rank_groups(rows) if group.entries[0].rank]
        if not ranked:
            assert {row.status for row in rows} == {"claimed"}, name
            continue
        first, *others = ranked
        assert len(first.open) <= min(len(group.open) for group in (first, *others)), name
    (first, *_) = rank_groups(read_board(BOARDS, "ucf101-gen").rows)
    assert (first.entries[0].row.model, first.open) == ("W.A.L.T-XL", ("extra data",))


def test_confidence_is_explained_on_every_board_and_beside_every_entry(site):
    for name in board_names(BOARDS):
        text = (site / f"{name}.html").read_text()
        for value, meaning in CONFIDENCES.items():
            assert f"<b>{value}</b>: {meaning}" in text
        for row in read_board(BOARDS, name).rows:
            entry = text.split(f'data-entry="{row.id}"')[1].split("</article>")[0]
            assert not row.confidence or f"{row.confidence}: {CONFIDENCES[row.confidence]}" in entry


def test_a_chart_has_several_points_and_is_marked_where_something_is_not_stated(site):
    for name in board_names(BOARDS):
        text = (site / f"{name}.html").read_text()
        figures = text.split("<figure ")[1:]
        assert bool(figures) == (name in ("bair-pred", "k600-pred", "sky-gen", "taichi-gen", "ucf101-gen")), name
        for figure in (figure.split("</figure>")[0] for figure in figures):
            assert figure.count('class="point') >= 3
            open_values = "The papers may have measured differently" in figure
            assert open_values == ("point hollow" in figure)
            assert not (open_values and 'class="best"' in figure)


def test_a_measured_row_shows_its_bounds_and_links_its_result(tmp_path, result_document):
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result_document))
    add_result(path, tmp_path / "boards", Submission(model="<b>Mine</b> & co"))
    build_site(tmp_path / "boards", tmp_path / "site")
    text = (tmp_path / "site" / "shapes-gen.html").read_text()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (tmp_path / "site" / "results" / f"{digest}.json").read_bytes() == path.read_bytes()
    assert f'href="results/{digest}.json"' in text
    assert "floor (held-out real clips)" in text
    assert ">ceiling<" in text
    assert "<b>Mine" not in text
    assert text.count("&lt;b&gt;Mine&lt;/b&gt; &amp; co") > 3
    assert Page(text).open == []

    # A floor of several sets is their mean and deviation.
    sets = {"num_sets": 2, "mean": 0.3, "deviation": 0.05, "values": [0.25, 0.35]}
    result_document["bounds"] = {"real": {"what": "", "values": {}, "absent": None, "sets": {"fvd-shapes": sets}}}
    path.write_text(json.dumps(result_document))
    add_result(path, tmp_path / "others", Submission(model="Mine"))
    build_site(tmp_path / "others", tmp_path / "site")
    assert "floor (2 sets of held-out real clips: 0.300 ± 0.050)" in (tmp_path / "site" / "shapes-gen.html").read_text()


def test_a_folder_of_something_else_is_not_replaced(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="something other"):
        build_site(BOARDS, tmp_path / "precious")
    assert (tmp_path / "precious" / "thesis.tex").exists()
    (tmp_path / "site").mkdir()
    build_site(BOARDS, tmp_path / "site")
    (tmp_path / "site" / "old.html").write_text("")
    done = CliRunner().invoke(
        command, ["build", "--leaderboards", str(BOARDS), "--output", str(tmp_path / "site")], catch_exceptions=False
    )
    assert done.output.splitlines()[0].endswith("index.html")
    assert not (tmp_path / "site" / "old.html").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["precious", "site"]


def test_a_faulty_board_is_not_published(tmp_path):
    shutil.copytree(BOARDS, tmp_path / "boards")
    board = tmp_path / "boards" / "bair-pred.csv"
    board.write_text(board.read_text().replace(",62,", ",sixty-two,", 1))
    with pytest.raises(InputError, match="row 2, column 'value'"):
        build_site(tmp_path / "boards", tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_the_chart_has_a_log_axis():
    row = next(row for row in read_board(BOARDS, "k600-pred").rows if row.id == "sid2-fvd")
    rows = [row.model_copy(update={"value": 10.0**i, "year": 2020 + i, "id": f"r{i}"}) for i in range(4)]
    svg = years_chart(rows, [ReferenceLine("floor", 0.1)], "label")
    points = [(float(x), float(y)) for x, y in re.findall(r'<circle class="point" cx="([\d.]+)" cy="([\d.]+)"', svg)]
    steps = [a[1] - b[1] for a, b in itertools.pairwise(points)]
    assert steps == pytest.approx([steps[0]] * 3, abs=0.3)
    assert steps[0] > 10
    assert 'class="shade"' not in svg
    shaded = years_chart(rows, [ReferenceLine("floor", 0.1, 0.05)], "label")
    (shade,) = re.findall(r'<rect class="shade"[^>]* y="([\d.]+)"[^>]* height="([\d.]+)"', shaded)
    (line,) = re.findall(r'<line class="bound"[^>]* y1="([\d.]+)"', shaded)
    assert float(shade[0]) < float(line) < float(shade[0]) + float(shade[1])
    (floor,) = re.findall(r'<line class="bound"[^>]* y1="([\d.]+)"', svg)
    assert float(floor) - points[0][1] == pytest.approx(points[0][1] - points[1][1], abs=0.3)
    assert re.findall(r'href="#(r\d)"', svg) == ["r0", "r1", "r2", "r3"]


def test_bibtex_of_papers_with_and_without_authors():
    rows = {row.id: row for row in read_board(BOARDS, "k600-pred").rows}
    assert row_bibtex(rows["phenaki-fvd"]).splitlines() == [
        "@misc{villegas2022phenaki,",
        "  title = {{Phenaki}},",
        "  author = {Villegas and others},",
        "  year = {2022},",
        "  eprint = {2210.02399},",
        "  archivePrefix = {arXiv},",
        "  note = {ICLR 2023},",
        "}",
    ]
    assert "author" not in row_bibtex(rows["canvasmar-fvd"])
    for name in board_names(BOARDS):
        for row in read_board(BOARDS, name).rows:
            entry = row_bibtex(row)
            assert entry.count("{") - entry.count(r"\{") == entry.count("}") - entry.count(r"\}")
            assert re.match(r"@misc\{[a-z0-9]+,\n  title = \{\{.+\}\},\n", entry)


@pytest.fixture(scope="module")
def browser():
    binary = chromium()
    if binary is None:
        pytest.skip("no Chromium is installed (apt-get install chromium)")
    try:
        found = Browser(binary)
    except (OSError, TimeoutError) as error:
        pytest.skip(f"Chromium does not start here: {error}")
    yield found
    found.close()


# Ranks of the visible rows, by group, and what is visible of each group.
RANKS = """[...document.querySelectorAll('tbody')].filter(b => !b.hidden).map(
  b => [...b.querySelectorAll('tr.row')].filter(r => !r.hidden).map(r => r.querySelector('.rank').textContent))"""
SCORES = """[...document.querySelectorAll('tbody')].map(
  b => [...b.querySelectorAll('tr.row td.score')].map(c => Number(c.dataset.sort)))"""
SORTED = "[...document.querySelectorAll('thead th')].map(h => h.getAttribute('aria-sort'))"


def _set(browser, field, value):
    browser.run(
        f"(() => {{ const e = document.getElementById('{field}'); e.value = {json.dumps(value)};"
        "e.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )


def test_sorting_stays_within_groups_and_works_from_the_keyboard(site, browser):
    browser.open((site / "k600-pred.html").as_uri())
    groups = rank_groups(read_board(BOARDS, "k600-pred").rows)
    assert browser.run(RANKS) == [[rank_cell(entry) for entry in group.entries] for group in groups]
    before = [sorted(values) for values in browser.run(SCORES)]
    # From the rank's button three tabs lead to the year's; a person without a mouse presses Enter there.
    browser.run("document.querySelector('thead button').focus()")
    for _ in range(2):
        browser.press("Tab")
    assert browser.run("document.activeElement.textContent") == "Score"
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.press("Enter", "\r")
    assert browser.run(SORTED)[:3] == [None, None, "ascending"]
    assert browser.run(SCORES) == before
    browser.press(" ", " ")
    assert browser.run(SORTED)[:3] == [None, None, "descending"]
    assert browser.run(SCORES) == [values[::-1] for values in before]
    browser.run("document.querySelectorAll('thead button')[1].click()")
    names = browser.run(
        "[...document.querySelectorAll('tbody')].map(b => [...b.querySelectorAll('td.model')].map(c => c.dataset.sort))"
    )
    for group in names:
        assert group == browser.run(f"{json.dumps(group)}.toSorted((a, b) => a.localeCompare(b))")


def test_nothing_stands_without_its_label_on_a_narrow_screen(site, browser):
    labels = (
        "[...document.querySelectorAll('tr.row td:not(.model)')].map(cell => "
        "[getComputedStyle(cell, '::before').content, cell.getBoundingClientRect().right <= innerWidth])"
    )
    browser.look(500, 900)
    try:
        for name in ("ucf101-gen", "shapes-gen"):
            browser.open((site / f"{name}.html").as_uri())
            found = browser.run(labels)
            assert len(found) == 6 * len(read_board(BOARDS, name).rows)
            assert all(content not in ("none", "normal", '""') and fits for content, fits in found)
            assert browser.run("document.documentElement.scrollWidth") == 500
    finally:
        browser.look(1280, 900)


def test_filtering(site, browser):
    browser.open((site / "ucf101-gen.html").as_uri())
    rows = read_board(BOARDS, "ucf101-gen").rows
    shown = "document.getElementById('count').textContent"

    def expect(count):
        assert browser.run(shown) == f"{count} of 174 rows"
        assert sum(map(len, browser.run(RANKS))) == count
        assert browser.run("[...document.querySelectorAll('article')].filter(a => !a.hidden).length") == count

    expect(174)
    _set(browser, "by-metric", "IS(C3D)")
    expect(sum(row.metric == "IS(C3D)" for row in rows))
    _set(browser, "year-from", "2022")
    expect(sum(row.metric == "IS(C3D)" and row.year >= 2022 for row in rows))
    _set(browser, "year-to", "2022")
    expect(sum(row.metric == "IS(C3D)" and row.year == 2022 for row in rows))
    _set(browser, "by-text", "MAGVIT l-cg")
    expect(1)
    _set(browser, "by-status", "reported")
    expect(1)
    browser.run("document.querySelector('form button[type=reset]').click()")
    assert browser.run("new Promise(done => setTimeout(() => done(document.getElementById('count').textContent), 30))")
    expect(174)
    groups = rank_groups(rows)
    _set(browser, "by-group", "g0")
    expect(len(groups[0].entries))
    assert browser.run("[...document.querySelectorAll('figure')].filter(f => !f.hidden).length") == 1
    _set(browser, "by-text", "no such model")
    expect(0)


def test_a_permanent_link_leads_to_its_entry(site, browser):
    browser.look(1000, 800)
    browser.open((site / "k600-pred.html").as_uri())
    browser.run("document.querySelector('#board a[href=\"#w-a-l-t-l-fvd\"]').click()")
    assert browser.run("document.querySelector(':target').id") == "w-a-l-t-l-fvd"
    place = browser.run(
        "(() => { const r = document.querySelector(':target').getBoundingClientRect(); return [r.top, r.bottom] })()"
    )
    assert -1 <= place[0] < 800


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_and_read_in_both_schemes(site, browser, width, scheme):
    contrast = """(() => {
      const level = (c) => { const v = c.match(/[\\d.]+/g).slice(0, 3).map(Number).map(x => x / 255).map(
        x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4); return 0.2126*v[0] + 0.7152*v[1] + 0.0722*v[2]; };
      const page = level(getComputedStyle(document.body).backgroundColor);
      return [...document.querySelectorAll('p, td, th, a, dd, dt, .open, .status, thead button')].slice(0, 400).map(e => {
        const text = level(getComputedStyle(e).color);
        return (Math.max(text, page) + 0.05) / (Math.min(text, page) + 0.05); }).reduce((a, b) => Math.min(a, b)); })()"""
    browser.look(width, 800, scheme)
    for path in sorted(site.glob("*.html")):
        browser.open(path.as_uri())
        assert browser.run("document.documentElement.scrollWidth") <= width, path.name
        dark = browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 24)"
        assert dark == (scheme == "dark")
        assert browser.run(contrast) >= 4.5, path.name


def test_nothing_was_asked_for_and_nothing_went_wrong(site, browser):
    """The last test of the module: covers everything that the earlier ones did."""
    for path in sorted(site.glob("*.html")):
        browser.open(path.as_uri())
    assert browser.complaints == []
    assert {url.partition("#")[0] for url in browser.requests} <= {p.as_uri() for p in site.glob("*.html")} | {"data:,"}


def test_no_file_of_the_package_is_ignored_by_git():
    # A wheel leaves out what git ignores, and `site/` is ignored: a folder of that name once lost the pages.
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "vidbench" / "leaderboard").rglob("*") if path.is_file()]
    files = [name for name in files if "__pycache__" not in name]
    done = subprocess.run([git, "check-ignore", *files], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines() == []
