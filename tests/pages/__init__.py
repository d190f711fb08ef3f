"""The page of `opro view`, in a browser."""
