// One claim: its words in the article, every column, and where it came from.
import { passage } from './context.js'
import { el, outside } from './dom.js'
import { table } from './table.js'

/** A dialog; `open(id, row, closed)` shows the claim in that row of the table, or says that there is none (-1). */
export function detail(release, claims) {
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
    title.focus()
    if (row < 0) return
    try {
      const claim = await claims.row(row)
      const document_ = await (await other('documents')).find(claim.document_id)
      const text = document_?.text_published ? await (await other('texts')).find(claim.document_id) : null
      if (asked === id) body.replaceChildren(title, ...described(claim, document_, text))
    } catch (error) {
      body.append(el('p', { role: 'alert', class: 'warning' }, error.message))
    }
  }

  function described(claim, document_, text) {
    const facts = Object.entries(claim).filter(([, value]) => value !== null && value !== '')
    const copy = navigator.clipboard && el('button', { type: 'button' }, 'Copy the link to this claim')
    copy?.addEventListener('click', async () => {
      await navigator.clipboard.writeText(`${location.href.split('#')[0]}#claim=${claim.claim_id}`)
      copy.textContent = 'Link copied'
    })
    return [
      text ? passage(text.text, claim, document_.language)
        : el('div', {}, el('blockquote', { dir: 'auto' }, el('mark', { class: 'claim' }, claim.text)),
          el('p', { class: 'note' }, 'The text of this article is withheld by its source: a quote of few words is shown, … stands for the rest. Its place and hashes are below.')),
      el('p', {}, document_.url ? outside(document_.url, document_.title ?? document_.url) : el('bdi', {}, document_.title ?? 'Without a title'),
        document_.outlet && [', ', el('bdi', {}, document_.outlet)], document_.published && `, ${document_.published}`),
      copy && el('p', {}, copy),
      el('dl', {}, facts.map(([name, value]) => [el('dt', {}, name), el('dd', { dir: 'auto' }, String(value))])),
      el('p', { class: 'note' }, 'Read from ', el('code', {}, document_.source), `, bytes ${claim.raw_start} to ${claim.raw_end}, SHA-256 of the raw document `,
        el('code', { class: 'digest' }, document_.raw_sha256), '.'),
    ]
  }

  return { open, close: () => { asked = null; if (dialog.open) dialog.close() } }
}
