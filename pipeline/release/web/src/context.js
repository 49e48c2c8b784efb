// The passage around a claim, its words marked. Spans count code points; JavaScript counts UTF-16 units.
import { el } from './dom.js'

const spans = (written, mark) =>
  (written ?? '').split(';').filter(Boolean).map(span => [...span.split('-').map(Number), mark])

/** The paragraphs that hold claim, cue and speaker, and one on either side. */
export function passage(text, claim, language) {
  const marks = [...spans(claim.spans, 'claim'), ...spans(claim.cue_span, 'cue'), ...spans(claim.speaker_span, 'speaker')]
  const points = Array.from(text)
  const first = Math.min(...marks.map(mark => mark[0]))
  const last = Math.max(...marks.map(mark => mark[1]))
  const start = border(points, first, -1)
  const end = border(points, last, 1)
  const borders = [...new Set([start, end, ...marks.flatMap(mark => mark.slice(0, 2))])].sort((a, b) => a - b)
  const parts = borders.slice(1).map((to, place) => {
    const from = borders[place]
    const classes = marks.filter(mark => mark[0] <= from && to <= mark[1]).map(mark => mark[2])
    const words = points.slice(from, to).join('')
    return classes.length ? el('mark', { class: [...new Set(classes)].join(' ') }, words) : words
  })
  return el('blockquote', { dir: 'auto', lang: language }, start > 0 && '… ', parts, end < points.length && ' …')
}

/** Where the next paragraph but one begins, seen from a place, forwards or backwards. */
function border(points, place, step) {
  let breaks = 0
  for (let at = place; at > 0 && at < points.length; at += step) {
    if (points[at] === '\n' && points[at - 1] === '\n' && ++breaks === 2) return step < 0 ? at + 1 : at - 1
  }
  return step < 0 ? 0 : points.length
}
