"""Path expressions: grammar, parser, automaton. No torch."""
