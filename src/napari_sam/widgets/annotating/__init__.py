"""An image annotated from Start on: prompts answered, candidates committed, objects edited."""
