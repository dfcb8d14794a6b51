// Elements are made of text nodes and attributes: no text of a manifest is ever read as markup.
const $ = (id) => document.getElementById(id);

function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const replace = (element, ...children) => element.replaceChildren(...children.flat(Infinity));
const plural = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
const matcher = (text) => {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (subject) => words.every((word) => subject.includes(word));
};

// A host or a name that may break after a dot, and nowhere else as long as there is room.
const breakable = (text) => text.split(/(?<=[.:\/])/).flatMap((part) => [part, document.createElement("wbr")]);

// Names in a row, which break between two of them and not at a hyphen.
const unbroken = (text) => text.split(", ").flatMap((name, index, all) => [h("span", { class: "name" }, index < all.length - 1 ? `${name},` : name), " "]);

const inRow = (names) => (names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}` : names[0]);

// One run for many key strokes.
function eased(run) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(run, 120);
  };
}

// Segments as wide as their share; the words beside it say the same.
function bar(parts, total) {
  return h("div", { class: "bar", "aria-hidden": "true" }, parts.map(([style, count]) => {
    const segment = h("i", { class: style });
    segment.style.width = `${(100 * count) / total}%`;
    return segment;
  }));
}

function checkboxes(fieldset, entries, changed) {
  const boxes = entries.map(([key, text, style, on]) => {
    const box = h("input", { type: "checkbox", value: key, onchange: changed });
    box.checked = on;
    fieldset.append(h("label", {}, box, " ", style ? h("i", { class: `dot ${style}` }) : "", text));
    return box;
  });
  return () => new Set(boxes.filter((box) => box.checked).map((box) => box.value));
}

const data = JSON.parse($("data").textContent);
