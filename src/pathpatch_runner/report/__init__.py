"""What a reader sees of a run: the terminal, a progress bar, a page, figures.

run_view   a run as a reader sees it: manifest, tables, plan
rows       a summary's rows in sections, one for each metric and direction
by_pair    effects by pair
pairs      the prompts as text
text       numbers and names in few characters, control characters made visible
sentences  what was found, in words
drawings   the paths of each hypothesis on the grid of the model
figures/   charts of the tables, as SVG, PDF and PNG
page/      `report.html`
console    the summary as a table in the terminal, the plan of a dry run
progress   a bar over evaluations
"""
