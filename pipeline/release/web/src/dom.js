// Elements from values. Text is only ever set as text, and addresses only from http(s) or this page.

/** `el('a', {href, class}, 'words', another)`; a false or null child or attribute is left out. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value)
    else element.setAttribute(key, value === true ? '' : String(value))
  }
  element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false && child !== ''))
  return element
}

/** A link to elsewhere, or the bare text when the address is none that is safe to open. */
export function outside(address, text) {
  return /^https?:\/\//i.test(address) ? el('a', { href: address, rel: 'noopener noreferrer' }, text) : el('span', {}, text)
}

/** A button that copies a text; none where the browser does not let a page copy. */
export function copying(label, text, unseen) {
  const button = navigator.clipboard && el('button', { type: 'button' }, label, unseen && el('span', { class: 'unseen' }, unseen))
  button?.addEventListener('click', async () => {
    await navigator.clipboard.writeText(text)
    button.firstChild.textContent = 'Copied'
  })
  return button
}
