"""Write `pairs.jsonl`: years that must be greater, in tokens of one digit (Hanna et al. 2023).

GPT-2 has tokens of two digits, and the paper measures all years greater against all not greater.
SmolLM2 writes years digit by digit, so the question here is that of the last digit: after "from
the year 1734 to the year 173" a digit above 4 must follow. Answer: two above; distractor: two
below. The corrupt prompt ends its first year in 0, after which both are possible.
"""

import json
import random
from pathlib import Path

HERE = Path(__file__).parent
NOUNS = ("war", "siege", "voyage", "famine", "trial", "tour", "rebellion", "reign", "project")
N_PAIRS = 48


def main() -> None:
    generator = random.Random(0)
    lines = []
    for number in range(N_PAIRS):
        noun = NOUNS[number % len(NOUNS)]
        decade = f"1{generator.randint(5, 8)}{generator.randint(1, 8)}"
        digit = generator.randint(3, 6)
        prompt = f"The {noun} lasted from the year {decade}{{}} to the year {decade}"
        lines.append(
            {
                "id": str(number),
                "clean": prompt.format(digit),
                "corrupt": prompt.format(0),
                "answer": str(digit + 2),
                "distractor": str(digit - 2),
                # " to the year  1xx" follows the first year: seven tokens.
                "positions": {"Y": -8},
            }
        )
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (HERE / "pairs.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
