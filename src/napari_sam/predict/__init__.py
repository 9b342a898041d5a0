"""An image embedding, prompts and candidates; numpy in, numpy out."""
