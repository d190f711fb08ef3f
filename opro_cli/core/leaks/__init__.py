"""Instructions that quote the training questions."""
