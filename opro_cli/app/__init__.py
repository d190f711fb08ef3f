"""One use case a module: what each command does, without options, tables or exit codes."""
