"""What no line of the package does, so that no text can make it: a look at its syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import opro_cli

PACKAGE = Path(opro_cli.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

RUNS_TEXT = frozenset({"eval", "exec", "compile", "__import__", "execfile"})
RUNS_A_SHELL = frozenset(
    {"os.system", "os.popen", "os.startfile", "os.execv", "os.spawnv", "pty.spawn"}
)
UNPICKLES = frozenset({"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"})
NO_PROGRAMS = frozenset({"subprocess", "commands", "code", "codeop"})
READS_OBJECTS = frozenset(
    {
        "yaml.load",
        "yaml.load_all",
        "yaml.unsafe_load",
        "yaml.full_load",
        "yaml.Loader",
        "yaml.FullLoader",
        "yaml.UnsafeLoader",
        "yaml.CLoader",
        "yaml.unsafe_load_all",
        "yaml.full_load_all",
        "numpy.load",
        "np.load",
        "torch.load",
        "xml.etree",
    }
)
FETCHES_CODE = frozenset({"trust_remote_code", "allow_pickle"})
EXPANDS = frozenset({"string.Template", "os.path.expandvars", "jinja2", "Environment"})

IMPORTED_BY_NAME = {
    "__init__.py",
    "metrics/__init__.py",
    "models/litellm_model.py",
    "plugins.py",
    "cli/app.py",
    "locks.py",
}
"""Modules that import what a text names: the user's parts on request, litellm and the locks of a
system by constants, the public names, a metric and a verb of their tables, after each was found
there."""


def dotted(node: ast.expr) -> str:
    """A name as it is written, "os.path.join"; "" for anything else."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return f"{dotted(node.value)}.{node.attr}"
    return ""


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def faults(source: str) -> set[str]:
    """Everything in a module that could obey a text."""
    tree = ast.parse(source)
    found = set()
    for name in imported(tree):
        if name.partition(".")[0] in UNPICKLES | NO_PROGRAMS or name in READS_OBJECTS | EXPANDS:
            found.add(name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            name = dotted(node)
            if name in RUNS_A_SHELL | READS_OBJECTS | EXPANDS:
                found.add(name)
        if isinstance(node, ast.Call):
            found |= {dotted(node.func)} & RUNS_TEXT
            if dotted(node.func).endswith(".format_map"):
                found.add("format_map")
            found |= {k.arg for k in node.keywords if k.arg in FETCHES_CODE and not is_false(k)}
            found |= {"shell" for k in node.keywords if k.arg == "shell"}
        if isinstance(node, ast.Constant) and node.value in FETCHES_CODE:
            found.add(str(node.value))
    return found


def is_false(keyword: ast.keyword) -> bool:
    return isinstance(keyword.value, ast.Constant) and keyword.value.value is False


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_can_be_made_to_obey_a_text(path: Path) -> None:
    assert not faults(path.read_text("utf-8"))


def test_imports_by_name_are_where_they_must_be() -> None:
    using = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        if "import_module(" in path.read_text("utf-8")
    }
    assert using == IMPORTED_BY_NAME


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import yaml\nyaml.load(x, Loader=y)", "yaml.load"),
        ("import yaml\nclass L(yaml.Loader): pass", "yaml.Loader"),
        ("from yaml import unsafe_load", "yaml.unsafe_load"),
        ("import pickle", "pickle"),
        ("from dill import loads", "dill.loads"),
        ("eval('1')", "eval"),
        ("exec(x)", "exec"),
        ("import os\nos.system('id')", "os.system"),
        ("from subprocess import run", "subprocess.run"),
        ("load_dataset(x, trust_remote_code=True)", "trust_remote_code"),
        ("load_dataset(x, **{'trust_remote_code': True})", "trust_remote_code"),
        ("numpy.load(x, allow_pickle=True)", "allow_pickle"),
        ("import string\nstring.Template(x)", "string.Template"),
        ("x.format_map(y)", "format_map"),
        ("run(x, shell=True)", "shell"),
    ],
)
def test_a_fault_is_found(source: str, fault: str) -> None:
    assert fault in faults(source)
