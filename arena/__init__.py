"""The arena: people, battles, votes and pages."""
