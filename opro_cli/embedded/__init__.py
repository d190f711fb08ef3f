"""Two small Mistral models, trained from scratch, that ship in the package; run on numpy."""
