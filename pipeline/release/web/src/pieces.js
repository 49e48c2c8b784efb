// A published file, read in pieces by Range requests; no byte of it is used before the SHA-256 of its piece was compared
// with the digest in the page, which is itself under the release's manifest.

const base64 = bytes => btoa(String.fromCharCode(...new Uint8Array(bytes)))

export class FileError extends Error {}

/** An AsyncBuffer (as hyparquet reads) over `{path, bytes, piece, pieces}`; each piece is asked for once. */
export function open({ path, bytes, piece, pieces }) {
  if (!globalThis.crypto?.subtle) {
    throw new FileError('This page cannot check the files here: a browser does it only over https or on localhost.')
  }
  const known = new Map() // number of a piece -> promise of its checked bytes

  async function check(number, content) {
    const digest = base64(await crypto.subtle.digest('SHA-256', content))
    if (digest !== pieces[number]) {
      throw new FileError(`${path} is not the published file: piece ${number + 1} of ${pieces.length} has another SHA-256.`)
    }
    return content
  }

  async function ask(first, last) {
    const from = first * piece
    const to = Math.min((last + 1) * piece, bytes)
    const answer = await fetch(path, { headers: { Range: `bytes=${from}-${to - 1}` } })
    if (!answer.ok) throw new FileError(`${path}: the server answers ${answer.status}.`)
    const content = await answer.arrayBuffer()
    const offset = answer.status === 206 ? from : 0 // a server without ranges sends all of it
    if (content.byteLength !== (answer.status === 206 ? to - from : bytes)) {
      throw new FileError(`${path} is not the published file: it has another size.`)
    }
    return number => content.slice(number * piece - offset, Math.min((number + 1) * piece, bytes) - offset)
  }

  function want(first, last) {
    for (let start = first; start <= last; start++) {
      if (known.has(start)) continue
      let end = start
      while (end < last && !known.has(end + 1)) end++
      const answer = ask(start, end)
      for (let number = start; number <= end; number++) {
        const checked = answer.then(cut => check(number, cut(number)))
        checked.catch(() => known.delete(number)) // a lost connection may be tried again
        known.set(number, checked)
      }
      start = end
    }
  }

  return {
    byteLength: bytes,
    async slice(start, end = bytes) {
      const first = Math.floor(start / piece)
      const last = Math.floor((Math.max(end, start + 1) - 1) / piece)
      want(first, last)
      const found = new Uint8Array(end - start)
      for (let number = first; number <= last; number++) {
        const content = new Uint8Array(await known.get(number))
        const from = Math.max(start, number * piece)
        const to = Math.min(end, number * piece + content.length)
        found.set(content.subarray(from - number * piece, to - number * piece), from - start)
      }
      return found.buffer
    },
  }
}
