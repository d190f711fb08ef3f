"""Figures for papers and slides: self-contained SVG at the width of a column."""
