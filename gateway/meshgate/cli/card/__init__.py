"""``meshgate card``: agent cards, as others see them."""
