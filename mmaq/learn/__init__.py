"""Learning: models, losses, methods, and the training of all of them."""
