"""Config files: read with line numbers, and the templates and presets that ship."""
