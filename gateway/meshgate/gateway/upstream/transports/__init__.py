"""One module for each binding in which agents are called."""
