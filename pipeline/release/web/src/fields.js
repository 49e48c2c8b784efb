// What the fields of a claim and their labels mean, as the page tells it under “Tables and fields”.

/** name -> {told: what the field is, labels: Map of label -> meaning}. */
export function fields() {
  const tables = [...document.querySelectorAll('#tables details')]
  const rows = tables.find(table => table.querySelector('summary code')?.textContent === 'claims')?.querySelectorAll('tbody tr') ?? []
  return Object.fromEntries(Array.from(rows, row => {
    const cell = row.querySelector('.words')
    const told = [...cell.childNodes].filter(node => node.nodeName !== 'UL').map(node => node.textContent).join('').trim()
    const labels = new Map(Array.from(cell.querySelectorAll('li'), item => {
      const label = item.querySelector('code').textContent
      return [label, item.textContent.trim().slice(label.length + 2)]
    }))
    return [row.querySelector('th').textContent.trim(), { told, labels }]
  }))
}
