"""``ListTasks`` as the protocol has it: its messages, and the tokens of its pages."""
