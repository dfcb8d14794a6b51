const PAGE = 60;

function listFindings() {
  const severities = ["error", "warning", "info"];
  const number = (test) => data.findings.filter(test).length;
  const every = alike(data.findings).map((own) => ({
    own,
    text: [own[0].rule, own[0].name, ...own[0].about, own[0].message, ...own.flatMap(({ environment, source }) => [environment, source])].join(" ").toLowerCase(),
  }));
  // The gravest first; otherwise in the order of the report.
  every.sort((a, b) => severities.indexOf(a.own[0].severity) - severities.indexOf(b.own[0].severity));
  let shown = PAGE;
  const draw = () => {
    const wanted = matcher($("findings-search").value), kinds = chosen(), environment = $("findings-environment").value;
    const found = every.filter(({ own, text }) => wanted(text) && (!environment || own.some((one) => one.environment === environment))
      && kinds.has(own[0].waiver ? "waived" : own[0].severity));
    replace($("finding-list"), found.slice(0, shown).map(({ own }) => item(own)));
    $("findings-more").hidden = found.length <= shown;
    $("findings-count").textContent = found.length ? plural(found.length, "finding") : "nothing to show";
  };
  const afresh = () => { shown = PAGE; draw(); };
  const chosen = checkboxes($("findings-severities"), [
    ...severities.map((name) => [name, `${name} (${number((one) => one.severity === name && !one.waiver)})`, "", true]),
    ["waived", `waived (${number((one) => one.waiver)})`, "", false],
  ], afresh);
  for (const name of new Set(data.findings.map((finding) => finding.environment))) {
    if (name) $("findings-environment").append(h("option", { value: name }, name));
  }
  $("findings-search").addEventListener("input", eased(afresh));
  $("findings-environment").addEventListener("change", afresh);
  $("findings-more").addEventListener("click", () => { shown += PAGE; draw(); });
  draw();
}

// What reads the same in several environments is one finding, with their names.
function alike(findings) {
  const groups = new Map();
  for (const finding of findings) {
    const { rule, severity, decided, about, message, fix, waiver } = finding;
    const key = JSON.stringify([rule, severity, decided, about, message, fix, waiver]);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(finding);
  }
  return [...groups.values()];
}

function item(own) {
  const [finding] = own, { waiver } = finding;
  const environments = own.map(({ environment }) => environment).filter(Boolean);
  const sources = [...new Set(own.map(({ source }) => source).filter(Boolean))];
  return h("li", { class: `finding ${finding.severity}${waiver ? " waived" : ""}` },
    h("div", { class: "head" },
      h("strong", {}, `${finding.rule} ${finding.name}`),
      h("span", { class: "tag" }, finding.decided ? finding.severity : `${finding.severity}, undecided`),
      environments.map((name) => h("span", { class: "tag" }, name)),
      sources.map((source) => h("code", {}, source))),
    h("p", {}, finding.message),
    finding.excerpt ? excerpt(finding.excerpt) : "",
    finding.about.length ? h("p", { class: "by" }, finding.about.join(", ")) : "",
    finding.fix ? h("p", { class: "fix" }, h("strong", {}, "Fix: "), finding.fix) : "",
    finding.related.length ? h("ul", {}, finding.related.map(([place, resource, message]) =>
      h("li", {}, place ? h("code", {}, place) : "", ` ${resource}: ${message}`))) : "",
    data.rules[finding.rule] ? rulePage(finding) : "",
    waiver ? h("p", { class: "by" }, `Waived until ${waiver[2]} by ${waiver[0]}: ${waiver[1]}`) : "");
}

// A rule's page, drawn when it is opened: headings, paragraphs and examples of its Markdown.
function rulePage({ rule, name }) {
  const details = h("details", { class: "rule", ontoggle: () => {
    if (details.open && details.childElementCount === 1) details.append(...markdown(data.rules[rule]));
  } }, h("summary", {}, `About ${rule} ${name}`));
  return details;
}

function markdown(text) {
  return text.split(/^```\w*\n([^]*?)^```$/m).flatMap((part, index) => index % 2 ? h("pre", {}, part.trimEnd())
    : part.split(/\n{2,}/).map((block) => block.trim()).filter(Boolean).map((block) => block.startsWith("#")
      ? h("h4", {}, block.replace(/^#+ /, "")) : /^[-*] /.test(block)
      ? h("ul", {}, block.split(/\n[-*] /).map((entry) => h("li", {}, spans(entry.replace(/^[-*] /, "")))))
      : h("p", {}, spans(block))));
}

const spans = (text) => text.replace(/\s+/g, " ").split(/`([^`]+)`/).map((part, index) => index % 2 ? h("code", {}, part) : part);

function excerpt([line, text, start, length]) {
  const gutter = `${line} | `;
  return h("pre", {}, `${gutter}${text}\n${" ".repeat(gutter.length + start)}`, h("b", {}, "^".repeat(length)));
}
