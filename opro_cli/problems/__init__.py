"""Problems that need no model, by name."""
