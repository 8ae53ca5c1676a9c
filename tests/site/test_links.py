"""Every link, file and head of the built site, read without a browser."""

import os
import re
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from served import html_pages

LOADING = {"src", "poster", "data", "srcset"}
ADDRESS = LOADING | {"href"}
# A <link> of these kinds names an address and loads nothing.
NAMED_ONLY = {"canonical", "license", "alternate"}
CSS_URL = re.compile(
    r"""url\(\s*(["']?)(?P<a>.*?)\1\s*\)|@import\s+(["'])(?P<b>.*?)\3"""
)
FILE_PATH = re.compile(r"\S*/\S*|\S+\.(png|svg|jpe?g|webp)")


class Page(HTMLParser):
    """What the checks need of one page."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.ids, self.tags, self.text = set(), [], {}
        self.inside = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        self.ids.add(attributes.get("id"))
        if tag in ("title", "style", "h1"):
            self.inside.append(tag)

    def handle_endtag(self, tag):
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data):
        for tag in self.inside:
            self.text[tag] = self.text.get(tag, "") + data

    def all(self, tag, **wanted):
        return [
            attributes
            for name, attributes in self.tags
            if name == tag
            and all(attributes.get(k) == v for k, v in wanted.items())
        ]


class Site:
    """A folder of pages, each read once."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        self.pages = {}

    @cached_property
    def paths(self):
        return html_pages(self.folder)

    def page(self, path):
        path = Path(path).resolve()
        if path not in self.pages:
            self.pages[path] = Page(path)
        return self.pages[path]

    def target_fault(self, origin, value):
        """What is wrong with a link inside the site, or None."""
        parts = urlsplit(value)
        target = origin
        if parts.path:
            target = origin.parent / unquote(parts.path)
            if parts.path.startswith("/"):
                return f"{value} works at one address only"
        if target.is_dir():
            target = target / "index.html"
        if self.folder not in target.resolve().parents:
            return f"{value} leaves the site"
        if not target.is_file():
            return f"{value} does not exist"
        fragment = unquote(parts.fragment)
        if not fragment or target.suffix != ".html":
            return None
        if fragment in self.page(target).ids:
            return None
        return f"{value} has no such place"

    def link_faults(self, path):
        page = self.page(self.folder / path)
        for tag, attributes in page.tags:
            for key in ADDRESS & set(attributes):
                value = attributes[key] or ""
                parts = urlsplit(value)
                if parts.scheme == "data" or not value:
                    continue
                if not parts.scheme and not parts.netloc:
                    fault = self.target_fault(page.path, value)
                    if fault:
                        yield f"<{tag}> {fault}"
                elif tag == "a":
                    if parts.scheme != "https" or "." not in parts.netloc:
                        yield f"<a> {value} is not an https address"
                    elif re.search(r"\s", value):
                        yield f"<a> {value} holds a space"
                elif attributes.get("rel") not in NAMED_ONLY:
                    yield f"<{tag}> loads {value} from another host"
            style = attributes.get("style") or ""
            yield from self.css_faults(page.path, style)
        yield from self.css_faults(page.path, page.text.get("style", ""))

    def css_faults(self, origin, text):
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        for match in CSS_URL.finditer(text):
            value = match["a"] or match["b"] or ""
            parts = urlsplit(value)
            if parts.scheme == "data" or value.startswith("#"):
                continue
            if parts.scheme or parts.netloc:
                yield f"css loads {value} from another host"
            elif not (origin.parent / unquote(parts.path)).is_file():
                yield f"css: {value} does not exist"

    def head_faults(self, path):
        page = self.page(self.folder / path)
        if not page.text.get("title", "").strip():
            yield "no title"
        description = page.all("meta", name="description")
        if not description or not description[0].get("content"):
            yield "no description"
        if not any(
            "icon" in (link.get("rel") or "").split()
            for link in page.all("link")
        ):
            yield "no icon"
        if not page.all("html", lang="en"):
            yield "no language"
        headings = len(page.all("h1"))
        if headings != 1:
            yield f"{headings} h1 headings"
        for image in page.all("img"):
            alt = image.get("alt")
            if alt is None:
                yield f"no alt text: {image.get('src')}"
            elif FILE_PATH.fullmatch(alt):
                yield f"a file path as alt text: {alt}"


@pytest.fixture(scope="session")
def book(site):
    return Site(site)


# --- The site ----------------------------------------------------------------


def test_links(book, page_path):
    assert list(book.link_faults(page_path)) == []


def test_head(book, page_path):
    assert list(book.head_faults(page_path)) == []


def test_styles_load_nothing_from_elsewhere(book):
    faults = [
        f"{path.relative_to(book.folder)}: {fault}"
        for path in book.folder.rglob("*.css")
        for fault in book.css_faults(path, path.read_text("utf-8"))
    ]
    assert faults == []


