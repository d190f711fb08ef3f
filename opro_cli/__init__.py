"""opro: finds better prompts by Optimization by PROmpting, and says what they are worth."""

__version__ = "0.1.0"
