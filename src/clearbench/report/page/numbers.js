// Rows by headline numbers, coloured by the place between original and gold.
{
  const section = panel("numbers", "Numbers");
  const place = make("div");
  const definitions = [...new Set(numbers.columns.map((column) => column.definition))];
  const sorted = {};
  let definition = "headline";

  /** The columns of the definition; of a metric that it reads as the headline does, the headline's. */
  const shown = () => {
    const metrics = [...new Set(numbers.columns.map((column) => column.metric))];
    const of = (metric, name) => numbers.columns.findIndex((c) => c.metric === metric && c.definition === name);
    return metrics
      .map((metric) => (of(metric, definition) < 0 ? of(metric, "headline") : of(metric, definition)))
      .filter((number) => number >= 0);
  };

  /** A cell with its colour, its marks and the way to its proof. */
  const cell = (row, number) => {
    const { text, place: at, near, status, reason } = row.cells[number];
    const marks = near ? " ≈" : "";
    const column = numbers.columns[number];
    const told = reason ? `${text}: ${reason}` : text;
    const open = button(text + marks, () => showNumber(row, number), {
      title: told,
      "aria-label": `${row.method} ${row.modality}, ${column.header}: ${told}${near ? ", not told from gold by more than the noise" : ""}`,
    });
    const lacking = status && status !== "partial" && status !== "absent";
    return make("td", { class: at != null ? "placed" : lacking ? "lacking" : "", style: at != null ? `--place:${at}` : null }, open);
  };

  const draw = () => {
    const columns = shown();
    const rows = looked.rows.map((row) => ({
      pinned: row.kind !== "method",
      cells: [
        make("span", { title: row.note || null }, row.method, row.broken ? make("span", { class: "bad", title: "retains less than half of what the original does" }, " broken") : null),
        row.modality,
        ...columns.map((number) => cell(row, number)),
      ],
      values: [row.method, row.modality, ...columns.map((number) => row.cells[number].mean ?? null)],
    }));
    const headers = [{ text: "row", names: true }, { text: "modality", names: true }, ...columns.map((number) => numbers.columns[number].header)];
    place.replaceChildren(grid("Rows by headline numbers", headers, rows, sorted));
  };

  const saveShown = () => {
    const columns = shown();
    const names = columns.flatMap((number) => ["", "~low", "~high"].map((end) => numbers.columns[number].key + end));
    const lines = looked.rows.map((row) => [
      row.method, row.modality, row.size,
      ...columns.flatMap((number) => [row.cells[number].mean, ...(row.cells[number].interval ?? [null, null])]),
    ]);
    save(`${head.suite}-numbers.csv`, csv([["method", "modality", "forget_size", ...names], ...lines]), "text/csv");
  };

  section.append(
    make("p", {}, make("span", { class: "scale", role: "img", "aria-label": "colours" }), " from the original's number to gold's. ≈: by no more than the noise apart from gold. A number opens its proof."),
    make(
      "div",
      { class: "choices" },
      definitions.length > 1
        ? choice("Definition", definitions.map((name) => [name, name]), definition, (name) => { definition = name; draw(); })
        : null,
      button("CSV", saveShown),
    ),
    place,
  );
  looked.listeners.push(draw);
  draw();
}
