"""`opro plot`: where the figure goes, what it is about, and what is refused."""

from __future__ import annotations

import builtins
import shutil
import struct
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from opro_cli.app.plot import convert_to_png
from tests.cli.conftest import Opro
from tests.cli.test_report import RECORDED
from tests.render.figures import parsed, words


def keep(folder: Path, *versions: str) -> None:
    for version in versions:
        shutil.copytree(RECORDED / version, folder / "runs" / version)


def test_a_figure_in_the_folder_of_the_run(opro: Opro, folder: Path) -> None:
    keep(folder, "format-8")
    said = opro("plot", "format-8")
    assert (said.code, said.out, said.err) == (0, "runs/format-8/curve.svg\n", "")
    file = folder / "runs" / "format-8" / "curve.svg"
    assert "format-8" in words(file.read_text("utf-8"))
    assert opro("show", "format-8").code == 0
    file.write_text("old")
    assert opro("plot", "format-8").code == 0  # as `opro report` does it
    assert file.read_text("utf-8").startswith("<?xml")
    assert list(file.parent.glob(".curve*")) == []


def test_several_runs_make_one_figure_here(opro: Opro, folder: Path) -> None:
    keep(folder, "format-7", "format-8")
    said = opro("plot", "format-7", "format-8", "format-7", "--kind", "curve")
    assert (said.code, said.out) == (0, "curve.svg\n")
    told = words((folder / "curve.svg").read_text("utf-8"))
    assert "Best train score so far, by step" in told
    assert {"format-7", "format-8"} <= set(told)


def test_a_figure_on_stdout(opro: Opro, folder: Path) -> None:
    keep(folder, "format-8")
    said = opro("plot", "format-8", "-o", "-")
    assert (said.code, said.err) == (0, "")
    light = parsed(said.out)
    assert opro("plot", "format-8", "-o", "-", "--dark").out != said.out
    assert light.get("width") == "84mm"
    assert not list((folder / "runs" / "format-8").glob("*.svg"))


def test_the_numbers_as_json(opro: Opro, folder: Path) -> None:
    keep(folder, "format-8")
    data = opro("plot", "format-8", "-o", "c.svg", "--json").data
    assert (data["file"], data["kind"], data["shows"]) == ("c.svg", "curve", ["format-8"])
    (run,) = data["figure"]["runs"]
    shown = opro("show", "format-8", "--json").data["candidates"]
    assert [each["instruction"] for each in run["candidates"]] == [
        each["instruction"] for each in shown if each["scores"]["train"]
    ]
    assert run["best_so_far"][0]["step"] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing"], 'no run called "nothing" in runs'),
        (["format-8", "-o", "no/such/p.svg"], "no/such/p.svg: the figure cannot be written"),
        (["format-8", "-o", "p.pdf"], "p.pdf: expected a name that ends in .svg or .png"),
        (["format-8", "-o", "-", "--json"], "--json and --output -: one of them"),
        (["format-8", "format-7", "-k", "front"], "--kind front is about one run, found 2"),
        (["format-8", "-k", "confusion"], "its answers are not a few labels"),
        (["format-8@9", "-k", "confusion"], "no step 9"),
        (["format-8", "-k", "pie"], "pie"),
        (["format-8@start"], "--kind curve is about a whole run, and format-8@start is one of its"),
        ([], "missing argument"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    opro: Opro, folder: Path, arguments: list[str], told: str
) -> None:
    keep(folder, "format-7", "format-8")
    said = opro("plot", *arguments)
    assert (said.code, said.out) == (2, "")
    assert told in said.err.lower()
    assert not list(folder.glob("*.svg"))


def test_an_evaluation_has_no_curve(opro: Opro, folder: Path) -> None:
    assert opro("eval", "c.yaml", "-p", "Count.", "-p", "Think.").code == 0
    (run,) = (folder / "runs" / "evals").glob("[!.]*")
    for kind in ("curve", "front", "forest", "calibration"):
        said = opro("plot", str(run), "--kind", kind)
        assert said.code == 2
        assert "is an evaluation of given prompts: without a search there is no " in said.err
        assert f"are compared by `opro diff {run}@0.1 {run}@0.2`\n" in said.err


def test_a_run_without_a_gain_says_why(opro: Opro, folder: Path) -> None:
    keep(folder, "format-8")
    run = folder / "runs" / "format-8"
    (run / "result.json").unlink()
    events = (run / "events.jsonl").read_bytes().splitlines(keepends=True)
    (run / "events.jsonl").write_bytes(b"".join(events[:30]))
    said = opro("plot", "format-8", "--kind", "forest")
    assert said.code == 2
    assert "has no gain to show: the run is not finished" in said.err


def test_a_png_without_the_extra_says_what_to_install(
    opro: Opro, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def refuse(name: str, *arguments: Any) -> ModuleType:
        if name == "resvg_py":
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", refuse)
    keep(folder, "format-8")
    said = opro("plot", "format-8", "-o", "p.png")
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "opro: a PNG needs the package resvg-py\n"
        'hint: pip install "opro-cli[png]", or write an .svg\n'
    )
    assert not (folder / "p.png").exists()


def test_a_png_without_letters_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a font, resvg draws everything but the words."""
    resvg = ModuleType("resvg_py")
    resvg.svg_to_bytes = lambda **options: b"the same"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "resvg_py", resvg)
    with pytest.raises(Exception, match="needs a font that opro can find") as error:
        convert_to_png('<svg font-family="Helvetica"/>')
    assert "fonts-dejavu-core" in str(vars(error.value))


def test_a_png_is_as_wide_as_a_column_in_print(opro: Opro, folder: Path) -> None:
    pytest.importorskip("resvg_py", reason="needs the extra `png`")
    keep(folder, "format-8")
    assert opro("plot", "format-8", "-o", "p.png").code == 0
    data = (folder / "p.png").read_bytes()
    width, _ = struct.unpack(">II", data[16:24])
    across, down, unit = struct.unpack(">IIB", data[41:50])
    assert data[37:41] == b"pHYs"
    assert (across, down, unit) == (23622, 23622, 1)
    assert width / across * 1000 == pytest.approx(84, abs=0.1)


def test_a_search_that_its_budget_laid_out_is_drawn_by_its_estimates(
    opro: Opro, folder: Path
) -> None:
    opro("init", "first.yaml")
    assert opro("optimize", "first.yaml", "--budget", "calls=100", "--name", "few").code == 0
    (curve,) = opro("plot", "few", "--json").data["figure"]["runs"]
    assert len(curve["candidates"]) > 5
    assert not any(each["whole"] for each in curve["candidates"])
    assert len(curve["best_so_far"]) > 1
    front = opro("plot", "few", "--kind", "front", "--json").data["figure"]
    assert any(each["role"] == "best" for each in front["candidates"])
