"""The built site in a browser, as a reader meets it.

The site is served from a folder of localhost, and nothing else can be
reached. Each check is also run on a page with its fault planted.
"""

import re

import pytest
from reader import DESKTOP, PHONE, SMALLEST, Reader
from served import NO_BROWSER, find_browser, serving

# --- Every page --------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page(reading, page_path, scheme):
    reader = reading(color_scheme=scheme)
    page = reader.open(page_path)
    if page.locator(".theme-switch-button").count():
        root = page.locator("html")
        assert root.get_attribute("data-theme") == scheme
    problems = reader.math_problems() + reader.access_problems()
    problems += reader.width_problems(PHONE, SMALLEST)
    assert reader.problems + problems == []


def test_page_without_scripts(reading, page_path):
    reader = reading(java_script_enabled=False)
    page = reader.open(page_path)
    assert page.locator("h1").is_visible()
    assert len(page.locator("main").inner_text()) > 40
    for button in page.locator(".theme-switch-button, .search-button").all():
        assert not button.is_visible()
    assert reader.problems == []


# --- What a reader does ------------------------------------------------------


@pytest.fixture(scope="session")
def notebook_page(site):
    """The first page of the book that is a notebook."""
    found = sorted(site.glob("chapters/*/*.html"))
    assert found, f"no chapter in {site}"
    return found[0].relative_to(site).as_posix()


def test_search_finds_a_page(reading, notebook_page):
    reader = reading()
    title = reader.open(notebook_page).locator("h1").inner_text()
    word = max(re.findall(r"[a-z]+", title.lower()), key=len)
    page = reader.open(f"search.html?q={word}")
    link = page.locator("#search-results a", has_text=title.rstrip("#"))
    link.first.click()
    assert notebook_page in page.url
    assert page.locator("h1").inner_text() == title
    assert reader.problems == []


def test_search_opens_from_the_keyboard(reading):
    page = reading().open("index.html")
    page.keyboard.press("Control+k")
    field = page.locator("#pst-search-dialog input")
    assert field.is_visible()
    field.fill("words")
    field.press("Enter")
    page.wait_for_url("**/search.html?q=words*")


def test_theme_changes_and_is_remembered(reading):
    reader = reading(color_scheme="light")
    page = reader.open("index.html")
    root, button = page.locator("html"), page.locator(".theme-switch-button")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    for _ in ("auto", "dark", "light"):
        if root.get_attribute("data-mode") != "dark":
            button.click()
    assert root.get_attribute("data-theme") == "dark"
    assert page.evaluate(background) != light
    page.reload()
    assert root.get_attribute("data-theme") == "dark"
    assert reader.problems == []


