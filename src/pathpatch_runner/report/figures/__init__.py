"""Pictures of a run's tables, the same for page, notebook and paper.

figure    one figure as SVG, PDF or PNG; why Vega-Lite draws, and where
theme     colours by name, the look of all figures
scale     how numbers are written inside a figure
nodes     where a node stands in a grid
marks     pieces of Vega-Lite that several figures share
forest    dots with intervals: shares with marks at 0 and 100%, effects, differences
heatmap   effects of a family on a grid
curve     lines against a size or a swept key
comparison  ways to ask side by side
sizes     circuits of growing size
vega      Vega-Lite to SVG in a process of its own
bars      Shapley values and interactions
layers    the nodes of a model layer by layer, for `paths` and `grid`
paths     path sets on the layers of a model, as expressions say them: by `steps`, `links`, `bands`
labels    what stands at the border of the layers
found     what a search found, on the layers
grid      how many paths of a set take each node and edge
"""

from pathpatch_runner.report.figures.bars import interactions, shapley_values
from pathpatch_runner.report.figures.comparison import Mark, comparison
from pathpatch_runner.report.figures.curve import Axes, Series, curve
from pathpatch_runner.report.figures.figure import FORMATS, Figure
from pathpatch_runner.report.figures.forest import differences, effects_forest, forest
from pathpatch_runner.report.figures.found import FoundEdge, found_paths
from pathpatch_runner.report.figures.heatmap import heatmap
from pathpatch_runner.report.figures.paths import paths

__all__ = [
    "FORMATS",
    "Axes",
    "Figure",
    "FoundEdge",
    "Mark",
    "Series",
    "comparison",
    "curve",
    "differences",
    "effects_forest",
    "forest",
    "found_paths",
    "heatmap",
    "interactions",
    "paths",
    "shapley_values",
]
