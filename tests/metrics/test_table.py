from __future__ import annotations

import re
import subprocess
import sys

import pytest

from opro_cli.metrics import METRICS, create_metric
from opro_cli.metrics.number import NumberMetric

KNOWN = "number, math, choice, boolean, label, labels, exact, contains, regex, json, python"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "numbr",
            f"unknown answer type 'numbr': expected one of {KNOWN}; did you mean 'number'?",
        ),
        ("xyzzy", f"unknown answer type 'xyzzy': expected one of {KNOWN}"),
        ("", f"unknown answer type '': expected one of {KNOWN}"),
        ("number:3", "number: takes no argument, found '3'"),
        ("regex", "regex: expected a pattern, as in regex:= (\\d+)"),
        ("regex:", "regex: expected a pattern, as in regex:= (\\d+)"),
        (
            "regex:a(b",
            "regex: broken pattern 'a(b': missing ), unterminated subpattern at position 1",
        ),
        ("json:a..b", "json: path 'a..b' has an empty key"),
        (
            "python:mod:fn",
            "'python:mod:fn' names a Python function, which the caller must resolve",
        ),
    ],
)
def test_refusal(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as refusal:
        create_metric(spec)
    assert str(refusal.value) == message


def test_named() -> None:
    assert isinstance(create_metric("number"), NumberMetric)
    assert ", ".join((*METRICS, "python")) == KNOWN


def test_import_needs_the_standard_library_only() -> None:
    code = (
        "import sys, importlib, pathlib, opro_cli.metrics as metrics; "
        "[importlib.import_module(f'opro_cli.metrics.{each.stem}') "
        "for each in pathlib.Path(metrics.__path__[0]).glob('[!_]*.py')]; "
        "names = {name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names); "
        "print(sorted(name for name in names if not name.startswith('_')))"
    )
    # -I -S: neither the environment nor site-packages may add a module.
    path = [entry for entry in sys.path if entry]
    prelude = f"import sys; sys.path[:] = {path!r}; "
    output = subprocess.run(
        [sys.executable, "-I", "-S", "-c", prelude + code],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert output.strip() == "['opro_cli']"
