"""One metered call to a model: budget, rate limits, endpoints, retries, known answers."""
