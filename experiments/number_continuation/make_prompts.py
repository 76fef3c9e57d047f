"""Write `kind.jsonl` and `which.jsonl`: prompts after which a number word must follow.

The paper's prompts are not public in text form; these are ours. Clean: three number words in order,
so that the fourth must follow. Two corruptions of the same clean prompts:

    kind    the words are not numbers: does a number come next? distractor: a word of that kind
    which   another run of numbers: which number? distractor: its fourth
"""

import json
import random
from pathlib import Path

HERE = Path(__file__).parent
NUMBERS = (
    *("one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)
OTHERS = {
    "colour": ["red", "blue", "green", "yellow", "black", "white", "brown", "pink"],
    "animal": ["dog", "cat", "horse", "bird", "fish", "cow", "sheep", "bear"],
    "fruit": ["apple", "orange", "banana", "lemon", "grape", "cherry", "pear", "peach"],
}
TEMPLATES = (
    "The children said together: {}, {}, {},",
    "She looked at the list and read aloud: {}, {}, {},",
    "In the first room we found these words on the wall: {}, {}, {},",
    "He closed his eyes and went on: {}, {}, {},",
)
N_PAIRS = 48


def main() -> None:
    generator = random.Random(0)
    kind, which = [], []
    for number in range(N_PAIRS):
        template = TEMPLATES[number % len(TEMPLATES)]
        start, other = generator.sample(range(len(NUMBERS) - 3), 2)
        clean, moved = NUMBERS[start : start + 4], NUMBERS[other : other + 4]
        words = generator.sample(generator.choice(list(OTHERS.values())), 4)
        base = {"id": str(number), "clean": template.format(*clean[:3]), "answer": f" {clean[3]}"}
        kind.append({**base, "corrupt": template.format(*words[:3]), "distractor": f" {words[3]}"})
        which.append({**base, "corrupt": template.format(*moved[:3]), "distractor": f" {moved[3]}"})
    for name, lines in (("kind", kind), ("which", which)):
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (HERE / f"{name}.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
