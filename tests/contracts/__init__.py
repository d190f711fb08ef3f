"""One suite for each Protocol of `opro_cli.ports`, run against every implementation."""
