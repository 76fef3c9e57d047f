"""Files that somebody else wrote, read without trusting them.

file        a text file: encodings, sizes, what is no regular file; its lines
json_text   JSON -> plain data
yaml_text   YAML -> plain data
memory      what does not fit into it
refusals    the messages that both share

Every reader of the package begins here, so that what holds for one holds for all. `where` begins a
message: the config key that names the file (`dataset.path`), or the file's name, to which the line
is added (`pairs.jsonl:3`). `error` is the class of error to raise. Nothing here raises another one,
and nothing takes more time or memory than the size of its text allows.
"""

from pathpatch_runner.reading.file import numbered_lines, read_record, read_text
from pathpatch_runner.reading.json_text import parse_json
from pathpatch_runner.reading.memory import within_memory
from pathpatch_runner.reading.yaml_text import parse_yaml

__all__ = [
    "numbered_lines",
    "parse_json",
    "parse_yaml",
    "read_record",
    "read_text",
    "within_memory",
]
