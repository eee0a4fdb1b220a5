"""One line to copy for every command, shown at the end of its help."""

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


def add_examples(app: typer.Typer) -> None:
    """Give every command of an application its example."""
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        if name in EXAMPLES:
            command.epilog = f"Example: `{EXAMPLES[name]}`"
