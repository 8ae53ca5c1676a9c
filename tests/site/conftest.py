"""The built site, a server for it, and a browser.

The tests read `_build/html`, which `make book` builds, or the folder that
the environment variable LMBOOK_SITE names.
"""

import contextlib
import os

import pytest
from reader import DESKTOP, Reader
from served import (
    NO_BROWSER,
    find_browser,
    html_pages,
    serving,
    site_folder,
)
from stand import write_stand


def pytest_generate_tests(metafunc):
    if "page_path" in metafunc.fixturenames:
        pages = html_pages(site_folder())
        # Without a site, one test remains, and says so.
        metafunc.parametrize("page_path", pages or ["index.html"])


@pytest.fixture(scope="session")
def site():
    folder = site_folder()
    if not (folder / "index.html").exists():
        pytest.fail(f"no site in {folder}: run `make book` first")
    return folder


@pytest.fixture(scope="session")
def address(site):
    with serving(site) as url:
        yield url


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium
        path = find_browser(os.environ, chromium.executable_path)
        if path is None:
            pytest.fail(NO_BROWSER)
        yield chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                # Nothing but this machine can be reached.
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )


@pytest.fixture
def reading(browser, address):
    """Open a window on the site (or another origin); closed at the end."""
    with contextlib.ExitStack() as stack:

        def window(origin=address, **options):
            options = {"viewport": DESKTOP, **options}
            context = stack.enter_context(browser.new_context(**options))
            return Reader(context, origin)

        yield window


@pytest.fixture
def stand(tmp_path, reading):
    """Open a window on a page with these parts alone."""
    with contextlib.ExitStack() as stack:

        def opened(*parts, theme="light", **options):
            write_stand(tmp_path, *parts, theme=theme)
            origin = stack.enter_context(serving(tmp_path))
            reader = reading(origin, **options)
            reader.open("index.html")
            return reader

        yield opened
