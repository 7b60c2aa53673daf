// What all pages share: the data, elements, choices, and what leaves the page as a file.

const data = await unpacked(document.getElementById("data").textContent);

/** The data that a page has as compressed JSON in base64. */
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

/** An element with attributes and children. Texts stay texts, whatever is in them. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(2).filter((child) => child != null));
  return element;
}

/** Names and values as a list of definitions; of those that have a value. */
function facts(pairs) {
  const told = pairs.filter(([, value]) => value != null && value !== "");
  return make("dl", {}, told.map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

/** The section of a panel with its heading, which the navigation leads to. */
function panel(id, title, heading = "h2") {
  const section = document.getElementById(id);
  section.append(make(heading, { id: `${id}-title` }, title));
  document.getElementById("nav").append(make("a", { href: `#${id}` }, title));
  return section;
}

/** A labelled list of values of which one is chosen; `values` are pairs of value and text. */
function choice(label, values, chosen, changed) {
  const select = make(
    "select",
    { onchange: () => changed(select.value) },
    values.map(([value, text]) => make("option", { value, selected: String(value) === String(chosen) }, text)),
  );
  return make("label", {}, label, select);
}

/** So many values are chosen one by one; of more, all or none at once as well. */
const FEW = 4;

/** A labelled set of values of which several are chosen; `chosen` is a Set that follows. */
function choices(label, values, chosen, changed) {
  const boxes = values.map(([value]) => {
    const follow = () => {
      if (box.checked) chosen.add(value);
      else chosen.delete(value);
    };
    const box = make("input", { type: "checkbox", checked: chosen.has(value), onchange: () => { follow(); changed(); } });
    return { box, follow };
  });
  const together = (word, on) =>
    button(word, () => {
      for (const { box, follow } of boxes) {
        box.checked = on;
        follow();
      }
      changed();
    }, { "aria-label": `${label}: ${word}` });
  return make(
    "fieldset",
    {},
    make("legend", {}, label),
    boxes.map(({ box }, at) => make("label", {}, box, values[at][1])),
    boxes.length > FEW ? [together("all", true), together("none", false)] : null,
  );
}

/** Put other choices into a place; a list that the keyboard was on keeps it. */
function refill(place, children) {
  const label = place.contains(document.activeElement) && document.activeElement.closest("label")?.firstChild.textContent;
  place.replaceChildren(...children.filter(Boolean));
  if (label) [...place.querySelectorAll("label")].find((one) => one.firstChild.textContent === label)?.querySelector("select")?.focus();
}

/** A button. */
function button(text, pressed, attributes = {}) {
  return make("button", { type: "button", ...attributes, onclick: pressed }, text);
}

/** A number with so many decimals; nothing for none. */
function decimals(value, digits = 3) {
  return value == null ? "" : value.toFixed(digits).replace(/^-(0(\.0*)?)$/, "$1");
}

/** An interval in brackets. */
function between(ends, digits = 3) {
  return ends ? `[${decimals(ends[0], digits)}, ${decimals(ends[1], digits)}]` : "";
}

/** Offer a text as a file. */
function save(name, text, kind) {
  const address = URL.createObjectURL(new Blob([text], { type: kind }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/** Lines of values as CSV; no text begins as what spreadsheets would compute. */
function csv(lines) {
  const quoted = (value) => {
    const live = typeof value === "string" && /^[=+\-@\t\r]./s.test(value) && Number.isNaN(Number(value));
    const text = value == null ? "" : `${live ? "'" : ""}${value}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return lines.map((line) => line.map(quoted).join(",")).join("\n") + "\n";
}
