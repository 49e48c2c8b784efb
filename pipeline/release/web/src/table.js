// A published Parquet table: whole columns, or single rows.
import { decompress } from 'fzstd'
import { parquetMetadataAsync, parquetRead, parquetReadObjects } from 'hyparquet'
import { open } from './pieces.js'

const compressors = { ZSTD: (content, length) => decompress(content, new Uint8Array(length)) }

const SLICE = 50 // milliseconds of work before the page may paint and answer a key or a click
let rested = performance.now()

/** Lets the browser paint and take input, when it has not for a while. */
export async function breathe() {
  if (performance.now() - rested < SLICE) return
  await new Promise(done => setTimeout(done))
  rested = performance.now()
}

export async function table(description) {
  const file = open(description)
  const metadata = await parquetMetadataAsync(file)
  const rows = Number(metadata.num_rows)
  let places

  /** Whole columns by name; `on(share)` hears how far it is, from 0 to 1. */
  async function columns(names, on = () => {}) {
    const found = Object.fromEntries(names.map(name => [name, []]))
    let start = 0
    for (const group of metadata.row_groups) {
      const end = start + Number(group.num_rows)
      for (const name of names) {
        await parquetRead({
          file, metadata, compressors, columns: [name], rowStart: start, rowEnd: end,
          onChunk: ({ columnData }) => { for (const value of columnData) found[name].push(plain(value)) },
        })
        await breathe()
      }
      start = end
      on(start / rows)
    }
    return found
  }

  /** One row with all its columns, by its place from 0. */
  async function row(place) {
    const [found] = await parquetReadObjects({ file, metadata, compressors, rowStart: place, rowEnd: place + 1 })
    return Object.fromEntries(Object.entries(found).map(([name, value]) => [name, plain(value)]))
  }

  /** The row whose first column, the key, has this value; null when there is none. */
  async function find(key) {
    const name = metadata.schema[1].name
    places ??= new Map((await columns([name]))[name].map((value, place) => [value, place]))
    return places.has(key) ? row(places.get(key)) : null
  }

  return { rows, columns, row, find, names: metadata.schema.slice(1).map(column => column.name) }
}

/** int64 as number (no count here reaches 2^53), a day as 'YYYY-MM-DD', null for what is missing. */
function plain(value) {
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Date) return value.toISOString().slice(0, 10)
  return value ?? null
}
