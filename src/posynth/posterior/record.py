"""Records of a fitted chain: how each conditional codes rows, its draws and its diagnosis."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from posynth.chain.scale import Scale
from posynth.chain.spec import ChainSpec
from posynth.engines.base import Fit
from posynth.errors import StoreError, unknown
from posynth.families.base import Family
from posynth.posterior.coding import Coding
from posynth.posterior.diagnosis import Diagnosis
from posynth.table.listing import listing, some, table_html
from posynth.table.schema import Schema
from posynth.table.source import Source

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True)
class Link:
    """One fitted conditional: how it codes rows, and its diagnosis."""

    coding: Coding
    diagnosis: Diagnosis


@dataclass(frozen=True)
class Posterior:
    """Everything that drawing copies needs; the source's rows are not among it.

    A conditional that was asked for by ``copies_values`` keeps values of its column.

    Attributes
    ----------
    spec : ChainSpec
        The chain.
    schema : Schema
        What each column is.
    source : Source
        Dialect in which copies are written.
    links : Mapping of str to Link
        Target -> fitted conditional.
    draws : Mapping of str to xarray.Dataset
        Target -> draws with dims (chain, draw, ...).
    seed : int
        Seed of the fit.
    version : str
        Version of posynth that fitted it.
    folders : tuple of Path
        Where files of a user's own families are sought.
    allowed : frozenset of str
        Which of the names ``"file.py:function"`` in the chain may be followed; see
        ``families.permission``.
    own : Mapping of str to Family
        Families that were passed in Python; they are not stored.
    learned : Mapping of str to Scale
        Column -> its learned scale, for columns that are modelled or read on one.
    stats : Mapping of str to xarray.Dataset
        Target -> what a Hamiltonian engine tells of each draw, with dims (chain, draw).
    copies_drawn : int
        Number of copies that ``synthesize`` drew with the seed of the fit; 0 after ``fit``.
    """

    spec: ChainSpec
    schema: Schema
    source: Source
    links: Mapping[str, Link]
    draws: Mapping[str, "xr.Dataset"]
    seed: int
    version: str
    folders: tuple[Path, ...] = field(default=(), compare=False)
    allowed: frozenset[str] = field(default=frozenset(), compare=False)
    own: Mapping[str, Family] = field(default_factory=dict, compare=False)
    learned: Mapping[str, Scale] = field(default_factory=dict)
    stats: Mapping[str, "xr.Dataset"] = field(default_factory=dict)
    copies_drawn: int = 0

    def __repr__(self) -> str:
        heads, rows = list(map(str, self.summary())), self.summary().to_numpy().tolist()
        more = "posterior.diagnostics() shows all"
        return "\n".join([*self.title, *listing(heads, rows, more=more)])

    def _repr_html_(self) -> str:
        return table_html(" ".join(self.title), self.summary())

    @property
    def title(self) -> list[str]:
        """What was fitted, with which engines, and what did not pass: a few lines."""
        engines = Counter(link.diagnosis.engine for link in self.links.values())
        used = ", ".join(f"{name} {count}" for name, count in sorted(engines.items()))
        failed = [t for t, link in self.links.items() if not link.diagnosis.passed]
        lines = [
            f"Posterior of {len(self.links)} conditionals ({used}),",
            f"{'proper' if self.proper else 'not proper'}, {len(self.links) - len(failed)} within "
            f"diagnostic limits, fitted on {self.schema.rows} rows, seed {self.seed}",
        ]
        if failed:
            lines.append(f"outside their limits: {some(failed)}")
        return lines

    def summary(self) -> "pd.DataFrame":
        """Return ``diagnostics`` in short: family, engine, draws, passed or not."""
        import pandas as pd

        sizes = {t: int(ds.sizes["chain"] * ds.sizes["draw"]) for t, ds in self.draws.items()}
        rows = [
            (t, link.diagnosis.family, link.diagnosis.engine, sizes[t], link.diagnosis.passed)
            for t, link in self.links.items()
        ]
        return pd.DataFrame(rows, columns=["target", "family", "engine", "draws", "passed"])

    @property
    def tree(self) -> "xr.DataTree":
        """All draws as one DataTree: ``tree[target]["posterior"]``."""
        import xarray as xr

        return xr.DataTree.from_dict(
            {f"/{node_name(t)}/posterior": labelled(ds) for t, ds in self.draws.items()}
        )

    def __getitem__(self, target: str) -> "xr.DataTree":
        """Return one conditional as a DataTree with a ``posterior`` group, as ArviZ takes it.

        What a Hamiltonian engine tells of its draws is the group ``sample_stats``. With the rows
        it was fitted on, ``inference_data`` gives likelihood and predictive draws as well.
        """
        import xarray as xr

        self._require(target)
        groups = {"/posterior": labelled(self.draws[target])}
        if target in self.stats:
            groups["/sample_stats"] = labelled(self.stats[target])
        return xr.DataTree.from_dict(groups, name=node_name(target))

    def inference_data(
        self, target: str, df: "pd.DataFrame", *, draws: int | None = None, seed: int = 0
    ) -> "xr.DataTree":
        """Return all that ArviZ asks for of one conditional, on rows of a table.

        See ``posterior.inference_data``, which it calls.

        Examples
        --------
        >>> import posynth
        >>> df = posynth.load_heart_failure()[["age", "platelets"]]
        >>> tree = posynth.fit(df, seed=1).inference_data("platelets", df, draws=100)
        >>> sorted(tree.children)[:4]
        ['constant_data', 'log_likelihood', 'observed_data', 'posterior']
        """
        from posynth.posterior.inference_data import inference_data

        self._require(target)
        return inference_data(self, target, df, draws=draws, seed=seed)

    def coefficients(self, target: str) -> "xr.Dataset":
        """Return the draws of a linear predictor on the natural scale of its predictors.

        With standardised predictors z = (x - c) / s the model's alpha + z beta equals
        ``intercept + x slope``; a standardised response is scaled back too. On a learned scale
        they are about the response's normal score; where rules bound the column they may be about
        its distance from a bound, which the attribute ``response`` then says. Of random effects it
        has the spreads ``tau`` and the correlations, where there are three effects partial ones in
        the order of the effects. A family with cutpoints has slopes and no intercept. The names of
        predictors, and ``intercept`` of centred predictors, are those under which priors can be
        stated.

        Raises
        ------
        StoreError
            If the target is unknown or its family has no ``alpha`` and ``beta``.
        """
        import xarray as xr

        self._require(target)
        dataset, coding = labelled(self.draws[target]), self.links[target].coding
        if coding.encoder is not None and coding.encoder.strata:
            raise StoreError(
                f"conditional {target!r} is fitted within strata: its products are of standardised "
                f"predictors; read the draws of posterior[{target!r}] instead"
            )
        cut = "beta" in dataset and "stick" in dataset  # cutpoints in place of an intercept
        if coding.encoder is None or not (cut or {"alpha", "beta"} <= set(dataset)):
            raise StoreError(f"conditional {target!r} has no linear predictor with alpha and beta")
        dims = {"predictor": list(coding.predictors)}
        scale = xr.DataArray(np.array(coding.encoder.scale), dims="predictor", coords=dims)
        center = xr.DataArray(np.array(coding.encoder.center), dims="predictor", coords=dims)
        unit, origin = coding.unit, coding.origin
        slope = dataset["beta"] * unit / scale
        natural = xr.Dataset({"slope": slope})
        if not cut:
            intercept = origin + dataset["alpha"] * unit - (slope * center).sum("predictor")
            natural = xr.Dataset({"intercept": intercept, "slope": slope})
        spreads = {name: dataset[name] * unit for name in ("sigma", "tau") if name in dataset}
        if "agreement" in dataset:
            natural["correlation"] = 2 * dataset["agreement"] - 1
        limits = coding.limits
        instead = limits.modelled if limits is not None else ""
        return natural.assign(spreads).assign_attrs({"response": instead} if instead else {})

    def diagnostics(self) -> "pd.DataFrame":
        """Return one row a conditional: family, engine, n, k-hat, R-hat, ESS, seconds ...

        Limits stand beside the values, and ``reasons`` names what is not within them.
        """
        import pandas as pd

        return pd.DataFrame([link.diagnosis.row() for link in self.links.values()])

    @property
    def estimated(self) -> tuple[str, ...]:
        """Conditionals that have parameters: all but passive columns."""
        return tuple(c.target for c in self.spec if not c.computed)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the chain, its scales and every draw: the same before and after saving."""
        digest = hashlib.blake2b(digest_size=8)
        scales = {name: scale.to_dict() for name, scale in self.learned.items()}
        facts = [self.spec.digest(), self.schema.rows, sorted(self.draws), scales]
        digest.update(json.dumps(facts, sort_keys=True).encode())
        for target in sorted(self.draws):
            for name, values in sorted(self.draws[target].data_vars.items()):
                digest.update(f"{target}/{name}{values.shape}".encode())
                digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
        return digest.hexdigest()

    @property
    def proper(self) -> bool:
        """Whether every conditional gives draws that carry parameter uncertainty."""
        return all(link.diagnosis.proper for link in self.links.values())

    def _require(self, target: str) -> None:
        if target not in self.links:
            raise StoreError(unknown("conditional", target, self.links))


