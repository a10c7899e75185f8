"""An audit of a Python environment, done by five agents. ``run.py`` starts everything; README.md says what is where."""
