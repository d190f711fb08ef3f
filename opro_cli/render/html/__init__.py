"""A run, several, or a sweep as one self-contained page."""
