"""Build the notebooks: run the script of each, and keep what it shows.

A script is a notebook in jupytext's "percent" format. It runs in a fresh kernel and an
empty folder, and what changes from run to run without need is left out. A notebook that
fails, or that warns, is not written.
"""

import base64
import io
import sys
import tempfile
from pathlib import Path

import jupytext
from nbclient import NotebookClient
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from common.arguments import Parser, output_dir

NOTEBOOKS_DIR = Path(__file__).resolve().with_name("notebooks")
NAMES = sorted(path.stem for path in NOTEBOOKS_DIR.glob("*.py"))
METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


def main():
    """Run the script."""
    parser = Parser(__doc__.split("\n\n")[0], takes_data=False)
    parser.add_argument("--names", nargs="+", choices=NAMES, default=NAMES)
    args = parser.parse_args()
    folder = output_dir(args, "notebooks", tracked_in=NOTEBOOKS_DIR.parent)
    folder.mkdir(parents=True, exist_ok=True)
    for name in args.names:
        path = folder / f"{name}.ipynb"
        notebook = run(NOTEBOOKS_DIR / f"{name}.py")
        jupytext.write(notebook, path)
        print(f"Written to {path}: {path.stat().st_size / 1000:.0f} kB")


def run(script):
    """Return the notebook of a script, with outputs.

    Parameters
    ----------
    script : Path

    Returns
    -------
    notebook : nbformat.NotebookNode
    """
    notebook = jupytext.read(script, fmt="py:percent")
    notebook.metadata = METADATA
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            timeout=3600,  # seconds for a cell, on a machine with much else to do
            startup_timeout=3600,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": folder}},
        ).execute()
    for cell in notebook.cells:
        cell.pop("id", None)  # a random one; format 4.4 has none
        cell.metadata = {}
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise RuntimeError(f"{script.name} warns: {output.text}")
            if "metadata" in output:
                output.metadata = {}
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = smaller(output.data["image/png"])
    notebook.metadata = METADATA  # the kernel has added its version
    notebook.nbformat_minor = 4
    return notebook


def smaller(png):
    """Return a picture, in base64, with a palette of 256 colours, in half the bytes."""
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB").quantize(256)
    file = io.BytesIO()
    image.save(file, format="png", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


if __name__ == "__main__":
    main()
