// The search box and the filters.
import { el } from './dom.js'
import { FILTERS } from './state.js'
import { counts } from './search.js'

const PAUSE = 150 // milliseconds without a key before a search starts
const LABELS = { type: 'claim_type', stance: 'outlet_stance', voice: 'voice' } // filters whose choices are labels of a column
const OFFERED = 300 // speakers that the box offers, the most frequent first

/** The form; `means` tells what labels mean, `change(state)` hears what is asked for, without claim and page. */
export function form(columns, labels, means, change) {
  const all = columns.text.map((_, row) => row)
  const often = name => [...counts(all, columns[name])].sort((a, b) => b[1] - a[1]).map(([value]) => value)
  const choice = (filter, title, values) => [filter, title, el('select', { name: filter }, el('option', { value: '' }, 'all'),
    values.map(value => el('option', { value }, value)))]
  const speakers = el('datalist', { id: 'speakers' }, often('speaker').slice(0, OFFERED).map(value => el('option', { value })))
  const fields = [
    ['q', 'Words in the claim or the speaker’s name; “a phrase” in quotation marks', el('input', { name: 'q', type: 'search', autocomplete: 'off', spellcheck: 'false' })],
    ['speaker', 'Speaker', el('input', { name: 'speaker', list: 'speakers', autocomplete: 'off' })],
    choice('outlet', 'Outlet', often('outlet')),
    choice('type', 'Type of claim', labels.claim_type),
    choice('stance', 'Outlet’s stance', labels.outlet_stance),
    choice('voice', 'Voice', labels.voice),
    ['from', 'Said on or after', el('input', { name: 'from', type: 'date' })],
    ['to', 'Said on or before', el('input', { name: 'to', type: 'date' })],
    ['order', 'Order', el('select', { name: 'order' }, el('option', { value: '' }, 'newest first'),
      el('option', { value: 'oldest' }, 'oldest first'))],
  ]
  const [search, ...filters] = fields.map(([name, title, input]) => el('div', { class: name === 'q' ? 'wide' : null }, el('label', { for: input.id = `ask-${name}` }, title), input))
  const told = el('p', { class: 'note', id: 'meaning' })
  const wide = matchMedia('(min-width: 34rem)') // as in page.css: on a phone the list stands below the search box
  const folded = el('details', { class: 'wide', open: wide.matches }, el('summary', {}, 'Filters'),
    el('div', { class: 'filters' }, filters, el('div', {}, el('button', { type: 'reset' }, 'Clear all'))), told)
  const element = el('form', { class: 'filters', role: 'search', 'aria-label': 'Search the claims' }, search, folded, speakers)
  wide.addEventListener('change', () => { folded.open ||= wide.matches })
  const inputs = element.elements
  for (const name of Object.keys(LABELS)) inputs[name].setAttribute('aria-describedby', told.id)
  const explain = () => told.replaceChildren(...Object.entries(LABELS).filter(([name]) => means[LABELS[name]]?.labels.has(inputs[name].value))
    .map(([name, column]) => el('span', {}, el('b', {}, inputs[name].value), `: ${means[column].labels.get(inputs[name].value)}. `)))
  const ask = () => { explain(); change(Object.fromEntries(FILTERS.map(name => [name, inputs[name].value.trim()]))) }
  let waiting
  element.addEventListener('input', () => {
    clearTimeout(waiting)
    waiting = setTimeout(ask, PAUSE)
  })
  element.addEventListener('submit', event => {
    event.preventDefault()
    clearTimeout(waiting)
    ask()
  })
  element.addEventListener('reset', () => setTimeout(ask))

  return {
    element,
    facets: { outlet: 'outlet', ...LABELS },
    /** Puts a state into the form. */
    fill(state) {
      for (const name of FILTERS) if (inputs[name].value.trim() !== (state[name] ?? '')) inputs[name].value = state[name] ?? ''
      if (FILTERS.some(name => name !== 'q' && state[name])) folded.open = true
      explain()
    },
    /** Says beside each choice how many claims it would leave. */
    count(filter, found) {
      for (const option of inputs[filter].options) {
        if (option.value) option.textContent = `${option.value} (${(found.get(option.value) ?? 0).toLocaleString('en')})`
      }
    },
  }
}
