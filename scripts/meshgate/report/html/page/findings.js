const PAGE = 60;

function listFindings() {
  const severities = ["error", "warning", "info"];
  const number = (test) => data.findings.filter(test).length;
  const every = data.findings.map((finding) => ({
    finding,
    text: [finding.rule, finding.name, finding.environment, ...finding.about, finding.message, finding.source].join(" ").toLowerCase(),
  }));
  // The gravest first; otherwise in the order of the report.
  every.sort((a, b) => severities.indexOf(a.finding.severity) - severities.indexOf(b.finding.severity));
  let shown = PAGE;
  const draw = () => {
    const wanted = matcher($("findings-search").value), kinds = chosen(), environment = $("findings-environment").value;
    const found = every.filter(({ finding, text }) => wanted(text) && (!environment || finding.environment === environment)
      && kinds.has(finding.waiver ? "waived" : finding.severity));
    replace($("finding-list"), found.slice(0, shown).map(({ finding }) => item(finding)));
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

function item(finding) {
  const { waiver } = finding;
  return h("li", { class: `finding ${finding.severity}${waiver ? " waived" : ""}` },
    h("div", { class: "head" },
      h("strong", {}, `${finding.rule} ${finding.name}`),
      h("span", { class: "tag" }, finding.decided ? finding.severity : `${finding.severity}, undecided`),
      finding.environment ? h("span", { class: "tag" }, finding.environment) : "",
      finding.source ? h("code", {}, finding.source) : ""),
    h("p", {}, finding.message),
    finding.excerpt ? excerpt(finding.excerpt) : "",
    finding.about.length ? h("p", { class: "by" }, finding.about.join(", ")) : "",
    finding.fix ? h("p", { class: "fix" }, h("strong", {}, "Fix: "), finding.fix) : "",
    finding.related.length ? h("ul", {}, finding.related.map(([place, resource, message]) =>
      h("li", {}, place ? h("code", {}, place) : "", ` ${resource}: ${message}`))) : "",
    waiver ? h("p", { class: "by" }, `Waived until ${waiver[2]} by ${waiver[0]}: ${waiver[1]}`) : "");
}

function excerpt([line, text, start, length]) {
  const gutter = `${line} | `;
  return h("pre", {}, `${gutter}${text}\n${" ".repeat(gutter.length + start)}`, h("b", {}, "^".repeat(length)));
}
