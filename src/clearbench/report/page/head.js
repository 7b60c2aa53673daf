// What the page is of, how far its models came, and what the numbers say.
{
  const section = panel("head", `Suite ${head.suite}`, "h1");
  section.append(
    make("p", {}, head.description),
    make(
      "ul",
      { class: "states", "aria-label": `${head.models} models by how far they came` },
      head.states.map(([state, count]) =>
        make("li", { class: state === "proven" ? "good" : "bad" }, make("b", {}, String(count)), ` ${state}`),
      ),
    ),
    make("ul", { class: "sentences" }, head.sentences.map((sentence) => make("li", {}, make("p", {}, sentence)))),
    facts([
      ["model", head.model],
      ["dataset", head.dataset],
      ["seeds", head.seeds.join(", ")],
      ...head.made,
    ]),
    make(
      "p",
      { class: "faint" },
      "Proven: made from what lies here, by the code, the settings and the environment that the page was made with." +
        " What the chain of one number is, a click on it tells; whether it holds now, ",
      make("code", {}, `clearbench audit --suite ${head.suite}`),
      ".",
    ),
  );
}
