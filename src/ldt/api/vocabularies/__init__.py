"""Vocabularies: what the codes mean."""
