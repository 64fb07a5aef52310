"""DPSIR: the chains of causes, and for a twin what fills their boxes."""
