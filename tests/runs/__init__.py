"""Small whole experiments for tests: a random native model and pairs of token ids."""