def node_name(target: str) -> str:
    """Return a target's name as a group name: a slash would open a group of its own."""
    safe = target.replace("%", "%25").replace("/", "%2F").replace("\0", "%00")
    return safe if safe.strip(". ") == safe and safe else f"%{safe}%"


def to_dataset(fit: Fit) -> "xr.Dataset":
    """Return draws as a Dataset with dims (chain, draw, ...) and labels on the other dims."""
    import xarray as xr

    variables = {
        name: (("chain", "draw", *_dims(fit, name, values)), values)
        for name, values in fit.draws.items()
    }
    used = {dim for dims, _ in variables.values() for dim in dims}
    coords: dict[str, Any] = {
        # Text in NetCDF ends at a null character, which a name or a level may hold.
        dim: np.array([label.replace("\0", "\u2400") for label in ls], dtype=str)
        for dim, ls in fit.coords.items()
        if dim in used and ls
    }
    if not variables:  # nothing was estimated: one draw of no parameter
        coords = {"chain": [0], "draw": [0]}
    return xr.Dataset(variables, coords=coords)


def _dims(fit: Fit, name: str, values: np.ndarray) -> tuple[str, ...]:
    dims = fit.dims.get(name, ())
    own = tuple(f"{name}_dim_{i}" for i in range(values.ndim - 2))
    named = len(dims) == values.ndim - 2
    return tuple(d or o for d, o in zip(dims, own, strict=True)) if named else own


def stats_dataset(fit: Fit) -> "xr.Dataset":
    """Return what an engine tells of each draw, as a Dataset with dims (chain, draw)."""
    import xarray as xr

    return xr.Dataset({name: (("chain", "draw"), v) for name, v in sorted(fit.stats.items())})


def labelled(dataset: "xr.Dataset") -> "xr.Dataset":
    """Return the draws with chains and draws numbered, which the file leaves out."""
    return dataset.assign_coords(
        chain=np.arange(dataset.sizes["chain"]), draw=np.arange(dataset.sizes["draw"])
    )
