"""``python -m posynth`` is the command ``posynth``."""

from posynth.cli import main

if __name__ == "__main__":
    main()
