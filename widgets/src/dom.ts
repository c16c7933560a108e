/** Elements. Every word that comes from a chain is set as text here, never as markup. */

type Attributes = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;
type Child = Node | string | null | undefined | false | "";

function fill<E extends Element>(node: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value as (event: Event) => void);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child): child is Node | string => !!child));
  return node;
}

/** An element; an attribute that is a function listens: `onclick`. A button submits nothing unless its type says so. */
export function html<K extends keyof HTMLElementTagNameMap>(
  tag: K, attributes: Attributes = {}, ...children: Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), tag === "button" ? { type: tag, ...attributes } : attributes, children);
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K, attributes: Attributes = {}, ...children: Child[]
): SVGElementTagNameMap[K] {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/** Whatever has the focus gets the keys: Jupyter looks whether its shortcuts are wanted on that element first. */
export function keepKeys(event: FocusEvent): void {
  (event.target as Element).setAttribute("data-lm-suppress-shortcuts", "");
}

/** What a reader fills in or presses first. */
export function firstControl(root: Element): HTMLElement | null {
  return root.querySelector("input, textarea, select, button");
}

export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}
