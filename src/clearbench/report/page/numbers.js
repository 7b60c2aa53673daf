// Rows by headline numbers, coloured by the place between original and gold.
{
  const section = panel("numbers", "Numbers");
  const place = make("div");
  const topics = [...new Set(equal.map(({ topic }) => topic))];
  const definitions = [...new Set(numbers.columns.map((column) => column.definition))];
  const sorted = {};
  // How far beyond an end a number still counts as there, of the way between them.
  const NEAR = 0.1;
  let definition = "headline", topic = "", view = null;

  /** The columns that are shown, by number: those of the definition, or of the equal share. */
  const shown = () => (view ? [...view.columns.keys()] : defined());

  /** The columns of the definition; of a metric that it reads as the headline does, the headline's. */
  const defined = () => {
    const metrics = [...new Set(numbers.columns.map((column) => column.metric))];
    const of = (metric, name) => numbers.columns.findIndex((c) => c.metric === metric && c.definition === name);
    return metrics
      .map((metric) => (of(metric, definition) < 0 ? of(metric, "headline") : of(metric, definition)))
      .filter((number) => number >= 0);
  };

  const columnOf = (number) => (view ?? numbers).columns[number];
  const cellOf = (row, number) => (view ? view.cells[row.name] : row.cells)[number];
  const rowsShown = () => looked.rows.filter((row) => !view || view.cells[row.name]);

  /** Show what a number was read off: the models of the row's curves. */
  const showEqual = ({ name }, column, cell) =>
    showProof(`${name}: ${column.header}, ${view.topic}`, [["number", cell.text], ["95 % interval", between(cell.interval, column.digits)], ["reason", cell.reason]], cell.runs, column.key, valuesOf(column.key));

  /** A cell with its colour, its marks and the way to its proof. */
  const cell = (row, number) => {
    const { text, place: at, near, status, reason } = cellOf(row, number);
    const marks = near ? " ≈" : "";
    const column = columnOf(number);
    const told = reason ? `${text}: ${reason}` : text;
    const open = button(text + marks, () => (view ? showEqual(row, column, cellOf(row, number)) : showNumber(row, number)), {
      title: told,
      "aria-label": `${row.method} ${row.modality}, ${column.header}: ${told}${near ? ", not told from gold by more than the noise" : ""}`,
    });
    const lacking = status && status !== "partial" && status !== "absent";
    const beyond = at < -NEAR || at > 1 + NEAR;
    return make("td", { class: at != null ? (beyond ? "beyond" : "placed") : lacking ? "lacking" : "", style: at != null ? `--place:${at}` : null }, open);
  };

  /** How far the models of a row came, and the way to their proof: for a row that has no number yet. */
  const stateCell = (row) => {
    const states = [...new Set(row.runs.map((run) => proof.runs[run].state))].join(", ");
    const open = () => showProof(row.name, [["note", row.note]], row.runs, "");
    return make("td", { class: "text" }, states ? button(states, open, { "aria-label": `${row.method} ${row.modality}: ${states}` }) : null);
  };

  const draw = () => {
    view = equal.find((one) => one.topic === topic && one.size === looked.size) ?? null;
    const columns = shown();
    const rows = rowsShown().map((row) => ({
      pinned: row.kind !== "method",
      cells: [
        make("span", { title: row.note || null }, row.method, row.broken ? make("span", { class: "bad", title: "retains less than half of what the original does" }, " broken") : null),
        row.modality,
        ...(columns.length ? columns.map((number) => cell(row, number)) : [stateCell(row)]),
      ],
      values: [row.method, row.modality, ...columns.map((number) => cellOf(row, number).mean ?? null)],
    }));
    const headers = [{ text: "row", names: true }, { text: "modality", names: true }, ...(columns.length ? columns.map((number) => columnOf(number).header) : [{ text: "state", names: true }])];
    place.replaceChildren(grid("Rows by headline numbers", headers, rows, sorted));
  };

  const saveShown = () => {
    const columns = shown();
    const names = columns.flatMap((number) => ["", "~low", "~high"].map((end) => columnOf(number).key + end));
    const lines = rowsShown().map((row) => [
      row.method, row.modality, row.size,
      ...columns.flatMap((number) => [cellOf(row, number).mean, ...(cellOf(row, number).interval ?? [null, null])]),
    ]);
    save(`${head.suite}-numbers.csv`, csv([["method", "modality", "forget_size", ...names], ...lines]), "text/csv");
  };

  const defining =
    definitions.length > 1
      ? choice("Definition", definitions.map((name) => [name, name]), definition, (name) => { definition = name; draw(); })
      : null;
  section.append(
    make("p", {}, make("span", { class: "scale", role: "img", "aria-label": "colours" }), " from the original's number to gold's, ", make("span", { class: "scale beyond", role: "img", "aria-label": "striped" }), " beyond either; without colour where the two lie within the noise. ≈: by no more than the noise apart from gold; ‡: few of its terms decide it. A number opens its proof. Size, modalities and rows are chosen above."),
    make(
      "div",
      { class: "choices" },
      topics.length
        ? choice("Compared", [["", "as they are"], ...topics.map((one) => [one, one])], "", (one) => {
            topic = one;
            delete sorted.column;
            defining?.querySelector("select").toggleAttribute("disabled", Boolean(one));
            draw();
          })
        : null,
      defining,
      button("CSV", saveShown),
    ),
    place,
  );
  looked.listeners.push(draw);
  draw();
}
