// An address keeps what is looked at: `#prod/boards` is the posture and the calls of a namespace in an
// environment, `#prod` the calls of an environment. A section's own name still leads to it.
let written = "";

function keep(environment, namespace) {
  written = `#${[environment, namespace].filter(Boolean).map(encodeURIComponent).join("/")}`;
  history.replaceState(null, "", written);
}

function restore() {
  if (location.hash === written || document.getElementById(decodeURIComponent(location.hash.slice(1)))) return;
  const [environment, namespace] = location.hash.slice(1).split("/").map(decodeURIComponent);
  const index = data.environments.findIndex(({ name }) => name === environment);
  if (index < 0) return;
  if ($("calls-environment").value !== String(index)) {
    $("calls-environment").value = String(index);
    $("calls-environment").dispatchEvent(new Event("change"));
  }
  const button = namespace && [...document.querySelectorAll(".cell")].find((cell) =>
    cell.dataset.environment === environment && cell.dataset.namespace === namespace);
  if (!button) { $("calls").scrollIntoView(); return; }
  if (button.getAttribute("aria-expanded") !== "true") button.click();
  button.scrollIntoView({ block: "center" });
}

function keepViews() {
  $("matrix").addEventListener("click", (event) => {
    const button = event.target.closest(".cell");
    if (button) keep(button.dataset.environment, button.getAttribute("aria-expanded") === "true" ? button.dataset.namespace : "");
  });
  $("calls-environment").addEventListener("change", () => keep(data.environments[Number($("calls-environment").value)].name, ""));
  addEventListener("hashchange", restore);
  restore();
}
