// Makes elements, and announces changes to screen readers. No markup is ever made from text: what comes from outside stays text.

/** An element with properties (data-* and aria-* as attributes) and children. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name.includes('-') || name === 'role' || name === 'for' || name === 'list') element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

let pending = 0;

/** Says something through the live region; what is said too soon after another is said in its place. */
export function announce(text) {
  clearTimeout(pending);
  pending = setTimeout(() => { document.getElementById('live').textContent = text; }, 250);
}

export const plural = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;

export function seconds(value) {
  if (value < 90) return `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;
  if (value < 5400) return `${Math.round(value / 60)} min`;
  return `${(value / 3600).toFixed(1)} h`;
}

/** A level of noise as one reads it: three figures. */
export const figure = (value) => (value === 0 ? '0' : Number(value.toPrecision(3)).toString());

/** Whether letters go into this element: keys then mean what they always mean. */
export function takesText(element) {
  return element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement
    || (element instanceof HTMLInputElement && !['range', 'checkbox', 'radio', 'button', 'file'].includes(element.type));
}
