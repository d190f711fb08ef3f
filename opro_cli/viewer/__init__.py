"""The web view: a local server, and the page that it serves."""
