// What the panels of a report share: its data, and what is looked at.

const { head, numbers, equal, tradeoff, answers, proof, tables, shared } = data;

/** Whose numbers are looked at: the rows of one forget size, for sizes are not comparable. */
const looked = {
  size: Math.max(...head.sizes),
  modalities: new Set(["-", "drawn", ...head.modalities]),
  methods: new Set(numbers.rows.map((row) => row.method)),
  listeners: [],
  changed() {
    this.listeners.forEach((listener) => listener());
  },
  get rows() {
    return numbers.rows.filter(
      (row) =>
        row.size === this.size &&
        (row.kind !== "method" || (this.modalities.has(row.modality) && this.methods.has(row.method))),
    );
  },
};

/** The choices of size, modalities and rows, which both panels of numbers follow. */
function lookedBy() {
  const methods = [...new Set(numbers.rows.filter((row) => row.kind === "method").map((row) => row.method))];
  const pairs = (values) => values.map((value) => [value, value]);
  const sizes = choice(
    "Forget size",
    head.sizes.map((size) => [size, `${size} %`]),
    looked.size,
    (size) => {
      looked.size = Number(size);
      looked.changed();
    },
  );
  return make(
    "div",
    { class: "choices" },
    head.sizes.length > 1 ? sizes : null,
    head.modalities.length > 1
      ? choices("Modalities", pairs(head.modalities), looked.modalities, () => looked.changed())
      : null,
    choices("Rows", pairs(methods), looked.methods, () => looked.changed()),
  );
}
