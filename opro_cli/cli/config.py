"""Commands on a config: `opro init`, `check`, `config` and `schema`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opro_cli import shell
from opro_cli.cli.boundary import print_json
from opro_cli.cli.options import (
    DEFAULT_RUNS_DIR,
    ConfigFile,
    Json,
    Ledger,
    RunsDir,
    Set,
    complete_template,
)
from opro_cli.errors import UsageError

if TYPE_CHECKING:
    from opro_cli.app.init import FirstConfig
    from opro_cli.config.templates import WrittenTemplate


def config(config: ConfigFile, overrides: Set = None, as_json: Json = False) -> None:
    """Show every key of a config, its value and its origin.

    What is printed is a config itself, the one that a new run would be given. Nothing is read but
    the file.

    \b
    Examples:
      opro config mine.yaml
      opro config mine.yaml > whole.yaml
      opro config mine.yaml --json | jq '.keys["search.steps"]'
    """
    from opro_cli.app.explain import explain_config

    explained = explain_config(config, overrides or ())
    if as_json:
        print_json(explained.to_json())
        return
    from opro_cli.render.listings import print_config
    from opro_cli.render.tables import make_page

    print_config(explained.keys, explained.lines, make_page(sys.stdout))


DEFAULT_CONFIG, DEFAULT_TEMPLATE = Path("opro.yaml"), "quickstart"

NewConfig = Annotated[Path, typer.Argument(metavar="FILE", help="The config to write.")]
Template = Annotated[
    str,
    typer.Option(
        help="quickstart, embedded-boolean, …-counting, …-tracking or …-dyck, own-data, "
        "bbh-openai, gsm8k-paper, gsm8k-mistral-7b-ollama, …-vllm, …-lm-studio, …-llama-cpp, "
        "…-gguf or …-mixed, smollm2-sentiment; embedded-sweep or bbh-sweep; "
        "linear-regression, traveling-salesman, regression-sweep or tour-sweep. meta-prompt is "
        "no config, but the words for search.meta_prompt.",
        show_default=True,
        autocompletion=complete_template,
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Rows of your own, in place of a template: a file, or hub:OWNER/NAME#SPLIT.",
    ),
]
StartPrompt = Annotated[
    str | None, typer.Option(metavar="FILE", help="With --data: your start prompt.")
]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="NAME", help="With --data: a field of the question."),
]
Target = Annotated[
    str | None, typer.Option(metavar="NAME", help="With --data: the field of the gold answer.")
]


def init(
    path: NewConfig = DEFAULT_CONFIG,
    template: Template = DEFAULT_TEMPLATE,
    data: Data = None,
    prompt: StartPrompt = None,
    input_fields: Inputs = None,
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Write a first config, with the data that it needs.

    The default one runs as it is, without a key, on the embedded models. With --data the rows are
    looked at, and the config says the reason for each choice.

    \b
    Examples:
      opro init && opro optimize opro.yaml
      opro init mine.yaml --template own-data
      opro init mine.yaml --data tickets.csv
      opro init mine.yaml --data rows.jsonl --prompt prompt.md --target team
      opro init meta-prompt.md --template meta-prompt
    """
    from opro_cli.app.init import write_first_config
    from opro_cli.config.templates import META_PROMPT, write_meta_prompt, write_template

    fields = tuple(dict.fromkeys(input_fields or ()))
    _refuse_misuse(template, data, prompt, fields, target)
    first = None
    if data:
        own = None if prompt is None else Path(prompt)
        first = write_first_config(path, data, prompt=own, inputs=fields, target=target or "")
    if template == META_PROMPT:
        path = Path("meta-prompt.md") if path == DEFAULT_CONFIG else path
        files = write_meta_prompt(path)
        config = DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else "CONFIG"  # another's is not known
        command = f"opro check {config} --set search.meta_prompt={shell.quote(str(path))}"
    else:
        files = first.files if first else write_template(template, path)
        command = _suggest_command(shell.quote(str(path)), sweep=template.endswith("-sweep"))
    if as_json:
        written, unchanged = map(str, files.written), map(str, files.unchanged)
        chosen = {} if first is None else {"chosen": first.to_json()}
        print_json({"written": [*written], "unchanged": [*unchanged], "next": command, **chosen})
        return
    _print_written(files, first, command)


