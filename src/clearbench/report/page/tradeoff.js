// Any headline number over any other: a mark a row, a curve where its update is scaled.
if (!numbers.columns.length) document.getElementById("tradeoff").hidden = true;
else {
  const section = panel("tradeoff", "Trade-off");
  const pairs = numbers.columns.map((column, number) => [number, column.header]);
  const every = [...new Set(numbers.rows.filter(({ kind }) => kind === "method").map(({ method }) => method))];
  let { across, up } = tradeoff;

  /** A row as the chart has it; none without both numbers. */
  const spot = (row) => {
    const [x, y] = [row.cells[across], row.cells[up]];
    if (x.mean == null || y.mean == null) return null;
    const name = row.kind === "method" ? `${row.method} ${row.modality}` : row.method;
    return {
      row: row.name, name, method: row.method, modality: row.modality, kind: row.kind, x: x.mean, y: y.mean,
      x_low: x.interval?.[0], x_high: x.interval?.[1], y_low: y.interval?.[0], y_high: y.interval?.[1],
      told: `${name}: ${numbers.columns[across].header} ${decimals(x.mean)} ${between(x.interval)}, ${numbers.columns[up].header} ${decimals(y.mean)} ${between(y.interval)}`,
    };
  };

  /** The points of the curves of some rows. */
  const curves = (rows) =>
    rows.flatMap((row) =>
      (tradeoff.curves[row.name] ?? []).map(({ strength, means, stds }) => ({
        row: row.name, method: row.method, modality: row.modality, strength, x: means[across], y: means[up], std: stds[up],
        point: `${row.method} ${row.modality} at ${strength} times its update: ${decimals(means[across])}, ${decimals(means[up])}`,
      })),
    ).filter((point) => point.x != null && point.y != null);

  // More bands, or bars, than these hide each other.
  const MOST = 12;

  /** The outlines of the bands of some points: along the lower side, and back along the upper one. */
  const bands = (points) => {
    const curves = [...Map.groupBy(points.filter(({ std }) => std != null), ({ row }) => row).values()];
    return (curves.length > MOST ? [] : curves).flatMap((curve) => {
      const side = (sign) => curve.map(({ y, std, ...point }) => ({ ...point, y: y + sign * std }));
      return [...side(-1), ...side(1).reverse()].map((point, step) => ({ ...point, step }));
    });
  };

  const describe = ({ ink, faint, paper }, room) => {
    const rows = looked.rows;
    const spots = rows.map(spot).filter(Boolean);
    if (!spots.length) return "No row that is chosen has both numbers.";
    const [of_methods, others] = [spots.filter((s) => s.kind === "method"), spots.filter((s) => s.kind !== "method")];
    const scaled = curves(rows);
    const points = [...spots, ...scaled];
    const axis = (number, field, of) => {
      const domain = spread(points.map((point) => point[of]));
      return { field, type: "quantitative", scale: { domain, zero: false, nice: false }, title: numbers.columns[number].header };
    };
    const x = axis(across, "x", "x"), y = axis(up, "y", "y");
    // A method keeps its colour, whichever rows are chosen.
    const shown = [...new Set(of_methods.map((s) => s.method))];
    const colours = { field: "method", type: "nominal", title: "row", legend: { values: shown }, scale: { domain: every, scheme: "tableau20" } };
    const shape = { field: "modality", type: "nominal", title: "modality", scale: { domain: head.modalities, range: ["circle", "square", "triangle-up"] } };
    const told = { field: "told", type: "nominal" };
    const known = (field) => ({ filter: `isValid(datum.${field}_low)` });
    const bar = (field, other) => ({
      data: { values: spots }, transform: [known(field)], mark: { type: "rule", strokeWidth: 1, aria: false, clip: true },
      encoding: {
        [field]: { ...axis(field === "x" ? across : up, `${field}_low`, field) }, [`${field}2`]: { field: `${field}_high` }, [other]: other === "x" ? x : y,
        color: { condition: { test: "datum.kind == 'method'", ...colours }, value: faint },
        opacity: {
          condition: [{ test: "datum.kind != 'method'", value: 0.4 }, ...(of_methods.length ? [{ param: "pointed", empty: false, value: 0.8 }] : [])],
          value: of_methods.length > MOST ? 0 : 0.4,
        },
      },
    });
    const layers = [
      {
        data: { values: bands(scaled) }, mark: { type: "line", filled: true, interpolate: "linear-closed", strokeWidth: 0, fillOpacity: 0.12, aria: false, clip: true },
        encoding: { x, y, color: colours, detail: { field: "row" }, order: { field: "step" } },
      },
      bar("y", "x"), bar("x", "y"),
      {
        data: { values: scaled }, mark: { type: "line", opacity: 0.55, strokeWidth: 1.5, aria: false, point: { size: 16, opacity: 0.7, aria: false } },
        encoding: { x, y, color: colours, detail: { field: "row" }, order: { field: "strength" }, tooltip: { field: "point", type: "nominal" } },
      },
      {
        data: { values: of_methods }, params: [{ name: "pointed", select: { type: "point", on: "pointerover", clear: "pointerout", fields: ["row"] } }],
        mark: { type: "point", filled: true, size: 90, opacity: 0.95, stroke: paper, strokeWidth: 0.8 },
        encoding: { x, y, color: colours, shape: head.modalities.length > 1 ? shape : undefined, tooltip: told, description: told },
      },
      {
        data: { values: others }, mark: { type: "point", shape: "diamond", filled: true, size: 130, color: ink },
        encoding: { x, y, tooltip: told, description: told },
      },
      {
        data: { values: others }, mark: { type: "text", dy: -12, fontSize: 12, fontWeight: "bold", color: ink, aria: false },
        encoding: { x, y, text: { field: "name" } },
      },
    ].filter((layer) => layer.data.values.length);
    return { width: Math.min(room, 980), height: isNarrow(room) ? 310 : 430, layer: layers };
  };

  const chart = charted(
    () => `${numbers.columns[up].header} over ${numbers.columns[across].header}`,
    describe,
    // The proof of a mark's upper number.
    ({ row }) => showNumber(numbers.rows.find(({ name }) => name === row), up),
    430,
  );
  section.append(
    lookedBy(),
    make(
      "div",
      { class: "choices" },
      choice("Upwards", pairs, up, (number) => { up = Number(number); chart.draw(); }),
      choice("Across", pairs, across, (number) => { across = Number(number); chart.draw(); }),
      button("SVG", () => chart.saved(`${head.suite}-tradeoff`)),
    ),
    chart.place,
    make("p", { class: "faint" }, `Bars are 95 % intervals: of more than ${MOST} rows, of the one that the pointer or the keyboard is on. Curves, where the suite has them, go through the update of a row times several strengths, from the original on; their bands, of no more than ${MOST} rows, are a standard deviation over seeds to each side. The table below has the same numbers.`),
  );
  looked.listeners.push(chart.draw);
}
