// What each state of a port is called, the gravest first.
const STATES = {
  disable: "DISABLE: plaintext only",
  permissive: "PERMISSIVE: plaintext too",
  uncaptured: "not captured by the sidecar",
  undecided: "undecided",
  outside: "no sidecar",
  strict: "STRICT: mutual TLS only",
};
const OPEN = ["disable", "permissive", "uncaptured"];
const ORDER = ["strict", "permissive", "disable", "uncaptured", "undecided", "outside"];

const sum = (counts, states) => states.reduce((total, state) => total + (counts[state] || 0), 0);
const ports = (counts) => sum(counts, ["strict", ...OPEN, "undecided"]);
const segments = (counts) => ORDER.filter((state) => counts[state]).map((state) => [`s-${state}`, counts[state]]);

function told(counts) {
  const all = ports(counts), open = sum(counts, OPEN);
  const parts = [];
  if (all) {
    if (open) parts.push(`${open} of ${plural(all, "port")} take plaintext`);
    else if (counts.strict === all) parts.push(`${plural(all, "port")}, all STRICT`);
    else parts.push(plural(all, "port"));
  }
  if (counts.undecided) parts.push(`${counts.undecided} undecided`);
  if (counts.outside) parts.push(`${plural(counts.outside, "workload")} without sidecar`);
  return parts.join(", ") || "nothing there";
}

function matrix() {
  const environments = data.environments;
  const rows = new Map();
  environments.forEach((environment, column) => {
    for (const namespace of environment.posture.namespaces) {
      if (!rows.has(namespace.name)) rows.set(namespace.name, { cells: [], text: namespace.name.toLowerCase() });
      const row = rows.get(namespace.name);
      row.cells[column] = namespace;
      row.text += ` ${namespace.workloads.map(([name]) => name.toLowerCase()).join(" ")}`;
    }
  });
  const body = h("tbody");
  for (const name of [...rows.keys()].sort()) {
    const row = rows.get(name);
    row.element = h("tr", {}, h("th", { scope: "row" }, name), environments.map((environment, column) =>
      h("td", {}, row.cells[column] ? cell(row, environment, row.cells[column]) : h("span", { class: "by" }, "not there"))));
    body.append(row.element);
  }
  replace($("matrix"), h("caption", { hidden: true }, "Posture by namespace and environment"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "namespace"),
      environments.map((environment) => h("th", { scope: "col" }, environment.name)))), body);
  replace($("posture-legend"), ORDER.map((state) => h("li", {}, h("i", { class: `dot s-${state}` }), STATES[state])));
  const narrow = () => filter(rows);
  $("posture-search").addEventListener("input", eased(narrow));
  $("posture-filter").addEventListener("change", narrow);
  narrow();
}

function cell(row, environment, namespace) {
  const { counts } = namespace;
  const button = h("button", {
    type: "button", class: "cell", "aria-expanded": "false", "data-environment": environment.name, "data-namespace": namespace.name,
    "aria-label": `${namespace.name} in ${environment.name}: ${told(counts)}`,
    onclick: () => toggle(row, button, environment, namespace),
  }, bar(segments(counts), Math.max(1, sum(counts, ORDER))), h("span", {}, told(counts)));
  return button;
}

function toggle(row, button, environment, namespace) {
  const open = button.getAttribute("aria-expanded") === "true";
  close(row);
  if (open) return;
  button.setAttribute("aria-expanded", "true");
  row.drill = h("tr", { class: "drill" }, h("td", { colspan: data.environments.length + 1 }, drill(environment, namespace)));
  row.element.after(row.drill);
}

function close(row) {
  if (row.drill) row.drill.remove();
  row.drill = null;
  for (const button of row.element.querySelectorAll(".cell")) button.setAttribute("aria-expanded", "false");
}

function drill(environment, namespace) {
  const { policies } = environment.posture;
  const wanted = matcher($("posture-search").value);
  const named = namespace.workloads.filter(([name]) => wanted(name.toLowerCase()));
  const shown = named.length ? named : namespace.workloads;
  const rows = shown.flatMap(([name, kind, lines]) => lines.map(([port, state, text, level, policy, overrides, who, deciding], index) =>
    h("tr", {},
      index ? h("td") : h("th", { scope: "row" }, name, " ", h("span", { class: "by" }, kind)),
      h("td", {}, port),
      h("td", { class: `t-${state}` }, text),
      h("td", {}, decider(policies, level, policy)),
      h("td", { class: "by" }, overrides.map(([other, where, mode, why]) =>
        h("div", {}, `${where} ${policies[other][0]} says ${mode}${why === "older" ? ", and is newer" : ""}`))),
      h("td", {}, who, deciding.map((index) => h("div", { class: "by" }, h("code", {}, policies[index][0])))))));
  return [
    h("h3", {}, `${namespace.name} in ${environment.name}`),
    h("div", { class: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, ["workload", "ports", "accepts", "decided by", "overridden", "who gets in"].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, rows))),
  ];
}

function decider(policies, level, policy) {
  if (!level) return "";
  if (policy < 0) return h("span", { class: "by" }, "Istio's default");
  const [owner, place] = policies[policy];
  return [`${level} `, h("code", {}, owner), place ? h("div", { class: "by" }, h("code", {}, place)) : ""].filter(Boolean);
}

function filter(rows) {
  const wanted = matcher($("posture-search").value);
  const states = { plaintext: OPEN, outside: ["outside"], undecided: ["undecided"] }[$("posture-filter").value];
  let shown = 0;
  for (const row of rows.values()) {
    const fits = wanted(row.text) && (!states || row.cells.some((own) => own && sum(own.counts, states)));
    row.element.hidden = !fits;
    if (row.drill) row.drill.hidden = !fits;
    shown += fits;
  }
  $("posture-count").textContent = shown === rows.size ? plural(rows.size, "namespace") : `${shown} of ${plural(rows.size, "namespace")}`;
}
