"""The OPRO loop: plan, propose, score, and write everything down."""
