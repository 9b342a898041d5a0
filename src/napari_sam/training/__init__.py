"""Training and measuring promptable models: data, simulated prompts, losses, the loop, the report."""
