"""Commands on a config: `opro init`, `check`, `config` and `schema`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

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
    from opro_cli.app.check import explain_config

    explained = explain_config(config, overrides or ())
    if as_json:
        print_json(explained.to_json())
        return
    from opro_cli.render.listings import print_config
    from opro_cli.render.tables import make_page

    print_config(explained.keys, explained.lines, make_page(sys.stdout))


def init(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The config to write.")] = Path(
        "opro.yaml"
    ),
    template: Annotated[
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
    ] = "quickstart",
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Rows of your own, in place of a template: a file, or hub:OWNER/NAME#SPLIT.",
        ),
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(metavar="FILE", help="With --data: your start prompt.")
    ] = None,
    input_fields: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="NAME", help="With --data: a field of the question."),
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --data: the field of the gold answer.")
    ] = None,
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
    from opro_cli.render.safe import printable

    first = None
    fields = tuple(dict.fromkeys(input_fields or ()))
    given = {"--data": (data,), "--prompt": (prompt,), "--input": fields, "--target": (target,)}
    for option, values in given.items():
        if any(value is not None and not value.strip() for value in values):
            raise UsageError(f"{option}: expected a name, found an empty text")
    if data and template != "quickstart":
        raise UsageError("--data and --template: a config is written from one of them")
    if data:
        own = None if prompt is None else Path(prompt)
        first = write_first_config(path, data, prompt=own, inputs=fields, target=target or "")
    elif prompt or fields or target:
        raise UsageError("--prompt, --input and --target belong to --data", "opro init --data FILE")
    if is_words := template == META_PROMPT:
        path = Path("meta-prompt.md") if path == Path("opro.yaml") else path
        files = write_meta_prompt(path)
    else:
        files = first.files if first else write_template(template, path)
    name = shlex.quote(str(path))
    sweep = f"opro sweep {name} --dry-run && opro sweep {name}"
    run = f"opro check {name} && opro optimize {name}"
    command = sweep if template.endswith("-sweep") else run
    if is_words:
        command = f"opro check opro.yaml --set search.meta_prompt={name}"
    if as_json:
        written, unchanged = map(str, files.written), map(str, files.unchanged)
        chosen = {} if first is None else {"chosen": first.to_json()}
        print_json({"written": [*written], "unchanged": [*unchanged], "next": command, **chosen})
        return
    if first is not None:
        from opro_cli.render.consoles import make_console
        from opro_cli.render.first_config import print_first_config

        print_first_config(first.to_json(), make_console(sys.stdout))
    for file in files.written:
        print(f"wrote {printable(str(file))}")
    for file in files.unchanged:
        print(f"{printable(str(file))} is there already, unchanged")
    print(f"next: {printable(command)}")


def check(
    config: ConfigFile,
    overrides: Set = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    ledger: Ledger = None,
    headroom: Annotated[
        bool,
        typer.Option(
            "--headroom",
            help="Ask the models, too: is a search worth it? At most 150 calls, and 5 % of the "
            "budget; those to the start prompts count in the search.",
        ),
    ] = False,
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
    if len(found.problems) == 1:
        ((problem, hint),) = found.problems
        raise UsageError(f"{config}: {problem}", hint)
    if found.problems:
        lines = ["; ".join(filter(None, each)).replace("\n", "; ") for each in found.problems]
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
