// Which claims are shown: an index of words, and filters over columns.
import MiniSearch from 'minisearch'
import { breathe } from './table.js'

const CHUNK = 250 // claims indexed between two looks at the clock

const fold = text => (/^[ -~]*$/.test(text) ? text : text.normalize('NFKD').replace(/\p{M}/gu, '')).toLowerCase()

/** An index of the claims' words and speakers; `on(share)` hears how far it is. */
export async function index(columns, on) {
  const words = new MiniSearch({ fields: ['text', 'speaker'], processTerm: term => fold(term) || null })
  for (let start = 0; start < columns.text.length; start += CHUNK) {
    const end = Math.min(start + CHUNK, columns.text.length)
    for (let id = start; id < end; id++) words.add({ id, text: columns.text[id], speaker: columns.speaker[id] ?? '' })
    on(end / columns.text.length)
    await breathe()
  }
  return words
}

/** Rows that hold every word (the last may be unfinished) and every “quoted phrase”, the best match first. */
export function matches(words, columns, query) {
  const phrases = []
  const loose = query.replace(/["“„«]([^"”»]*)["”»]/g, (_, phrase) => (phrases.push(fold(phrase).trim()), ` ${phrase} `))
  const found = words.search(loose, { combineWith: 'AND', prefix: (_, place, terms) => place === terms.length - 1 })
  return found
    .map(result => result.id)
    .filter(row => phrases.every(phrase => fold(`${columns.text[row]}\n${columns.speaker[row] ?? ''}`).includes(phrase)))
}

/** The rows that pass the filters, in the order of `rows`. A filter that is empty lets all pass. */
export function filtered(rows, columns, state) {
  const tests = []
  const equal = (name, value) => value && tests.push(row => columns[name][row] === value)
  equal('outlet', state.outlet)
  equal('claim_type', state.type)
  equal('outlet_stance', state.stance)
  equal('voice', state.voice)
  if (state.speaker) {
    const wanted = fold(state.speaker)
    const verdicts = new Map([[null, false]])
    tests.push(row => {
      const name = columns.speaker[row]
      if (!verdicts.has(name)) verdicts.set(name, fold(name).includes(wanted))
      return verdicts.get(name)
    })
  }
  if (state.from) tests.push(row => (columns.date_end[row] ?? columns.date_start[row] ?? '') >= state.from)
  if (state.to) tests.push(row => columns.date_start[row] !== null && columns.date_start[row] <= state.to)
  return tests.length ? rows.filter(row => tests.every(test => test(row))) : rows
}

/** How often each value stands in a column of some rows. */
export function counts(rows, column) {
  const found = new Map()
  for (const row of rows) if (column[row] !== null) found.set(column[row], (found.get(column[row]) ?? 0) + 1)
  return found
}
