// A published Parquet table: whole columns, or single rows.
import { Decompress, decompress } from 'fzstd'
import { parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { parquetHeader, readPage } from 'hyparquet/src/column.js'
import { convert } from 'hyparquet/src/convert.js'
import { getSchemaPath } from 'hyparquet/src/schema.js'
import { open } from './pieces.js'

const SLICE = 12 // milliseconds of work before the page may paint and answer a key or a click
const PACKED = 200_000 // bytes that are unpacked in one go: some 20 milliseconds
const turn = globalThis.scheduler?.yield ? () => scheduler.yield() : () => new Promise(done => setTimeout(done))
let rested = performance.now()

/** Lets the browser paint and take input, when it has not for a while. */
export async function breathe() {
  if (performance.now() - rested < SLICE) return
  await turn()
  rested = performance.now()
}

const days = new Map()
const parsers = {
  stringFromBytes: bytes => bytes, // spelled by `strings` and `plain`, where they are needed
  dateFromDays(day) { // as 'YYYY-MM-DD': a column has many rows and few days
    if (!days.has(day)) days.set(day, new Date(day * 86_400_000).toISOString().slice(0, 10))
    return days.get(day)
  },
}
// Without a buffer to write to: fzstd compares one with a number first, which spells all its bytes out.
const compressors = { ZSTD: content => decompress(content) }

export async function table(description) {
  const file = open(description)
  const metadata = await parquetMetadataAsync(file)
  const rows = Number(metadata.num_rows)
  const all = metadata.schema.slice(1).map(column => column.name)
  const held = {} // whole columns that were read, by name

  /** Whole columns by name; `on(share)` hears how far it is, from 0 to 1. */
  async function columns(names, on = () => {}) {
    const found = Object.fromEntries(names.filter(name => !held[name]).map(name => [name, []]))
    const parts = Object.keys(found).flatMap(name => metadata.row_groups.map(group => chunk(group, name)))
    const asked = parts.map(part => file.slice(part.from, part.to)) // all at once, for each takes a way to the server
    for (const one of asked) one.catch(() => {}) // the first that fails is told below
    for (const [number, part] of parts.entries()) {
      for await (const values of pages(part, await asked[number])) {
        for (let at = 0; at < values.length; at++) found[part.name].push(plain(values[at]))
        await breathe()
      }
      on((number + 1) / parts.length)
    }
    Object.assign(held, found)
    return Object.fromEntries(names.map(name => [name, held[name]]))
  }

  /** Where a column of a row group lies in the file, and how it is to be read. */
  function chunk(group, name) {
    const { meta_data: told } = group.columns.find(column => column.meta_data.path_in_schema[0] === name)
    const from = Number(told.dictionary_page_offset || told.data_page_offset)
    const schemaPath = getSchemaPath(metadata.schema, [name])
    const decoder = { ...told, element: schemaPath[1].element, schemaPath, parsers }
    return { name, from, to: from + Number(told.total_compressed_size), rows: Number(group.num_rows), decoder }
  }

  /** One row with all its columns, by its place from 0. */
  async function row(place) {
    const wanted = all.filter(name => !held[name])
    const [found] = wanted.length
      ? await parquetReadObjects({ file, metadata, compressors, parsers, columns: wanted, rowStart: place, rowEnd: place + 1, useOffsetIndex: true })
      : [{}]
    return Object.fromEntries(all.map(name => [name, held[name] ? held[name][place] : plain(found[name])]))
  }

  /** The row whose first column, the key, has this value; null when there is none. */
  async function find(key) {
    const { [all[0]]: keys } = await columns([all[0]])
    const place = keys.indexOf(key)
    return place < 0 ? null : row(place)
  }

  return { rows, columns, row, find, names: all }
}

/** The values of a column in a row group, page by page. */
async function* pages({ decoder, rows }, content) {
  const reader = { view: new DataView(content), offset: 0 }
  let dictionary
  for (let read = 0; read < rows;) {
    const header = parquetHeader(reader)
    const unpacked = await unpack(new Uint8Array(content, reader.offset, header.compressed_page_size), header.uncompressed_page_size)
    const { data } = readPage(reader, header, { ...decoder, compressors: { ZSTD: () => unpacked } }, dictionary, undefined, 0)
    if (header.type === 'DICTIONARY_PAGE') {
      dictionary = strings(convert(data, decoder))
    } else {
      read += data.length
      yield strings(data)
    }
  }
}

/** What is packed in a page; in a large one with pauses. */
async function unpack(content, length) {
  if (content.length <= PACKED) return decompress(content)
  const found = new Uint8Array(length)
  let at = 0
  const stream = new Decompress(part => {
    found.set(part, at)
    at += part.length
  })
  for (let from = 0; from < content.length; from += PACKED) {
    stream.push(content.subarray(from, from + PACKED), from + PACKED >= content.length)
    await breathe()
  }
  return found.subarray(0, at)
}

const decode = new TextDecoder('utf-8', { ignoreBOM: true })
const PARTING = '\0\0\0\n' // as long as what stands before each value of a page, the number of its bytes

/** The values of a page with bytes as strings, decoded together: one by one takes ten times as long. */
function strings(values) {
  if (!(values.find(value => value !== undefined) instanceof Uint8Array)) return values // of the dictionary, or numbers
  const bytes = values.filter(value => value !== undefined)
  const page = new Uint8Array(bytes[0].buffer)
  for (const { byteOffset } of bytes) page.set([0, 0, 0, 10], byteOffset - PARTING.length)
  const last = bytes.at(-1)
  const words = decode.decode(page.subarray(bytes[0].byteOffset, last.byteOffset + last.length)).split(PARTING)
  if (words.length !== bytes.length) return values.map(plain) // one of them holds what parts them
  let at = 0
  return values.map(value => value && words[at++])
}

/** Bytes as string, int64 as number (no count here reaches 2^53), null for what is missing. */
function plain(value) {
  return value instanceof Uint8Array ? decode.decode(value) : typeof value === 'bigint' ? Number(value) : value ?? null
}