def test_keyboard_reaches_everything_and_shows_where(reading, notebook_page):
    reader = reading()
    page = reader.open(notebook_page)
    page.keyboard.press("Tab")
    focused = page.locator(":focus")
    assert focused.inner_text() == "Skip to main content"
    assert focused.is_visible()

    names = []
    for _ in range(200):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => {
              const e = document.activeElement;
              const name = e.ariaLabel || e.textContent;
              return [name.replace(/\\s+/g, " ").trim(),
                      getComputedStyle(e).outlineStyle];
            }"""
        )
        names.append(name)
        if page.evaluate("document.activeElement == document.body"):
            break  # the end of the page
        assert outline != "none", f"no focus is shown on {name!r}"
    for wanted in ("Color mode", "Open in Colab", "Copy this code"):
        assert wanted in names

    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.locator("#pst-skip-link a").focus()
    page.keyboard.press("Enter")
    assert page.url.endswith("#main-content")


def test_copy_button_copies_the_code(reading, notebook_page):
    reader = reading(permissions=["clipboard-read", "clipboard-write"])
    page = reader.open(notebook_page)
    block = page.locator(".cell_input .highlight:visible").first
    block.hover()
    block.get_by_role("button").click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == block.locator("pre").inner_text().strip()
    assert copied.strip()
    assert reader.problems == []


def test_folds_open(reading, site):
    reader = reading()
    for path in sorted(site.glob("chapters/*/*.html")):
        page = reader.open(path.relative_to(site).as_posix())
        # Those of a part's fallback are hidden once the part is ready.
        folds = page.locator("details:not(.lmbook-fallback details)")
        for fold in folds.all():
            fold.locator("summary").first.click()
            content = fold.locator(":scope > :not(summary)").first
            assert content.is_visible()
    assert reader.problems == []


def test_contents_open_on_a_phone(reading, notebook_page):
    reader = reading(viewport=PHONE, has_touch=True)
    page = reader.open(notebook_page)
    contents = page.locator("nav.bd-docs-nav")
    assert not contents.is_visible()
    page.locator(".primary-toggle:visible").click()
    assert contents.is_visible()
    contents.get_by_role("link", name="Front page").click()
    page.wait_for_url("**/index.html")
    assert reader.problems == []


def test_print_shows_the_page_alone(reading, notebook_page):
    reader = reading(color_scheme="dark", viewport={"width": 700, "height": 9})
    page = reader.open(notebook_page)
    page.emulate_media(media="print")
    assert page.locator("h1").is_visible()
    for around in (".bd-header-article", ".bd-sidebar-primary", ".copy"):
        assert not page.locator(around).first.is_visible()
    wide = page.evaluate(
        """() => [...document.querySelectorAll("pre")]
        .filter(e => e.scrollWidth > e.clientWidth + 1).length"""
    )
    assert wide == 0
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"


# --- The checks can fail -----------------------------------------------------

PLAIN = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>A page</title>
<link rel="icon" href="data:,"></head>
<body><main><h1>A page</h1>{}</main></body></html>"""


@pytest.fixture
def planted(browser, tmp_path):
    """All problems found on a page with this in its body."""

    def problems(body):
        (tmp_path / "index.html").write_text(PLAIN.replace("{}", body))
        with (
            serving(tmp_path) as origin,
            browser.new_context(viewport=DESKTOP) as context,
        ):
            reader = Reader(context, origin)
            reader.open("index.html")
            found = reader.math_problems() + reader.access_problems()
            found += reader.width_problems(PHONE)
            return reader.problems + found

    return problems


def test_sound_page_has_no_problems(planted):
    assert planted("<p>Words.</p>") == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<script>console.error('oh')</script>", "console error: oh"),
        ("<script>console.warn('oh')</script>", "console warning: oh"),
        ("<script>gone()</script>", "error: gone is not defined"),
        ("<script src='gone.js'></script>", "404: "),
        ("<script src='/gone.js'></script>", "asked elsewhere: "),
        (
            "<script>fetch('https://example.org/').catch(() => 0)</script>",
            "asked elsewhere: https://example.org/",
        ),
        ("<p class='math'>\\(x\\)</p>", "not set: \\(x\\)"),
        (
            "<img src='data:image/gif;base64,R0lGODdhAQABAAAAACw='>",
            "image-alt",
        ),
        ("<p style='color: #aaa'>Pale.</p>", "color-contrast"),
        (
            "<details><summary>A</summary><p style='color: #aaa'>Pale.</p>"
            "</details>",
            "color-contrast",
        ),
        ("<p style='width: 400px'>Wide.</p>", "wider than 390"),
    ],
)
def test_planted_problem_is_found(planted, body, problem):
    assert any(problem in found for found in planted(body)), planted(body)


def test_browser_is_found_or_its_lack_is_explained(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("served.BROWSERS", ("chromium",))
    own = tmp_path / "own"
    assert find_browser({}, str(own)) is None
    assert "install" in NO_BROWSER
    own.touch()
    assert find_browser({}, str(own)) == str(own)
    (tmp_path / "chromium").touch(mode=0o755)
    assert find_browser({}, str(own)) == str(tmp_path / "chromium")
    assert find_browser({"CHROME_PATH": "/a"}, str(own)) == "/a"
