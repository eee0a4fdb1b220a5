"""Execute every notebook from top to bottom; `make notebooks` runs this.

With `--write` outputs are kept; `notebooks.py 02` takes those whose names begin with 02 only.
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"


def main() -> int:
    failed = 0
    wanted = tuple(name for name in sys.argv[1:] if not name.startswith("-"))
    for path in sorted(FOLDER.glob("*.ipynb")):
        if not path.name.startswith(wanted or ""):
            continue
        start = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(
            notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": FOLDER}}
        )
        try:
            client.execute()
            print(f"{path.name}: ran in {time.perf_counter() - start:.0f} s")
        except CellExecutionError as error:
            failed += 1
            print(f"{path.name}: FAILED\n{error}")
        if "--write" in sys.argv:
            nbformat.write(notebook, path)
    return failed


if __name__ == "__main__":
    sys.exit(main())
