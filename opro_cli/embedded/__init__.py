"""A small Mistral model, trained from scratch, that ships in the package; runs on numpy."""
