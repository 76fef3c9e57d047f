"""What makes the pages of `docs/`: no number on them is typed.

page         a page as a script: its files, its commands, and what they print
transcripts  runs pages, writes or checks what their commands print
commands     every command of the pages, for the test that composes them
notebook     a notebook as a page
hooks        what mkdocs calls while it builds the site
picture      the picture of a report at the head of the README
"""
