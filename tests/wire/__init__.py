"""What really goes over the wire, against a real server on loopback."""