def _refuse_misuse(
    template: str,
    data: str | None,
    prompt: str | None,
    fields: Sequence[str],
    target: str | None,
) -> None:
    """Raise UsageError for options of `init` that are empty or do not go together."""
    given = {"--data": (data,), "--prompt": (prompt,), "--input": fields, "--target": (target,)}
    for option, values in given.items():
        if any(value is not None and not value.strip() for value in values):
            raise UsageError(f"{option}: expected a name, found an empty text")
    if data and template != DEFAULT_TEMPLATE:
        raise UsageError("--data and --template: a config is written from one of them")
    if not data and (prompt or fields or target):
        raise UsageError("--prompt, --input and --target belong to --data", "opro init --data FILE")


def _suggest_command(config: str, *, sweep: bool) -> str:
    """Return what to type next; `config` is quoted for the shell."""
    if sweep:
        return shell.chain(f"opro sweep {config} --dry-run", f"opro sweep {config}")
    return shell.chain(f"opro check {config}", f"opro optimize {config}")


def _print_written(files: WrittenTemplate, first: FirstConfig | None, command: str) -> None:
    """Print the choices of a first config, the files that are there now, and what is next."""
    from opro_cli.render.safe import printable

    if first is not None:
        from opro_cli.render.consoles import make_console
        from opro_cli.render.first_config import print_first_config

        print_first_config(first.to_json(), make_console(sys.stdout))
    for file in files.written:
        print(f"wrote {printable(str(file))}")
    for file in files.unchanged:
        print(f"{printable(str(file))} is there already, unchanged")
    print(f"next: {printable(command)}")


Headroom = Annotated[
    bool,
    typer.Option(
        "--headroom",
        help="Ask the models, too: is a search worth it? At most 150 calls, and 5 % of the "
        "budget; those to the start prompts count in the search.",
    ),
]


def check(
    config: ConfigFile,
    overrides: Set = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    ledger: Ledger = None,
    headroom: Headroom = False,
    as_json: Json = False,
) -> None:
    """Check a config, its data and its servers, and show the prompts.

    No model is asked. A model server on this machine is asked for the list of its models; one
    that is not running or lacks the model is named, with the command that helps.

    \b
    Examples:
      opro check opro.yaml
      opro check mine.yaml --headroom
      opro check mine.yaml --json
    """
    from opro_cli.app import check as checks

    found = checks.check(config, runs_dir, overrides or (), ledger)
    if headroom and not found.problems:
        from opro_cli.cli.probe import run_probe

        found.facts["headroom"] = run_probe(
            config, runs_dir, overrides or (), ledger, as_json=as_json
        )
    if as_json:
        print_json(found.facts)
    elif not headroom or found.problems:
        from opro_cli.render.consoles import make_console
        from opro_cli.render.listings import print_forecast

        print_forecast(found.facts, make_console(sys.stdout), ready=not found.problems)
    _raise_problems(config, found.problems)


def _raise_problems(config: Path, problems: Sequence[tuple[str, str | None]]) -> None:
    """Raise UsageError where there are problems: one with its hint, several with a line each."""
    if len(problems) == 1:
        ((problem, hint),) = problems
        raise UsageError(f"{config}: {problem}", hint)
    if problems:
        lines = ["; ".join(filter(None, each)).replace("\n", "; ") for each in problems]
        raise UsageError("\n".join(f"{config}: {line}" for line in lines))


def schema(
    sweep: Annotated[bool, typer.Option("--sweep", help="That of a sweep file.")] = False,
) -> None:
    """Print the JSON Schema of a config or of a sweep file.

    Editors check and complete a file whose first line names its schema:

    \b
      # yaml-language-server: $schema=.opro.schema.json

    `opro init` writes that line and the schema beside the config.

    \b
    Examples:
      opro schema > .opro.schema.json
      opro schema --sweep > .opro.sweep.schema.json
    """
    from opro_cli.config.templates import schema_text

    print(schema_text("sweep" if sweep else "config"), end="")
