"""Path expressions: what they say, and which paths of a model that is. No torch.

As text:

    scan        a cursor over the text: words, white space
    caret       a problem, shown under its place in the text
    parse       text -> `PathExpression`; the grammar stands here
    ast         the classes for both: as written (`PathExpression`), on a model (`Route`)
    domain      what a variable ranges over: nodes, streams, slots, positions
    scope       what names mean: nodes of the model, groups, variables, positions
    resolve     `PathExpression` -> `Route`, or a template with the variables left open
    template    templates, and their binding to values
    canonical   `Route` -> the one spelling that tables and reports show

As a set of paths:

    alphabet    steps as bits, and the classes that positions fall into
    items       one member of a path set, read backwards from `logits`
    automaton   a path set as an automaton: states made of items
    matching    whether a path set has any path in a model
    count       how many it has, and paths drawn from it
"""
