"""Run folders, the answer cache, and everything else that opro keeps on disk."""
