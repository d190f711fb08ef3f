"""Two small Mistral models, trained from scratch and shipped in the package, on numpy."""
