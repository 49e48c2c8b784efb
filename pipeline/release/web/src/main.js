// The claims browser of a release's page: search, filters, one claim in its article, download of what is shown.
import { detail, who } from './detail.js'
import { copying, el } from './dom.js'
import { csv, json, save } from './download.js'
import { fields } from './fields.js'
import { form } from './form.js'
import { counts, filtered, matches, pieces, words } from './search.js'
import { address, read } from './state.js'
import { breathe, table } from './table.js'

const PAGE = 20 // claims listed at a time: two screens, so that what stands below is found
const LISTED = ['speaker', 'outlet', 'claim_type', 'outlet_stance', 'voice', 'date', 'date_start', 'date_end', 'text']

async function start() {
  const place = document.getElementById('browser')
  const release = JSON.parse(document.getElementById('release').textContent)
  const status = el('p', { role: 'status', id: 'count' }, 'Loading the claims…')
  place.append(status)
  const tables = document.getElementById('static')
  tables.hidden = true
  try {
    const claims = await table(release.tables.claims)
    const columns = await claims.columns(LISTED, share => { status.textContent = `Loading the claims: ${percent(share)}` })
    await browse(place, status, release, claims, columns)
  } catch (error) {
    tables.hidden = false
    place.replaceChildren(el('p', { role: 'alert', class: 'warning' }, `The claims could not be loaded. ${error.message}`))
  }
}

async function browse(place, status, release, claims, columns) {
  const order = byDate(columns.date_start)
  await breathe()
  const list = el('ol', { class: 'results', 'aria-label': 'Claims found' })
  const pages = el('nav', { class: 'tools', 'aria-label': 'Pages of claims' })
  const means = fields()
  const controls = form(columns, release.labels, means, change)
  await breathe()
  const show = detail(release, claims, means, id => address({ ...state, claim: id }))
  const held = words(columns)
  const files = el('div', {},
    el('button', { type: 'button', onclick: () => download('csv') }, 'Download these as CSV'), ' ',
    el('button', { type: 'button', onclick: () => download('json') }, 'as JSON'))
  let state = read() ?? {}
  let shown = [] // rows that pass search and filters, in the order shown
  let asked = null // the address of the list that is drawn or on its way
  let keys = null // of the claims: needed for links alone, so they are read last

  const none = el('p', { hidden: true }, 'Nothing has all of this: take away a word or a filter, or clear all.')

  place.replaceChildren(controls.element, el('div', { class: 'tools' }, status, files), none, list, pages,
    el('p', { class: 'note' }, 'Each byte behind this list was compared with the checksums of the release before it was read.'))
  addEventListener('hashchange', () => {
    const wanted = read()
    if (!wanted) return
    const turned = wanted.page !== state.page
    state = wanted
    controls.fill(state)
    draw()
    if (turned && !state.claim) status.scrollIntoView({ block: 'start' })
  })
  controls.fill(state)
  await draw()
  if (location.hash.includes('=')) document.getElementById('browse').scrollIntoView()
  keys = (await claims.columns(['claim_id'])).claim_id
  for (const link of list.querySelectorAll('a')) link.href = claimAddress(Number(link.dataset.row))
  draw()

  function change(wanted) {
    state = wanted
    history.replaceState(null, '', address(state))
    draw()
  }

  async function draw() {
    if (keys && state.claim) show.open(state.claim, keys.indexOf(state.claim), () => { location.hash = address({ ...state, claim: '' }) })
    else if (!state.claim) show.close()
    const wanted = address({ ...state, claim: '' })
    if (wanted === asked) return
    asked = wanted
    await drawList(state, () => asked === wanted)
  }

  /** Draws the list for a state, unless another is wanted meanwhile. */
  async function drawList(state, current) {
    const found = state.q ? await matches(order, columns, held, state.q) : order
    const passing = await filtered(found, columns, state)
    if (!current()) return
    shown = state.order === 'oldest' ? passing.toReversed() : passing
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
    pages.hidden = last === 1
    none.hidden = shown.length > 0
    files.hidden = shown.length === 0
    for (const [filter, name] of Object.entries(controls.facets)) {
      const offered = state[filter] ? await filtered(found, columns, { ...state, [filter]: '' }) : passing
      await breathe()
      if (!current()) return
      controls.count(filter, counts(offered, columns[name]))
    }
  }

  function claimAddress(row) {
    return address({ ...state, claim: keys[row] })
  }

  function item(row) {
    const value = name => columns[name][row]
    return el('li', {},
      el('a', { href: keys && claimAddress(row), 'data-row': row, dir: 'auto' },
        pieces(value('text'), state.q ?? '').map(([words, found]) => found ? el('mark', { class: 'claim' }, words) : words)),
      el('p', {}, who(value), value('date') && `, ${value('date')}`, ` · type: ${value('claim_type')}`,
        !(value('voice') === 'outlet' && value('outlet_stance') === 'endorses') && ` · outlet’s stance: ${value('outlet_stance')}`))
  }

  async function download(kind) {
    const rows = shown
    const all = await claims.columns(claims.names, share => { status.textContent = `Reading all columns: ${percent(share)}` })
    status.textContent = `${rows.length.toLocaleString('en')} of ${claims.rows.toLocaleString('en')} claims`
    save(await (kind === 'csv' ? csv : json)(all, rows), `${release.package}-${release.version}-claims.${kind}`)
  }
}

