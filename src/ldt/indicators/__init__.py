"""Indicators: numbers that each know their formula, inputs, law and quality."""
