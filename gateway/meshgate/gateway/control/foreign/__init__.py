"""Foreign agents: their cards are fetched and kept current."""
