// What the address asks for: the proof of a number, a sample, or a panel.

function follow() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const [name, rest] = (asked.get("proof") ?? asked.get("sample") ?? "").split(/:(.*)/s);
  if (asked.has("sample")) return showSample(name, rest);
  if (!asked.has("proof")) return document.getElementById(location.hash.slice(1))?.scrollIntoView();
  const row = numbers.rows.find((one) => one.name === name);
  const number = numbers.columns.findIndex(({ key }) => key === rest);
  if (row !== undefined && number >= 0) return showNumber(row, number);
  showDialog("No such number", make("p", {}, `This page has no number ${asked.get("proof")}; another, or a later one, may have it.`));
}

addEventListener("hashchange", follow);
follow();
