"""Move the book to another repository: `make home REPO=https://github.com/…`.

The address stands in `_config.yml`. This rewrites it there and where it is
repeated: setup cells, README, citation, package metadata.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pages import ROOT, repository

ADDRESS = re.compile(r"https://github\.com/([A-Za-z0-9-]+)/([\w.-]+)")
REPEATED = ("*.md", "*.cff", "*.toml", "*.yml", "chapters/**/*.ipynb")


def parse(address: str) -> str:
    """`owner/name` of an address; ValueError if it is not GitHub's."""
    match = ADDRESS.fullmatch(address.rstrip("/").removesuffix(".git"))
    if not match:
        raise ValueError(
            f"`{address}` is no repository's address: "
            "say make home REPO=https://github.com/you/fork"
        )
    return f"{match[1]}/{match[2]}"


def move(text: str, old: str, new: str) -> str:
    """Replace `owner/name` and the address of the GitHub Pages."""

    def pages_address(slug: str) -> str:
        owner, name = slug.split("/")
        return f"{owner}.github.io/{name}"

    for before, after in (
        (pages_address(old), pages_address(new)),
        (old, new),
    ):
        pattern = rf"(?<![\w.-]){re.escape(before)}(?![\w-])"
        text = re.sub(pattern, lambda _, after=after: after, text)
    return text


def move_book(address: str, branch: str | None, root: Path) -> list[Path]:
    """Rewrite the book's files; those that changed."""
    new = parse(address)
    url, old_branch = repository(root)
    old = url.removeprefix("https://github.com/")
    changed = []
    for pattern in REPEATED:
        for path in sorted(root.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            moved = move(text, old, new)
            if branch and branch != old_branch:
                moved = move_branch(moved, new, old_branch, branch)
            if moved != text:
                path.write_text(moved, encoding="utf-8", newline="\n")
                changed.append(path)
    return changed


def move_branch(text: str, slug: str, old: str, new: str) -> str:
    """Replace the branch where it follows the repository's address."""
    text = re.sub(rf"(?m)^(  branch: ){re.escape(old)}$", rf"\g<1>{new}", text)
    link = rf"({re.escape(slug)}(?:@|/blob/|/tree/)){re.escape(old)}\b"
    return re.sub(link, rf"\g<1>{new}", text)


def main(arguments: list[str], root: Path = ROOT) -> int:
    address, branch = [*arguments, "", None][:2] if arguments else ("", None)
    try:
        changed = move_book(address, branch or None, root)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path in changed:
        print(f"{path.relative_to(root)}: rewritten")
    print(f"{len(changed)} files rewritten; look at them, then commit")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
