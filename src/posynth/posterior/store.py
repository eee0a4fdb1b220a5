"""A posterior on disk: draws in NetCDF, all else in JSON; never a row of the source.

A family asked for by ``copies_values`` keeps values of its column; its posterior is confidential.
"""

import json
import math
import os
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posynth.arguments import as_path, of_type
from posynth.chain.corrections import Corrections
from posynth.chain.design import Encoder
from posynth.chain.groups import Groups
from posynth.chain.limits import Limits
from posynth.chain.scale import Scale
from posynth.chain.scores import Warp
from posynth.chain.spec import ChainSpec
from posynth.errors import EditWarning, StoreError
from posynth.families.own import find_file
from posynth.families.permission import is_reference, references
from posynth.posterior.chain_families import own_families
from posynth.posterior.coding import Coding
from posynth.posterior.diagnosis import Diagnosis
from posynth.posterior.edited import edits
from posynth.posterior.record import Link, Posterior, node_name
from posynth.posterior.stored_check import (
    check_chain_and_schema,
    check_draws,
    check_facts,
    check_finite,
    check_width,
)
from posynth.posterior.wishes import Method
from posynth.table.schema import Schema
from posynth.table.source import Source

if TYPE_CHECKING:
    import xarray as xr

FORMAT = 3
DRAWS_FILE = "draws.nc"
FACTS_FILE = "posterior.json"
WORTH_COMPRESSING = 10_000


def save_posterior(posterior: Posterior, folder: str | Path, *, overwrite: bool = False) -> None:
    """Write the posterior to a folder, under a temporary name first.

    Parameters
    ----------
    posterior : Posterior
        What to write.
    folder : str or Path
        Folder that will hold ``draws.nc``, ``posterior.json`` and a copy of every file of the
        user's own models that the chain names.
    overwrite : bool
        Replace another posterior that is there.

    Raises
    ------
    StoreError
        If there is another posterior, or something else of that name, or it cannot be written.
    """
    fitted = of_type("posterior", posterior, Posterior, "pass what `fit` returned, then the folder")
    place = as_path("folder", folder)
    try:
        write_posterior(fitted, place, overwrite)
    except OSError as error:
        raise StoreError(f"{str(folder)!r} cannot be written: {error.strerror or error}") from None


