"""What stands at the end of every command's help: one line to copy, and its exit codes."""

import typer

#: Command -> what to type. The table is what `posynth example > heart_failure.csv` writes.
EXAMPLES = {
    "describe": "posynth describe heart_failure.csv -o chain.toml",
    "synthesize": "posynth synthesize heart_failure.csv -m 5 --order sex,age "
    "--method 'platelets=gamma' --seed 1 -o out",
    "fit": "posynth fit heart_failure.csv -m 20 -o out",
    "draw": "posynth draw out -m 20 -o more",
    "diagnose": "posynth diagnose out",
    "methods": "posynth methods",
    "families": "posynth families truncated",
    "example": "posynth example > heart_failure.csv",
    "demo": "posynth demo -o demo",
    "pool": "posynth pool out --model logit --formula 'deceased ~ age + diabetes'",
    "evaluate": "posynth evaluate out --data heart_failure.csv --keys age,sex --target smoking",
    "report": "posynth report out --data heart_failure.csv",
    "release": "posynth release out -o for_colleagues --data heart_failure.csv",
    "validity": "posynth validity models/validity_study.toml -r 20 -o study",
    "sbc": "posynth sbc out/chain.toml --columns smoking -r 20",
}


#: Exit code -> what it says.
CODES = {
    0: "done",
    1: "done, but a calibration is outside its limits (sbc)",
    2: "an error, nothing written",
    3: "done and written, but a conditional that was used did not pass its diagnostics "
    "(0 with --allow-failed)",
    130: "interrupted",
}
#: Commands that end with 3: those that fit, draw, pool, pass on or judge the diagnostics.
_FAIL = ("synthesize", "fit", "draw", "diagnose", "demo", "pool", "release")
#: Commands about which a line says what did not pass, without a code of its own.
_NOTE = ("evaluate", "report")


def exit_codes(*codes: int) -> str:
    """Return the sentence on exit codes.

    Examples
    --------
    >>> exit_codes(0, 2)
    'Exit codes: 0 done; 2 an error, nothing written.'
    """
    return f"Exit codes: {'; '.join(f'{code} {CODES[code]}' for code in codes)}."


def add_examples(app: typer.Typer) -> None:
    """Give every command of an application its example and its exit codes."""
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        codes = {0, 2, 130} | ({3} if name in _FAIL else set()) | ({1} if name == "sbc" else set())
        text = exit_codes(*sorted(codes))
        if name in _NOTE:
            text += " A conditional that did not pass its diagnostics is named on screen."
        example = f"Example: `{EXAMPLES[name]}`\n\n" if name in EXAMPLES else ""
        command.epilog = example + text
