"""How `embedded/tiny-mistral` was made: generated text, tokenizer, training, evaluation."""
