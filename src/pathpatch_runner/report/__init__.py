"""What a reader sees of a run: the terminal, a progress bar, an HTML report.

console   the summary as a table in the terminal, the plan of a dry run
progress  a bar over evaluations
figures   SVG charts of a summary
html      one self-contained file
"""
