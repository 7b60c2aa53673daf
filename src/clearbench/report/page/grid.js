// Tables that sort by any column; rows that are pinned stay on top.

/**
 * A table. A header is a text, or { text, names } where a column holds names; a row is
 * { cells, values, pinned }: a cell an element or a text, a value what it is sorted by.
 * `sorted` keeps what was sorted by between two drawings.
 */
function grid(label, headers, rows, sorted = {}) {
  const body = make("tbody");
  const heads = headers.map((header, number) => {
    const { text, names } = typeof header === "string" ? { text: header } : header;
    const head = make("th", { scope: "col", class: names ? "text" : "" });
    head.append(
      button(text, () => {
        sorted.down = sorted.column === number ? !sorted.down : !names;
        sorted.column = number;
        fill();
      }),
    );
    return head;
  });
  const fill = () => {
    heads.forEach((head, number) => {
      const by = sorted.column === number;
      if (by) head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
      head.dataset.sorted = by ? (sorted.down ? "down" : "up") : "";
    });
    const pinned = rows.filter((row) => row.pinned);
    const others = rows.filter((row) => !row.pinned);
    if (sorted.column !== undefined) others.sort((a, b) => compare(a.values[sorted.column], b.values[sorted.column], sorted.down));
    body.replaceChildren(...[...pinned, ...others].map((row) => line(row, row === pinned.at(-1))));
  };
  fill();
  const table = make("table", {}, make("thead", {}, make("tr", {}, heads)), body);
  return make("div", { class: "scroll", role: "region", "aria-label": label, tabindex: "0" }, table);
}

/** A row; its first cell names it. */
function line(row, last) {
  const cells = row.cells.map((cell, number) => {
    if (number === 0) return make("th", { scope: "row" }, cell);
    if (cell instanceof HTMLTableCellElement) return cell;
    return make("td", { class: typeof row.values[number] === "string" ? "text" : "" }, cell);
  });
  return make("tr", { class: row.pinned ? (last ? "pinned last" : "pinned") : "" }, cells);
}

/** The order of two values; what is missing comes last, whichever way. */
function compare(a, b, down) {
  if (a == null || b == null) return (a == null) - (b == null);
  const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en");
  return down ? -order : order;
}
