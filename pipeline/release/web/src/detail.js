// One claim: its words in the article, what was found out about it, and where it came from.
import { passage } from './context.js'
import { copying, el, outside } from './dom.js'
import { table } from './table.js'

/** Who says a claim, and where: by a function from a column to its value. */
export function who(value) {
  const outlet = value('outlet') ? el('bdi', {}, value('outlet')) : 'an outlet that is not told'
  return value('voice') === 'outlet' ? [outlet, ' itself']
    : [value('speaker') ? el('bdi', {}, value('speaker')) : 'Speaker not named', ' in ', outlet]
}

/**
 * A dialog; `open(id, row, closed)` shows the claim in that row of the table, or says that there is none (-1).
 * `means` tells what fields and labels mean, `to(id)` the address of a claim.
 */
export function detail(release, claims, means, to) {
  const body = el('div')
  const dialog = el('dialog', { 'aria-labelledby': 'claim-title' },
    el('form', { method: 'dialog' }, el('button', {}, 'Close')), body)
  let closed = () => {}
  let asked = null
  dialog.addEventListener('close', () => { if (asked) { asked = null; closed() } })
  document.body.append(dialog)
  const others = {}
  const other = name => (others[name] ??= table(release.tables[name]))

  async function open(id, row, whenClosed) {
    if (asked === id) return
    asked = id
    closed = whenClosed
    const title = el('h2', { id: 'claim-title', tabindex: '-1' }, 'Claim ', el('code', {}, id))
    body.replaceChildren(title, el('p', {}, row < 0 ? `There is no claim ${id} in this release.` : 'Loading…'))
    if (!dialog.open) dialog.showModal()
    dialog.scrollTop = 0
    title.focus()
    if (row < 0) return
    try {
      const claim = await claims.row(row)
      const document_ = await (await other('documents')).find(claim.document_id)
      const text = document_?.text_published ? await (await other('texts')).find(claim.document_id) : null
      if (asked !== id) return
      title.replaceChildren('Claim: ', ...who(name => claim[name]))
      body.replaceChildren(title, ...described(claim, document_, text))
      const beside = await neighbours(claim)
      if (asked === id) body.append(...beside)
    } catch (error) {
      body.append(el('p', { role: 'alert', class: 'warning' }, error.message))
    }
  }

  function described(claim, document_, text) {
    const address = `${location.href.split('#')[0]}#claim=${claim.claim_id}`
    const source = [document_.title, document_.outlet, document_.published].filter(Boolean).join(', ')
    return [
      text ? passage(text.text, claim, document_.language)
        : el('div', {}, el('blockquote', { dir: 'auto' }, el('mark', { class: 'claim' }, claim.text)),
          el('p', { class: 'note' }, 'The text of this article is withheld by its source: a quote of few words is shown, … stands for the rest. Its place and hashes are below.')),
      text && (claim.cue_span || claim.speaker_span) && el('p', {}, 'Marked: ', el('mark', { class: 'claim' }, 'the claim'),
        claim.cue_span && [', ', el('mark', { class: 'cue' }, 'the words that introduce it')],
        claim.speaker_span && [', ', el('mark', { class: 'speaker' }, 'the speaker')], '.'),
      el('p', {}, document_.url ? outside(document_.url, document_.title ?? document_.url) : el('bdi', {}, document_.title ?? 'Without a title'),
        document_.outlet && [', ', el('bdi', {}, document_.outlet)], document_.published && `, ${document_.published}`),
      el('dl', {}, facts(claim).filter(([, told]) => told).map(([name, told]) => [el('dt', {}, name), el('dd', { dir: 'auto' }, told)])),
      el('p', { class: 'tools' }, copying('Copy the link to this claim', address),
        copying('Copy it as a citation', `“${claim.text}” ${source}. ${document.title}, claim ${claim.claim_id}, ${address}`)),
      el('details', {}, el('summary', {}, 'Every field of this row, with its meaning'),
        el('dl', {}, Object.entries(claim).filter(([, value]) => value !== null && value !== '').map(([name, value]) =>
          [el('dt', {}, name), el('dd', { dir: 'auto' }, String(value), ' ', el('span', { class: 'note' }, means[name]?.told))]))),
      el('p', { class: 'note' }, 'Claim ', el('code', {}, claim.claim_id), ', read from ', el('code', {}, document_.source),
        `, bytes ${claim.raw_start} to ${claim.raw_end}, SHA-256 of the raw document `, el('code', { class: 'digest' }, document_.raw_sha256), '.'),
    ].filter(Boolean)
  }

  /** What a reader asks first, in words: [name, told or null]. */
  function facts(claim) {
    const label = (name, value = claim[name]) => value && [el('b', {}, value), means[name]?.labels.has(value) && `: ${means[name].labels.get(value)}`]
    const sure = what => claim[`confidence_${what}`] !== null && el('span', { class: 'soft' }, ` (confidence ${claim[`confidence_${what}`]})`)
    const standing = [claim.speaker_role, claim.speaker_affiliation].filter(Boolean).join(', ')
    return [
      ['Who says it', claim.speaker ? [el('bdi', {}, claim.speaker), standing && `, ${standing}`, sure('speaker')] : label('voice')],
      ['Through', claim.via],
      ['Introduced by', claim.cue && [`“${claim.cue}”`, claim.speech_act && [' as: ', label('speech_act')]]],
      ['Said', claim.date && [claim.date, claim.date_source && `, from: ${means.date_source?.labels.get(claim.date_source) ?? claim.date_source}`, sure('date')]],
      ['Speaks of', claim.about_date],
      ['Type', [claim.claim_types.split(';').map(one => el('div', {}, label('claim_type', one))), sure('type')]],
      ['Outlet’s stance', [label('outlet_stance'), sure('stance')]],
    ]
  }

  /** The other claims of its article, to unfold. */
  async function neighbours(claim) {
    const { document_id: documents, claim_id: keys, text } = await claims.columns(['document_id', 'claim_id', 'text'])
    const rows = []
    for (const [row, one] of documents.entries()) if (one === claim.document_id && keys[row] !== claim.claim_id) rows.push(row)
    return rows.length === 0 ? [] : [el('details', {}, el('summary', {}, `Other claims in this article: ${rows.length}`),
      el('ol', { class: 'results' }, rows.map(row => el('li', {}, el('a', { href: to(keys[row]), dir: 'auto' }, text[row])))))]
  }

  return { open, close: () => { asked = null; if (dialog.open) dialog.close() } }
}
