// Who can call whom, one table for each environment; `grid` is of effect.js.
function tellAccess() {
  replace($("access-body"), data.environments.map(({ name, access }) => h("section", {}, h("h3", {}, name),
    grid("Service ports", ["service port", "what gets in", "clients"], access.map(([port, what, who]) => [h("code", {}, port), what, unbroken(who)])))));
}
