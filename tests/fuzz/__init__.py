"""Coverage-guided fuzzing of everything that parses what others send: ``make fuzz``, and ``python -m tests.fuzz``."""
