"""The runs in a browser: a local server, and the page that it and `opro report` share."""
