"""A sweep's cells and where each of them stands."""
