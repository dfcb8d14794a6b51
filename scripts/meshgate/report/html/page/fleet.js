// What an environment is, by its place in a row of data.
const [NAME, LABELS, REFUSED, PAGE, ERRORS, WARNINGS, ACCEPTED, POLICIES, INVENTORY, FINDINGS] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const [RULE, RULE_NAME, SEVERITY, BY, ABOUT, PLACE, MESSAGE, FIX] = [0, 1, 2, 3, 4, 5, 6, 7];
const AT_ONCE = 200;
const text = (finding, key) => data.texts[finding[key]];
const worse = (one, other) =>
  Number(Boolean(other[REFUSED])) - Number(Boolean(one[REFUSED])) || other[ERRORS] - one[ERRORS] ||
  other[WARNINGS] - one[WARNINGS];
// Those that are as bad stay in the order of environments.yaml.
const environments = [...data.environments].sort(worse);
// What is searched in: made once for each text, not for each environment that has it.
const words = data.findings.map((own) => `${own[RULE]} ${text(own, RULE_NAME)} ${text(own, ABOUT)} ${text(own, MESSAGE)}`.toLowerCase());
const labels = (own) => Object.entries(own[LABELS]).map(([key, value]) => `${key}=${value}`).join(" ");
const subjects = environments.map((own) => `${own[NAME]} ${labels(own)} ${own[REFUSED]} ${own[FINDINGS].map((index) => words[index]).join(" ")}`.toLowerCase());
let shown = AT_ONCE;

function findings(own) {
  const open = own[FINDINGS].map((index) => data.findings[index]);
  return [
    own[REFUSED] ? h("p", { class: "notice bad" }, own[REFUSED]) : "",
    own[PAGE] ? h("p", {}, h("a", { href: own[PAGE] }, `The page of ${own[NAME]}`)) : "",
    open.length || own[REFUSED] ? "" : h("p", {}, "There is no finding."),
    h("ul", {}, open.map((finding) => h("li", {},
      h("strong", { class: finding[SEVERITY] === "error" ? "t-disable" : "t-permissive" }, `${finding[SEVERITY]} ${finding[RULE]}`),
      ` ${text(finding, RULE_NAME)}`,
      text(finding, BY) ? ` (accepted by ${text(finding, BY)})` : "",
      h("div", {}, text(finding, MESSAGE)),
      h("div", {}, h("code", {}, text(finding, PLACE)), ` ${text(finding, ABOUT)}`),
      text(finding, FIX) ? h("div", {}, `fix: ${text(finding, FIX)}`) : ""))),
  ];
}

function line(own) {
  const details = h("tr", { class: "drill", hidden: true }, h("td", { colspan: 6 }));
  const button = h("button", {
    type: "button", class: "cell", "aria-expanded": "false",
    onclick: () => {
      const open = details.hidden;
      if (open) replace(details.firstChild, findings(own));
      details.hidden = !open;
      button.setAttribute("aria-expanded", String(open));
    },
  }, own[NAME], labels(own) ? h("span", {}, labels(own)) : "");
  const numbers = [ERRORS, WARNINGS, ACCEPTED, POLICIES, INVENTORY].map((key) => h("td", {}, own[REFUSED] && key !== ERRORS ? "-" : own[key].toLocaleString("en")));
  if (own[REFUSED]) replace(numbers[0], h("span", { class: "t-disable" }, "not judged"));
  return [h("tr", {}, h("th", { scope: "row" }, button), numbers), details];
}

function draw() {
  const matches = matcher($("fleet-search").value), key = $("fleet-group").value, filter = $("fleet-filter").value;
  const found = environments.filter((own, index) => matches(subjects[index]) &&
    (!filter || own[REFUSED] || (filter === "bad" && own[ERRORS])));
  const groups = new Map();
  for (const own of found) {
    const name = key ? own[LABELS][key] ?? "without" : "";
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(own);
  }
  const head = h("thead", {}, h("tr", {}, ["Environment", "Errors", "Warnings", "Accepted", "Policies", "Inventory"].map((title) => h("th", { scope: "col" }, title))));
  let left = shown;
  const bodies = [...groups].map(([name, own]) => {
    const some = own.slice(0, left);
    left -= some.length;
    const sum = (what) => own.reduce((total, each) => total + each[what], 0).toLocaleString("en");
    const title = h("tr", {}, h("th", { colspan: 6, scope: "rowgroup" }, `${key} ${name}: ${plural(own.length, "environment")}, ${sum(ERRORS)} errors, ${sum(WARNINGS)} warnings`));
    return h("tbody", {}, key ? title : "", some.map(line));
  });
  replace($("fleet-table"), head, bodies);
  $("fleet-count").textContent = `${plural(found.length, "environment")} of ${environments.length.toLocaleString("en")}`;
  $("fleet-more").hidden = found.length <= shown;
}

function rules() {
  const counts = new Map();
  for (const own of environments) {
    const here = new Map();
    for (const index of own[FINDINGS]) {
      const finding = data.findings[index];
      if (!text(finding, BY)) here.set(finding[RULE], (here.get(finding[RULE]) || 0) + 1);
    }
    for (const [rule, number] of here) {
      const [total, many] = counts.get(rule) || [0, 0];
      counts.set(rule, [total + number, many + 1]);
    }
  }
  const names = new Map(data.findings.map((finding) => [finding[RULE], text(finding, RULE_NAME)]));
  const rows = [...counts].sort((one, other) => other[1][0] - one[1][0] || one[0].localeCompare(other[0]));
  replace($("rules-table"),
    h("thead", {}, h("tr", {}, ["Rule", "Findings", "Environments"].map((title) => h("th", { scope: "col" }, title)))),
    h("tbody", {}, rows.map(([rule, [total, many]]) => h("tr", {},
      h("th", { scope: "row" }, h("button", { type: "button", class: "cell", onclick: () => search(rule) }, `${rule} ${names.get(rule)}`)),
      h("td", {}, total.toLocaleString("en")), h("td", {}, many.toLocaleString("en"))))));
}

function search(words) {
  $("fleet-search").value = words;
  shown = AT_ONCE;
  draw();
  $("fleet").scrollIntoView();
}

replace($("notices"), data.notes.map((note) => h("p", { class: "notice" }, note)),
  data.nobody.length ? h("p", { class: "notice" }, `${plural(data.nobody.length, "finding")} of no environment: `, data.nobody.map((index) => text(data.findings[index], PLACE)).join(", ")) : "");
for (const name of data.groups) $("fleet-group").append(h("option", { value: name }, name));
const anew = () => { shown = AT_ONCE; draw(); };
$("fleet-search").addEventListener("input", eased(anew));
$("fleet-group").addEventListener("change", anew);
$("fleet-filter").addEventListener("change", anew);
$("fleet-more").addEventListener("click", () => { shown += AT_ONCE; draw(); });
document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
draw();
rules();
document.documentElement.dataset.ready = "true";
