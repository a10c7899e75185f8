"""What a terminal shows of contracts."""
