// The claims browser of a release's page: search, filters, one claim in its article, download of what is shown.
import { detail } from './detail.js'
import { el } from './dom.js'
import { csv, json, save } from './download.js'
import { form } from './form.js'
import { counts, filtered, index, matches } from './search.js'
import { address, read } from './state.js'
import { table } from './table.js'

const PAGE = 50 // claims listed at a time
const LISTED = [
  'claim_id', 'text', 'speaker', 'outlet', 'claim_type', 'outlet_stance', 'voice', 'date', 'date_start', 'date_end',
]

async function start() {
  const place = document.getElementById('browser')
  const release = JSON.parse(document.getElementById('release').textContent)
  const status = el('p', { role: 'status', id: 'count' }, 'Loading the claims…')
  place.append(status)
  let claims, columns
  try {
    claims = await table(release.tables.claims)
    columns = await claims.columns(LISTED, share => { status.textContent = `Loading the claims: ${percent(share)}` })
  } catch (error) {
    status.remove()
    place.append(el('p', { role: 'alert', class: 'warning' }, `The claims could not be loaded. ${error.message}`))
    return
  }
  browse(place, status, release, claims, columns)
  document.getElementById('static').hidden = true
}

function browse(place, status, release, claims, columns) {
  const order = byDate(columns)
  const rank = new Int32Array(order.length)
  order.forEach((row, position) => { rank[row] = position })
  const number = new Map(columns.claim_id.map((id, row) => [id, row]))
  const list = el('ol', { class: 'results', 'aria-label': 'Claims found' })
  const pages = el('nav', { class: 'tools', 'aria-label': 'Pages of claims' })
  const controls = form(columns, release.labels, change)
  const show = detail(release, claims)
  const files = el('div', {},
    el('button', { type: 'button', onclick: () => download('csv') }, 'Download these as CSV'), ' ',
    el('button', { type: 'button', onclick: () => download('json') }, 'as JSON'))
  let state = read() ?? {}
  let words = null
  let shown = [] // rows that pass search and filters, in the order shown
  let drawn = null // the address of the list that is drawn

  place.replaceChildren(controls.element, el('div', { class: 'tools' }, status, files), list, pages,
    el('p', { class: 'note' }, 'Each byte behind this list was compared with the checksums of the release before it was read.'))
  index(columns, share => {
    if (!words && state.q) status.textContent = `Indexing the words: ${percent(share)}`
  }).then(made => { words = made; drawn = null; draw() })
  addEventListener('hashchange', () => {
    const asked = read()
    if (!asked) return
    const turned = asked.page !== state.page
    state = asked
    controls.fill(state)
    draw()
    if (turned && !state.claim) status.scrollIntoView({ block: 'start' })
  })
  controls.fill(state)
  draw()
  if (location.hash.includes('=')) document.getElementById('browse').scrollIntoView()

  function change(asked) {
    state = asked
    history.replaceState(null, '', address(state))
    draw()
  }

  function draw() {
    const wanted = address({ ...state, claim: '' })
    if (wanted !== drawn && (words || !state.q)) {
      drawn = wanted
      drawList()
    }
    if (state.claim) show.open(state.claim, number.get(state.claim), () => { location.hash = address({ ...state, claim: '' }) })
    else show.close()
  }

  function drawList() {
    const found = state.q ? matches(words, columns, state.q) : order
    const sorted = !state.q || !state.order ? found : found.toSorted((a, b) => rank[a] - rank[b])
    shown = filtered(state.order === 'oldest' ? sorted.toReversed() : sorted, columns, state)
    for (const [filter, name] of Object.entries(controls.facets)) {
      controls.count(filter, counts(filtered(found, columns, { ...state, [filter]: '' }), columns[name]))
    }
    const last = Math.max(1, Math.ceil(shown.length / PAGE))
    const page = Math.min(Math.max(1, Number.parseInt(state.page ?? '1', 10) || 1), last)
    list.start = (page - 1) * PAGE + 1
    list.replaceChildren(...shown.slice((page - 1) * PAGE, page * PAGE).map(item))
    status.textContent = `${shown.length.toLocaleString('en')} of ${claims.rows.toLocaleString('en')} claims`
    const turn = (to, label, rel) => to >= 1 && to <= last
      ? el('a', { class: 'button', href: address({ ...state, claim: '', page: to > 1 ? to : '' }), rel }, label)
      : el('button', { type: 'button', disabled: true }, label)
    pages.replaceChildren(turn(page - 1, 'Back', 'prev'), turn(page + 1, 'Next', 'next'),
      el('p', {}, `Page ${page.toLocaleString('en')} of ${last.toLocaleString('en')}`))
    files.hidden = shown.length === 0
  }

  function item(row) {
    const value = name => columns[name][row]
    return el('li', {},
      el('a', { href: address({ ...state, claim: value('claim_id') }), dir: 'auto' }, value('text')),
      el('p', {}, value('speaker') ? el('bdi', {}, value('speaker')) : value('voice') === 'outlet' ? 'The outlet itself' : 'Speaker not named',
        ' in ', value('outlet') ? el('bdi', {}, value('outlet')) : 'an outlet that is not told',
        value('date') && `, ${value('date')}`, ` · ${value('claim_type')} · ${value('outlet_stance')}`))
  }

  async function download(kind) {
    const rows = shown
    const all = await claims.columns(claims.names, share => { status.textContent = `Reading all columns: ${percent(share)}` })
    status.textContent = `${rows.length.toLocaleString('en')} of ${claims.rows.toLocaleString('en')} claims`
    save(kind === 'csv' ? csv(all, rows) : json(all, rows), `${release.package}-${release.version}-claims.${kind}`)
  }
}

/** All rows, the latest said first, those without a date last. */
function byDate(columns) {
  const days = columns.date_start
  return days.map((_, row) => row).sort((a, b) => {
    if (days[a] === days[b]) return a - b
    if (days[a] === null || days[b] === null) return days[a] === null ? 1 : -1
    return days[a] < days[b] ? 1 : -1
  })
}

const percent = share => `${Math.round(share * 100)} %`

/** Says so when this version may not be used any more, or a newer one is there. */
async function standing() {
  const { version } = JSON.parse(document.getElementById('release').textContent)
  const answer = await fetch('../versions.json', { cache: 'no-cache' })
  if (!answer.ok) return
  const { versions } = await answer.json()
  const own = versions.find(entry => entry.version === version)
  const newest = versions.filter(entry => entry.status === 'active').at(-1)
  const place = document.getElementById('standing')
  const link = to => el('a', { href: `../${encodeURIComponent(to)}/index.html` }, to)
  if (own && own.status !== 'active') {
    place.className = 'warning'
    place.append(`This version was ${own.status}${own.reason ? `: ${own.reason}` : ''}. `)
    const better = own.replaced_by ?? newest?.version
    if (better) place.append('Use ', link(better), '.')
  } else if (newest && newest.version !== version) {
    place.append('There is a newer version: ', link(newest.version), '.')
  }
}

/** A button beside each piece of code. */
function copying() {
  if (!navigator.clipboard) return
  for (const code of document.querySelectorAll('#code pre')) {
    const button = el('button', { type: 'button' }, 'Copy', el('span', { class: 'unseen' }, ` the code for ${code.getAttribute('aria-label').replace('Code for ', '')}`))
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(code.textContent)
      button.firstChild.textContent = 'Copied'
    })
    code.before(button)
  }
}

if (location.protocol !== 'file:') {
  copying()
  standing()
  start()
}
