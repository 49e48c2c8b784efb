// Which claims are shown: a look through their words, and filters over columns.
//
// One pass over the words of 100,000 claims takes less than a tenth of a second, an index of them seconds to build.
import { breathe } from './table.js'

const CHUNK = 2_000 // rows between two looks at the clock

const PLAIN = /^[ -~–—‘-‟]*$/ // nothing to take apart: no letter but of English, and what news is quoted with
const fold = text => (PLAIN.test(text) ? text : text.normalize('NFKD').replace(/\p{M}/gu, '')).toLowerCase()

/** A test of names that is made once for each: a column has many rows and few names. Null passes none. */
function once(test) {
  const known = new Map([[null, false]])
  return name => {
    if (!known.has(name)) known.set(name, test(name))
    return known.get(name)
  }
}

/** The text of each claim as it is compared, made at the first search. */
export function words(columns) {
  let folded
  return async () => {
    if (folded) return folded
    const found = []
    for (const text of columns.text) {
      found.push(fold(text))
      if (found.length % CHUNK === 0) await breathe()
    }
    return (folded = found)
  }
}

/** What a query asks for: words, the last of which may be unfinished, and “quoted phrases”, each with a pattern that finds it. */
function asked(query) {
  const parts = []
  const loose = query.replace(/["“„«]([^"”»]*)["”»]/g, (_, phrase) => (parts.push([fold(phrase).trim(), false]), ' '))
  const single = fold(loose).match(/[\p{L}\p{N}]+/gu) ?? []
  const unfinished = /[\p{L}\p{N}]$/u.test(query)
  single.forEach((word, place) => parts.push([word, !unfinished || place < single.length - 1]))
  return parts.filter(([part]) => part).map(([part, whole]) => [part, pattern(part, whole)])
}

/** The rows, in their order, that hold all that a query asks for. */
export async function matches(rows, columns, words, query) {
  const parts = asked(query)
  if (!parts.length) return rows
  const texts = await words()
  const tests = parts.map(([part, exact]) => {
    const says = text => text.includes(part) && text.search(exact) >= 0
    const named = once(name => says(fold(name)))
    return row => says(texts[row]) || named(columns.speaker[row])
  })
  return kept(rows, row => tests.every(test => test(row)))
}

/** A text as pieces [words, found]: what a query asks for is found. */
export function pieces(text, query) {
  const compared = fold(text)
  if (compared.length !== text.length) return [[text, false]] // places in one are none in the other
  const hit = new Uint8Array(text.length)
  for (const [part, exact] of asked(query)) for (const { index } of compared.matchAll(exact)) hit.fill(1, index, index + part.length)
  const found = []
  for (let at = 0, end; at < text.length; at = end) {
    end = hit.indexOf(1 - hit[at], at)
    if (end < 0) end = text.length
    found.push([text.slice(at, end), hit[at] === 1])
  }
  return found
}

/** A part at the start of a word and, if whole, up to the end of one. */
const pattern = (part, whole) => new RegExp(
  `(?<![\\p{L}\\p{N}])${part.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')}${whole ? '(?![\\p{L}\\p{N}])' : ''}`, 'gu')

/** The rows that pass the filters, in the order of `rows`. A filter that is empty lets all pass. */
export async function filtered(rows, columns, state) {
  const tests = []
  const equal = (name, value) => value && tests.push(row => columns[name][row] === value)
  equal('outlet', state.outlet)
  equal('claim_type', state.type)
  equal('outlet_stance', state.stance)
  equal('voice', state.voice)
  if (state.speaker) {
    const wanted = fold(state.speaker)
    const named = once(name => fold(name).includes(wanted))
    tests.push(row => named(columns.speaker[row]))
  }
  if (state.from) tests.push(row => (columns.date_end[row] ?? columns.date_start[row] ?? '') >= state.from)
  if (state.to) tests.push(row => columns.date_start[row] !== null && columns.date_start[row] <= state.to)
  return tests.length ? kept(rows, row => tests.every(test => test(row))) : rows
}

/** How often each value stands in a column of some rows. */
export function counts(rows, column) {
  const found = new Map()
  for (const row of rows) if (column[row] !== null) found.set(column[row], (found.get(column[row]) ?? 0) + 1)
  return found
}

async function kept(rows, test) {
  const found = []
  for (let start = 0; start < rows.length; start += CHUNK) {
    for (let at = start; at < Math.min(start + CHUNK, rows.length); at++) if (test(rows[at])) found.push(rows[at])
    await breathe()
  }
  return found
}
