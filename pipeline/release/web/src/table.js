// A published Parquet table: whole columns, or single rows.
import { decompress } from 'fzstd'
import { parquetMetadataAsync, parquetRead, parquetReadObjects, readOffsetIndex } from 'hyparquet'
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

const BYTES = 300_000 // of compressed pages that are decoded in one go: some 40 ms
const days = new Map()
const parsers = { // a day as 'YYYY-MM-DD': a column has many rows and few days
  dateFromDays(day) {
    if (!days.has(day)) days.set(day, new Date(day * 86_400_000).toISOString().slice(0, 10))
    return days.get(day)
  },
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
        const ends = await stretches(file, group, name)
        for (const [at, to] of ends.map((to, place) => [ends[place - 1] ?? 0, to])) {
          await parquetRead({
            file, metadata, compressors, parsers, columns: [name], rowStart: start + at, rowEnd: start + to, useOffsetIndex: true,
            onChunk: ({ columnData, rowStart }) => keep(found[name], columnData, start + at - rowStart, start + to - rowStart),
          })
          await breathe()
        }
      }
      start = end
      on(start / rows)
    }
    return found
  }

  /** One row with all its columns, by its place from 0. */
  async function row(place) {
    const [found] = await parquetReadObjects({ file, metadata, compressors, parsers, rowStart: place, rowEnd: place + 1, useOffsetIndex: true })
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

/** Where the stretches of whole pages end, in rows of the group, that a column is decoded by. */
async function stretches(file, group, name) {
  const rows = Number(group.num_rows)
  const column = group.columns.find(chunk => chunk.meta_data.path_in_schema[0] === name)
  if (Number(column.meta_data.total_compressed_size) <= BYTES || !column.offset_index_offset) return [rows]
  const from = Number(column.offset_index_offset)
  const content = await file.slice(from, from + column.offset_index_length)
  const pages = readOffsetIndex({ view: new DataView(content), offset: 0 }).page_locations
  const ends = []
  let bytes = 0
  for (const [place, page] of pages.entries()) {
    if (bytes && bytes + page.compressed_page_size > BYTES) {
      ends.push(Number(pages[place].first_row_index))
      bytes = 0
    }
    bytes += page.compressed_page_size
  }
  return [...ends, rows]
}

/** Adds the values from one place up to another to a column. */
function keep(column, values, from, to) {
  for (let at = Math.max(0, from); at < Math.min(values.length, to); at++) column.push(plain(values[at]))
}

/** int64 as number (no count here reaches 2^53), null for what is missing. */
function plain(value) {
  return typeof value === 'bigint' ? Number(value) : value ?? null
}
