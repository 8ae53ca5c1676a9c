#!/bin/sh
# Create the virtual environment and install the book into it:
#     PYTHON=python3.12 sh tools/install.sh .venv
set -eu

venv=$1
python=${PYTHON:-python3}

fail() {
    echo "error: $1" >&2
    exit 1
}

command -v "$python" >/dev/null ||
    fail "no $python. Install Python 3.11 or later, or say make PYTHON=path"

# An environment that was moved, or whose Python is gone, is made anew.
here=$(pwd -P)
if [ -e "$venv" ]; then
    if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1 ||
        [ "$(cat "$venv/.installed" 2>/dev/null || echo "$here")" != "$here" ]
    then
        echo "$venv does not work here any more: making it anew"
        rm -rf "$venv"
    fi
fi

if [ ! -e "$venv" ]; then
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$("$python" --version) is too old: the book needs Python 3.11 \
or later, as its site's theme does. Say which one to use: \
make PYTHON=python3.12"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python cannot create virtual environments. On Debian and \
Ubuntu: sudo apt install python3-venv"
    "$python" -m venv "$venv"
fi

echo "Installing the pinned packages into $venv (once, some minutes)"
"$venv/bin/python" -m pip install --disable-pip-version-check --quiet \
    --requirement requirements.txt --editable .
echo "$here" > "$venv/.installed"
