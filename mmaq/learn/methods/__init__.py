"""Self-supervised methods, one file each; ``mmaq.learn.stage`` has them by name."""
