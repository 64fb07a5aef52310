"""`python -m ldt.cli`: the command line without the installed script."""

from ldt.cli import main

main()
