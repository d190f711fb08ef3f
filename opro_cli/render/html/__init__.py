"""A run, or several, as one self-contained page: no network, no font, no file beside it."""

from opro_cli.render.html.page import render_report

__all__ = ["report_page"]
