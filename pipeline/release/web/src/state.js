// What is asked for, kept in the address, so that it can be linked and the back button works.

export const FILTERS = ['q', 'speaker', 'outlet', 'type', 'stance', 'voice', 'from', 'to', 'order']
const KEYS = [...FILTERS, 'claim', 'page']

/** The state that the address holds; null when its fragment is a place in the page. */
export function read() {
  const fragment = location.hash.slice(1)
  if (fragment && !fragment.includes('=')) return null
  const held = new URLSearchParams(fragment)
  return Object.fromEntries(KEYS.filter(key => held.get(key)).map(key => [key, held.get(key)]))
}

/** The fragment for a state; never empty, which would lead to the top of the page. */
export const address = state => {
  const asked = new URLSearchParams(KEYS.filter(key => state[key]).map(key => [key, String(state[key])]))
  return `#${asked.size ? asked : 'all='}`
}