def test_titles_and_descriptions_differ(book):
    pages = [path for path in book.paths if path not in ("404.html",)]
    for what in ("title", "description"):
        seen = {}
        for path in pages:
            page = book.page(book.folder / path)
            text = page.text["title"]
            if what == "description":
                text = page.all("meta", name="description")[0]["content"]
            seen.setdefault(text, []).append(path)
        assert [same for same in seen.values() if len(same) > 1] == []


def test_each_notebook_opens_in_colab_and_downloads(book):
    root = book.folder.parents[1]
    notebooks = sorted((root / "chapters").rglob("*.ipynb"))
    notebooks = [n for n in notebooks if ".ipynb_checkpoints" not in n.parts]
    assert notebooks, f"no notebooks beside the site, in {root}"
    for notebook in notebooks:
        path = notebook.relative_to(root).with_suffix(".html")
        page = book.page(book.folder / path)
        buttons = [a for a in page.all("a") if "download" in a]
        file = page.path.parent / unquote(buttons[0]["href"])
        assert file.read_bytes() == notebook.read_bytes()

        colab = [a for a in page.all("a") if "colab" in a.get("class", "")]
        assert len(colab) == 1
        match = re.fullmatch(
            r"https://colab\.research\.google\.com/github/"
            r"(?P<name>[\w-]+/[\w.-]+)/blob/(?P<branch>[^/]+)/(?P<path>.+)",
            unquote(colab[0]["href"]),
        )
        assert match["path"] == notebook.relative_to(root).as_posix()
        home = os.environ.get("GITHUB_REPOSITORY")
        if home:
            assert match["name"] == home


# --- The checks can fail -----------------------------------------------------

GOOD = """<!DOCTYPE html><html lang="en"><head><title>A page</title>
<meta name="description" content="About it."><link rel="icon" href="data:,">
</head><body><h1 id="top">A page</h1>{}</body></html>"""


@pytest.fixture
def planted(tmp_path):
    """Faults found on a page with this in its body (or in place of it)."""

    def faults(body, page=GOOD):
        (tmp_path / "index.html").write_text(page.replace("{}", body))
        (tmp_path / "here.html").write_text(GOOD.replace("{}", ""))
        site = Site(tmp_path)
        return [
            *site.link_faults("index.html"),
            *site.head_faults("index.html"),
        ]

    return faults


@pytest.mark.parametrize(
    "body",
    [
        '<a href="here.html#top">x</a>',
        '<a href="#top">x</a>',
        '<a href="https://example.org/a#b">x</a>',
        '<img src="data:image/png;base64," alt="A curve that falls.">',
        '<p style="background: url(here.html)">x</p>',
    ],
)
def test_sound_page_has_no_faults(planted, body):
    assert planted(body) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="gone.html">x</a>', "gone.html does not exist"),
        ('<a href="here.html#gone">x</a>', "#gone has no such place"),
        ('<a href="#gone">x</a>', "#gone has no such place"),
        ('<a href="../../other.html">x</a>', "leaves the site"),
        ('<a href="/here.html">x</a>', "works at one address only"),
        ('<a href="http://example.org">x</a>', "is not an https address"),
        ('<a href="https://localhost/">x</a>', "is not an https address"),
        ('<a href="javascript:x()">x</a>', "is not an https address"),
        ('<img src="gone.png" alt="A curve.">', "gone.png does not exist"),
        ('<img src="https://a.org/b.png" alt="A curve.">', "another host"),
        ('<script src="//a.org/b.js"></script>', "another host"),
        ('<iframe src="https://a.org/"></iframe>', "another host"),
        ('<link rel="stylesheet" href="https://a.org/b.css">', "another host"),
        ("<style>@import 'https://a.org/b.css';</style>", "another host"),
        ("<p style='background: url(gone.png)'>x</p>", "does not exist"),
        ('<img src="data:,">', "no alt text"),
        ('<img src="data:," alt="../_images/ab12.png">', "a file path as alt"),
        ("<h1>Again</h1>", "2 h1 headings"),
    ],
)
def test_planted_fault_is_found(planted, body, fault):
    (found,) = planted(body)
    assert fault in found


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ("<title>A page</title>", "no title"),
        ('<meta name="description" content="About it.">', "no description"),
        ('<link rel="icon" href="data:,">', "no icon"),
        (' lang="en"', "no language"),
    ],
)
def test_missing_part_of_the_head_is_found(planted, part, fault):
    assert part in GOOD
    assert planted("", GOOD.replace(part, "")) == [fault]


def test_style_sheet_with_a_fault_is_found(tmp_path):
    sheet = tmp_path / "a.css"
    text = "@font-face { src: url(https://a.org/b.woff2) } /* url(c) */"
    (fault,) = Site(tmp_path).css_faults(sheet, text)
    assert "another host" in fault
