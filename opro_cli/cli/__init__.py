"""The command line: options to one call, a renderer, an exit code."""
