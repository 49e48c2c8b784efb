// The claims that are shown, as a file made in the browser, with every column.

const cell = value => {
  const text = value === null ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

export function csv(columns, rows) {
  const names = Object.keys(columns)
  const lines = rows.map(row => names.map(name => cell(columns[name][row])).join(','))
  return new Blob([[names.join(','), ...lines, ''].join('\r\n')], { type: 'text/csv;charset=utf-8' })
}

export function json(columns, rows) {
  const names = Object.keys(columns)
  const found = rows.map(row => Object.fromEntries(names.map(name => [name, columns[name][row]])))
  return new Blob([JSON.stringify(found, null, 1)], { type: 'application/json' })
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
