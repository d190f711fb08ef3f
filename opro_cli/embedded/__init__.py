"""A small Mistral model, trained from scratch, that ships in the package; numpy only at run time."""
