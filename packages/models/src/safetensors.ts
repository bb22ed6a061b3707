/**
 * The safetensors format (huggingface/safetensors, its README): 8 bytes of header length, a JSON header with
 * dtype, shape and offsets of each tensor, the data. Read from anywhere, one tensor at a time; the header is
 * checked whole before the first byte of data is touched, since a file is a stranger's.
 */
import { type Fault, fault, isFault, MeshError, utf8 } from '@gradmesh/core'

/** Where the bytes are: a file, a buffer, a download. */
export interface ByteSource {
  readonly bytes: number
  read(start: number, length: number): Promise<Uint8Array>
}

export type Dtype = 'F32' | 'F16' | 'BF16'

export interface StoredTensor {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** From the beginning of the file. */
  readonly start: number
  readonly bytes: number
}

/** As the format's own reader has it. */
const HEADER_BYTES_MAX = 100_000_000
const RANK_MAX = 8
const WIDTH: Readonly<Record<Dtype, number>> = { F32: 4, F16: 2, BF16: 2 }

export type HeaderFault = Fault<
  'SAFETENSORS_LENGTH' | 'SAFETENSORS_HEADER' | 'SAFETENSORS_DTYPE' | 'SAFETENSORS_OFFSETS'
>

type Entry = { readonly dtype?: unknown; readonly shape?: unknown; readonly data_offsets?: unknown }

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** `text` is the header, `at` where the data begin, `bytes` the whole file's. */
const entryOf = (name: string, value: unknown, at: number, bytes: number): StoredTensor | HeaderFault => {
  if (typeof value !== 'object' || value === null) return fault('SAFETENSORS_HEADER', name)
  const { dtype, shape, data_offsets: offsets } = value as Entry
  if (typeof dtype !== 'string' || !Object.hasOwn(WIDTH, dtype)) {
    return fault('SAFETENSORS_DTYPE', `${name}: ${String(dtype).slice(0, 20)}`)
  }
  if (!Array.isArray(shape) || shape.length > RANK_MAX || !shape.every(isWhole)) {
    return fault('SAFETENSORS_HEADER', `shape of ${name}`)
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isWhole)) {
    return fault('SAFETENSORS_OFFSETS', name)
  }
  const [from, to] = offsets as [number, number]
  const length = WIDTH[dtype as Dtype] * shape.reduce((a, b) => a * b, 1)
  if (to - from !== length || at + to > bytes) return fault('SAFETENSORS_OFFSETS', name)
  return { name, dtype: dtype as Dtype, shape, start: at + from, bytes: length }
}

/** How many keys the outermost object has as it is written: JSON.parse keeps only the last of equal ones. */
const countKeys = (text: string): number => {
  let depth = 0
  let keys = 0
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    else if (token === ':' && depth === 1) keys++
  }
  return keys
}

/** The header's tensors in the order of their data, or what is wrong with it. */
export const readHeader = async (source: ByteSource): Promise<readonly StoredTensor[] | HeaderFault> => {
  if (source.bytes < 8) return fault('SAFETENSORS_LENGTH')
  const head = await source.read(0, 8)
  const length = Number(new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true))
  if (length < 2 || length > HEADER_BYTES_MAX || 8 + length > source.bytes) return fault('SAFETENSORS_LENGTH')
  let header: unknown
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(await source.read(8, length))
    header = JSON.parse(text)
  } catch {
    return fault('SAFETENSORS_HEADER', 'no JSON')
  }
  if (!text.startsWith('{') || typeof header !== 'object' || header === null) {
    return fault('SAFETENSORS_HEADER', 'no object')
  }
  const found: StoredTensor[] = []
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue
    const entry = entryOf(name, value, 8 + length, source.bytes)
    if (isFault(entry)) return entry
    found.push(entry)
  }
  if (countKeys(text) !== Object.keys(header).length) return fault('SAFETENSORS_HEADER', 'a name twice')
  // The data have neither gaps nor overlaps, and end where the file ends.
  found.sort((a, b) => a.start - b.start || a.bytes - b.bytes)
  let end = 8 + length
  for (const { name, start, bytes } of found) {
    if (start !== end) return fault('SAFETENSORS_OFFSETS', name)
    end += bytes
  }
  return end === source.bytes ? found : fault('SAFETENSORS_OFFSETS', 'after the last')
}

/** f16 as in IEEE 754: 5 bits of exponent, 10 of fraction. */
const fromHalf = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** The values of one tensor as f32. Throws SAFETENSORS_SHORT when the source ends early. */
export const readTensor = async (
  source: ByteSource,
  { name, dtype, start, bytes }: StoredTensor
): Promise<Float32Array> => {
  const raw = await source.read(start, bytes)
  if (raw.length !== bytes) {
    throw new MeshError('SAFETENSORS_SHORT', `the file ends inside ${name}`, {
      remedy: 'download it again',
      data: { name, bytes, found: raw.length }
    })
  }
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  const values = new Float32Array(bytes / WIDTH[dtype])
  // As bits, for a float that goes through a number may come back as another NaN.
  const bits = new Uint32Array(values.buffer)
  for (let i = 0; i < values.length; i++) {
    if (dtype === 'F32') bits[i] = view.getUint32(4 * i, true)
    else if (dtype === 'BF16') bits[i] = view.getUint16(2 * i, true) << 16
    else values[i] = fromHalf(view.getUint16(2 * i, true))
  }
  return values
}

export const bytesSource = (bytes: Uint8Array): ByteSource => ({
  bytes: bytes.length,
  read: async (start, length) => bytes.subarray(start, start + length)
})

export interface TensorToWrite {
  readonly name: string
  readonly shape: readonly number[]
  /** Asked for when its turn comes. */
  values(): Float32Array | Promise<Float32Array>
}

const SPACE = 0x20

/** The file piece by piece, as F32: the head, then one tensor after the other. */
export async function* writeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {}
): AsyncGenerator<Uint8Array> {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt', ...metadata } }
  let at = 0
  for (const { name, shape } of tensors) {
    const bytes = 4 * shape.reduce((a, b) => a * b, 1)
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + bytes] }
    at += bytes
  }
  // Padded with spaces so that the data begin on 8 bytes.
  const text = utf8(JSON.stringify(header))
  const head = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(SPACE, 8)
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - 8), true)
  head.set(text, 8)
  yield head
  for (const { name, shape, values } of tensors) {
    const floats = await values()
    const count = shape.reduce((a, b) => a * b, 1)
    if (floats.length !== count) {
      throw new MeshError('MODEL_TENSOR', `${name} has ${floats.length} elements, not ${count}`, {
        remedy: 'use the configuration that the weights were made with',
        data: { name, length: count, found: floats.length }
      })
    }
    const out = new Uint8Array(4 * count)
    const view = new DataView(out.buffer)
    const bits = new Uint32Array(floats.buffer, floats.byteOffset, count)
    for (let i = 0; i < count; i++) view.setUint32(4 * i, bits[i]!, true)
    yield out
  }
}
