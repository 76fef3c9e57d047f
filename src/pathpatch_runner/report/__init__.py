"""What a reader sees of a run: the terminal, a progress bar, an HTML report.

rows      a summary's rows in sections, one for each metric and direction
text      numbers and names in few characters
console   the summary as a table in the terminal, the plan of a dry run
progress  a bar over evaluations
figures   SVG charts of a summary
table     the table of the HTML report and what its columns mean
html      one self-contained file
"""