/** All rows, the latest said first, those without a date last. */
function byDate(days) {
  const rows = new Map()
  for (const [row, day] of days.entries()) {
    if (!rows.has(day)) rows.set(day, [])
    rows.get(day).push(row)
  }
  const undated = rows.get(null) ?? []
  rows.delete(null)
  return [...[...rows.keys()].sort().reverse().map(day => rows.get(day)), undated].flat()
}

const percent = share => `${Math.round(share * 100)} %`

/** A number of bytes for people, as the page writes it: '64.5 kB'. */
const size = bytes => bytes < 1e3 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`

/** What the list of versions knows: whether this one may be used, when it came out, which others there are, how large its zip is. */
async function standing() {
  const { version } = JSON.parse(document.getElementById('release').textContent)
  const answer = await fetch('../versions.json', { cache: 'no-cache' })
  if (!answer.ok) return
  const { versions } = await answer.json()
  const own = versions.find(entry => entry.version === version)
  const newest = versions.filter(entry => entry.status === 'active').at(-1)
  const place = document.getElementById('standing')
  const link = to => el('a', { href: `../${encodeURIComponent(to)}/index.html` }, to)
  document.getElementById('versions').append(el('p', {}, 'Every version, newest first:'), el('ul', {}, versions.toReversed().map(one => el('li', {},
    one.version === version || one.status === 'withdrawn' ? one.version : link(one.version), one.version === version && ', this one',
    one.status !== 'active' && `, ${one.status}${one.reason ? `: ${one.reason}` : ''}`))))
  if (own && own.status !== 'active') {
    place.className = 'warning'
    place.append(`This version was ${own.status}${own.reason ? `: ${own.reason}` : ''}. `)
    const better = own.replaced_by ?? newest?.version
    if (better) place.append('Use ', link(better), '.')
  } else if (newest && newest.version !== version) {
    place.append('There is a newer version: ', link(newest.version), '.')
  } else if (own?.published) {
    place.append(`Published ${own.published.slice(0, 10)}`)
    if (versions.length > 1) place.append(', the newest of ', el('a', { href: '#versions' }, `${versions.length} versions`))
    place.append('.')
  }
  if (own?.archive) {
    for (const button of document.querySelectorAll('a.button[download]')) button.append(` (${size(own.archive.bytes)})`)
    document.querySelector('#download .plain')?.append(' SHA-256: ', el('code', { class: 'digest' }, own.archive.sha256), '.')
  }
}

/** Code that reads from where this page was served, and a button beside each piece of code. */
function code() {
  const { package: name, version } = JSON.parse(document.getElementById('release').textContent)
  const home = new URL('..', location.href).href
  const own = [
    ['pandas, from this address', `import pandas as pd\n\nclaims = pd.read_parquet("${home}${version}/data/claims.parquet")`],
    ['All of it, every digest checked', `onrecord pull ${home.replace(/\/$/, '')}@${version} ${name}`],
  ]
  document.getElementById('code').append(...own.flatMap(([title, text]) => [el('h3', {}, title),
    el('pre', { tabindex: '0', role: 'region', 'aria-label': `Code for ${title}` }, el('code', {}, text))]))
  for (const piece of document.querySelectorAll('#code pre')) {
    piece.before(copying('Copy', piece.textContent, ` the code for ${piece.getAttribute('aria-label').replace('Code for ', '')}`) ?? '')
  }
}

if (location.protocol !== 'file:') {
  code()
  standing()
  start()
}
