// The claims that are shown, as a file made in the browser, with every column.
import { breathe } from './table.js'

const CHUNK = 500 // rows between two looks at the clock

const cell = value => {
  const text = value === null ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

export function csv(columns, rows) {
  const names = Object.keys(columns)
  const line = row => names.map(name => cell(columns[name][row])).join(',')
  return written(rows, line, `${names.join(',')}\r\n`, '\r\n', '\r\n', 'text/csv;charset=utf-8')
}

export function json(columns, rows) {
  const names = Object.keys(columns)
  const line = row => JSON.stringify(Object.fromEntries(names.map(name => [name, columns[name][row]])))
  return written(rows, line, '[\n', ',\n', '\n]\n', 'application/json')
}

/** A line for each row, with pauses; each part is a blob of its own, for a browser turns its words into bytes at once. */
async function written(rows, line, head, between, tail, type) {
  const parts = []
  for (let start = 0; start < rows.length; start += CHUNK) {
    parts.push(new Blob([start ? between : head, rows.slice(start, start + CHUNK).map(line).join(between)]))
    await breathe()
  }
  return new Blob([...parts, tail], { type })
}

export function save(blob, name) {
  const address = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = address
  link.download = name
  document.body.append(link)
  link.click()
  link.remove()
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}
