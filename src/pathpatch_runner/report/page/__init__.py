"""`report.html`: one self-contained page a run. Nothing is fetched.

markup    pieces of HTML; every text from data goes through here
asked     what was asked: words, command, example pairs, expressions and drawings
entries   an entry of a hypothesis in words
found     sentences made from the numbers, and the picture that fits
areas     areas under curves over sizes
scores    how well scores rank edges
special   contrasts, Shapley values
searched  what a search found
numbers   the table of all rows, and the data that the page's script reads
trusted   the model's task, guards, comparisons, provenance, warnings
cost      plan, time, tables to download
document  the page around them; page.html, page.css, page.js
"""

from pathpatch_runner.report.page.document import render_report

__all__ = ["render_report"]
