/**
 * A file's text, piece by piece, so that its size does not matter. Gzip is known by its first two bytes;
 * bytes that are no UTF-8 are an error, never a question mark.
 */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { MeshError } from '@gradmesh/core'
import { badFormat, unreadable } from '../errors.ts'

export interface Line {
  /** From 1. */
  readonly number: number
  /** Without its end. */
  readonly text: string
}

/** Nobody writes longer lines on purpose, and a file without any must not fill the memory. */
const LINE_LENGTH_MAX = 4 * 1024 * 1024

/** Codes: `DATA_UNREADABLE`, `DATA_FORMAT`. */
export async function* linesOf(path: string): AsyncGenerator<Line> {
  let number = 1
  let rest = ''
  for await (const piece of piecesOf(path)) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop()!
    for (const line of lines) yield { number: number++, text: withoutReturn(line) }
    if (rest.length > LINE_LENGTH_MAX)
      throw badFormat(path, number, `longer than ${LINE_LENGTH_MAX} characters`)
  }
  if (rest !== '') yield { number, text: withoutReturn(rest) }
}

/** Whole characters, some 64 KiB at a time. Codes: `DATA_UNREADABLE`, `DATA_FORMAT`. */
export async function* piecesOf(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const decode = (bytes?: Uint8Array): string => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true })
    } catch (cause) {
      throw badFormat(path, null, 'it is not UTF-8', cause)
    }
  }
  for await (const bytes of bytesOf(path)) {
    const piece = decode(bytes)
    if (piece !== '') yield piece
  }
  const last = decode()
  if (last !== '') yield last
}

/** Unpacked. Codes: `DATA_UNREADABLE`, `DATA_FORMAT` for a torn archive. */
export async function* bytesOf(path: string): AsyncGenerator<Uint8Array> {
  const isPacked = await isGzip(path)
  const file = createReadStream(path)
  const stream = isPacked ? file.pipe(createGunzip()) : file
  file.once('error', error => stream.destroy(error))
  try {
    for await (const bytes of stream) yield bytes
  } catch (cause) {
    if (cause instanceof MeshError) throw cause
    const isTorn = isPacked && (cause as NodeJS.ErrnoException).code?.startsWith('Z_')
    throw isTorn ? badFormat(path, null, 'the gzip archive is damaged', cause) : unreadable(path, cause)
  } finally {
    stream.destroy()
    file.destroy()
  }
}

const isGzip = async (path: string): Promise<boolean> => {
  try {
    await using file = await open(path)
    const { bytesRead, buffer } = await file.read(new Uint8Array(2), 0, 2, 0)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

const withoutReturn = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line)
