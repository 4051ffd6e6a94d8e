"""`thalweg schema`: what editors check a description with."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("schema")
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--yaml", "as_yaml", is_flag=True, help="As YAML instead of JSON.")
def schema_command(output: Path | None, as_yaml: bool) -> None:
    """Print the JSON Schema of the YAML that describes a Flow, a Deployment or an Executor, or write it to OUTPUT.

    An editor with a YAML language server checks a file by it that begins with this line:

    \b
    # yaml-language-server: $schema=thalweg.schema.json

    \b
    thalweg schema thalweg.schema.json
    """
    import json

    from thalweg.config.schema import json_schema

    schema = json_schema()
    if as_yaml or (output is not None and output.suffix in (".yml", ".yaml")):
        from thalweg.config.markup import dumped

        text = dumped(schema)
    else:
        text = json.dumps(schema, indent=2) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise click.BadParameter(f"{output} cannot be written: {error.strerror}.", param_hint="'OUTPUT'") from None