def write_posterior(posterior: Posterior, folder: Path, overwrite: bool = False) -> None:
    """Write a posterior as ``save_posterior`` does; an OSError is the caller's to tell."""
    import xarray as xr

    if folder.exists() and not (folder / FACTS_FILE).is_file():
        raise StoreError(
            f"{str(folder)!r} is there already and holds no posterior; it would be replaced: "
            "choose another folder"
        )
    if folder.exists() and not overwrite:
        raise StoreError(
            f"{str(folder)!r} already holds a posterior; choose another folder, or replace it with "
            "overwrite=True"
        )
    foreign = foreign_files(folder)
    if foreign:
        raise StoreError(
            f"{str(folder)!r} also holds {', '.join(foreign[:5])}, not written by posynth, which "
            "would be deleted with the posterior; choose another folder, or move them"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        groups = {f"/{node_name(t)}/posterior": ds for t, ds in posterior.draws.items()}
        groups |= {f"/{node_name(t)}/sample_stats": ds for t, ds in posterior.stats.items()}
        tree = xr.DataTree.from_dict(groups)
        encoding = {path: _compressed(tree[path].to_dataset()) for path in tree.groups}
        # In memory first: HDF5 ends the process where a disk is full.
        content = tree.to_netcdf(engine="h5netcdf", encoding=encoding)
        assert isinstance(content, memoryview)
        (draft / DRAWS_FILE).write_bytes(content)
        text = json.dumps(_facts(posterior), ensure_ascii=False, indent=1)
        (draft / FACTS_FILE).write_text(text, encoding="utf-8")
        _copy_models(posterior, draft)
        os.chmod(draft, 0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(draft, folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def is_posterior(folder: Path) -> bool:
    """Whether a folder holds a stored posterior."""
    return _stored(folder) is not None


def foreign_files(folder: Path) -> list[str]:
    """Return files in the folder of a posterior that do not belong to it, by relative path.

    Files of own models belong to it where its facts name them.
    """
    if not folder.is_dir():
        return []
    facts = _stored(folder) or ""
    known = {DRAWS_FILE, FACTS_FILE}
    files = sorted(path for path in folder.rglob("*") if not path.is_dir())
    return [
        path.relative_to(folder).as_posix()
        for path in files
        if not path.name.startswith(".")
        and "__pycache__" not in path.parts
        and path.relative_to(folder).as_posix() not in known
        and not (path.suffix == ".py" and path.name in facts)
    ]


def _stored(folder: Path) -> str | None:
    """Return the text of the facts of a stored posterior, None if there are none."""
    try:
        text = (folder / FACTS_FILE).read_text(encoding="utf-8")
        facts = json.loads(text)
    except (OSError, ValueError):
        return None
    return text if isinstance(facts, dict) and {"format", "version"} <= facts.keys() else None


def _compressed(draws: "xr.Dataset") -> dict[str, dict[str, Any]]:
    """Compress large variables: trees are padded, to two thirds zeros."""
    large = [name for name, values in draws.data_vars.items() if values.size > WORTH_COMPRESSING]
    return {str(name): {"zlib": True, "complevel": 1} for name in large}


def _copy_models(posterior: Posterior, folder: Path) -> None:
    """Keep files of own models with the draws, so that rows can be drawn from the folder alone."""
    for conditional in posterior.spec:
        name = conditional.family
        if not is_reference(name):
            continue
        found = find_file(name, (*posterior.folders, Path.cwd()))
        if found is not None and (name in posterior.allowed or _is_inside(found, posterior)):
            path = Path(name.rpartition(":")[0])
            inside = not path.is_absolute() and ".." not in path.parts
            final = folder / (path if inside else path.name)
            final.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, final)


def _is_inside(file: Path, posterior: Posterior) -> bool:
    """Whether a file lies in a folder of the posterior: others are not copied unasked."""
    return any(file.resolve().is_relative_to(folder) for folder in posterior.folders)


def _facts(posterior: Posterior) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": posterior.version,
        "seed": posterior.seed,
        "copies_drawn": posterior.copies_drawn,
        "fingerprint": posterior.fingerprint,
        "digest": posterior.spec.digest(),
        "spec": posterior.spec.to_dict(),
        "schema": posterior.schema.to_dict(),
        "source": posterior.source.to_dict(),
        "links": {target: _link_to_dict(link) for target, link in posterior.links.items()},
        "learned": {name: scale.to_dict() for name, scale in posterior.learned.items()},
    }


def stored_fingerprint(folder: Path) -> str | None:
    """Return the fingerprint of the posterior in a folder; None if it cannot be read."""
    try:
        facts = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
        return str(facts["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def load_posterior(
    folder: str | Path, methods: Mapping[str, Method] | None = None, *, allow_code: bool = False
) -> Posterior:
    """Read a posterior from the folder that ``save_posterior`` or ``posynth fit`` wrote.

    Parameters
    ----------
    folder : str or Path
        That folder, or an output folder that holds it as ``posterior/``.
    methods : Mapping, optional
        Conditional -> function, for those whose model was passed as a function in Python.
    allow_code : bool
        Whether Python files that the stored chain names, and that lie beside it, may be run when
        rows are drawn; see ``families.permission``.

    Raises
    ------
    StoreError
        If it is missing, incomplete, or of another format.
    """
    place = as_path("folder", folder)
    place = place / "posterior" if (place / "posterior").is_dir() else place
    for name in (FACTS_FILE, DRAWS_FILE):
        if not (place / name).is_file():
            received = (Path(folder) / "copies").is_dir() and (
                Path(folder) / "manifest.json"
            ).is_file()
            step = (
                "its copies were passed on without it, and only pooling can do without; use the "
                "output folder that holds posterior/, or ask whoever made the copies"
                if received
                else "`posynth fit` writes one"
            )
            raise StoreError(f"no posterior in {str(folder)!r}: {name} is not there; {step}")
    try:
        facts = json.loads((place / FACTS_FILE).read_text(encoding="utf-8"))
        if isinstance(facts, Mapping) and facts["format"] != FORMAT:
            raise StoreError(
                f"posterior in {str(folder)!r} has format {facts['format']}, this version reads "
                f"{FORMAT}; fit again, or use posynth {facts.get('version')}"
            )
        posterior = _from_facts(facts, place / DRAWS_FILE)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise StoreError(
            f"posterior in {str(folder)!r} cannot be read ({type(error).__name__}: {error}); "
            "fit again"
        ) from None
    own = {posterior.spec[target].family: method for target, method in (methods or {}).items()}
    functions = {name: method for name, method in own.items() if not isinstance(method, str)}
    folders = (place.resolve(), place.resolve().parent)
    named = (c.family for c in posterior.spec) if allow_code else (methods or {}).values()
    allowed = references(named)
    posterior = replace(posterior, folders=folders, allowed=allowed, own=own_families(functions))
    told = edits(posterior, place.parent) if place.name == "posterior" else ""
    if told:
        warnings.warn(told, EditWarning, stacklevel=2)
    return posterior


def _from_facts(facts: Mapping[str, Any], file: Path) -> Posterior:
    import xarray as xr

    check_facts(facts)
    spec = ChainSpec.from_dict(facts["spec"])
    if spec.digest() != facts["digest"]:
        raise StoreError("the posterior's chain does not match its hash: the file was edited")
    learned = {name: Scale.from_dict(entry) for name, entry in facts["learned"].items()}
    schema = Schema.from_dict(facts["schema"])
    check_chain_and_schema(spec, schema, list(facts["links"]))
    with xr.open_datatree(file, engine="h5netcdf") as tree:
        nodes = {t: tree[node_name(t)] for t in facts["links"]}
        draws = {t: _draws(t, node["posterior"]) for t, node in nodes.items()}
        told = {t: node for t, node in nodes.items() if "sample_stats" in node.children}
        stats = {t: _draws(t, node["sample_stats"]) for t, node in told.items()}
    links = {target: _link_from_dict(facts["links"][target], learned) for target in draws}
    for target, link in links.items():
        check_width(target, draws[target], link.coding)
    return Posterior(
        spec=spec,
        schema=schema,
        source=Source.from_dict(facts["source"]),
        links=links,
        draws=draws,
        seed=facts["seed"],
        version=facts["version"],
        learned=learned,
        stats=stats,
        copies_drawn=int(facts.get("copies_drawn", 0)),
    )


def _draws(target: str, node: Any) -> "xr.Dataset":
    """Read the draws of one conditional, checked before and after they are in memory."""
    lazy: xr.Dataset = node.to_dataset()
    check_draws(target, lazy)
    draws = lazy.load()
    check_finite(target, draws)
    return draws


def _link_to_dict(link: Link) -> dict[str, Any]:
    coding = link.coding
    encoder = None if coding.encoder is None else json.loads(coding.encoder.to_json())
    plain = {key: value for key, value in vars(coding).items() if key != "encoder"}
    plain["warp"] = coding.warp.knots
    plain["groups"] = asdict(coding.groups)
    plain["corrections"] = asdict(coding.corrections)
    plain["limits"] = None if coding.limits is None else asdict(coding.limits)
    # The scale stands once, by column, but for a column that rules restrict.
    learned, own = coding.learned, coding.limits is not None
    plain["learned"] = learned.to_dict() if learned and own else learned is not None
    diagnosis = {k: _finite(v) for k, v in asdict(link.diagnosis).items()}
    return {"coding": plain | {"encoder": encoder}, "diagnosis": diagnosis}


def _link_from_dict(data: Mapping[str, Any], learned: Mapping[str, Scale]) -> Link:
    coding = dict(data["coding"])
    coding["warp"] = Warp(tuple(coding["warp"]))
    coding["groups"] = Groups.from_dict(coding.get("groups", {}))
    coding["learned"] = _scale_from(coding["learned"], learned, data["diagnosis"]["target"])
    if coding["encoder"] is not None:
        coding["encoder"] = Encoder.from_json(json.dumps(coding["encoder"]))
    coding["limits"] = Limits.from_dict(coding["limits"]) if coding.get("limits") else None
    coding["corrections"] = Corrections.from_dict(coding.get("corrections", {}))
    coding["numbers"] = tuple(coding.get("numbers", ()))
    coding["spread"] = tuple(coding.get("spread", ()))
    for key in ("columns", "predictors", "levels"):
        coding[key] = tuple(coding[key])
    diagnosis: dict[str, Any] = {
        key: float("nan") if value is None else value for key, value in data["diagnosis"].items()
    }
    diagnosis["reasons"] = tuple(diagnosis["reasons"])
    return Link(Coding(**coding), Diagnosis(**diagnosis))


def _scale_from(entry: Any, learned: Mapping[str, Scale], target: str) -> Scale | None:
    """Return the scale of a response: its own, or that of its column."""
    if isinstance(entry, Mapping):
        return Scale.from_dict(entry)
    return learned[target] if entry else None


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
