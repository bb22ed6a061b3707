/** IDX, the format of MNIST: a big-endian header, then one byte a value. */
import { badFormat } from '../errors.ts'
import { bytesOf } from './lines.ts'

export interface Idx {
  /** The slowest dimension first, for example (5000, 28, 28). */
  readonly shape: readonly number[]
  readonly values: Uint8Array
}

const VALUES_MAX = 2 ** 31
const DIMENSIONS_MAX = 4
const UNSIGNED_BYTE = 8

/** Packed or not. Codes: `DATA_UNREADABLE`, `DATA_FORMAT`. */
export const readIdx = async (path: string): Promise<Idx> => {
  const header = new Uint8Array(4 + 4 * DIMENSIONS_MAX)
  const view = new DataView(header.buffer)
  let values: Uint8Array | undefined
  let headerBytes = header.length
  let at = 0
  let shape: number[] = []
  for await (const piece of bytesOf(path)) {
    for (let from = 0; from < piece.length; ) {
      if (values === undefined) {
        header[at++] = piece[from++]!
        if (at === 4) headerBytes = 4 + 4 * dimensionsOf(path, header)
        if (at < headerBytes) continue
        shape = Array.from({ length: header[3]! }, (_, i) => view.getUint32(4 + 4 * i))
        const count = shape.reduce((product, size) => product * size, 1)
        if (count > VALUES_MAX) throw badFormat(path, null, `${shape.join(' x ')} values are too many`)
        values = new Uint8Array(count)
      } else {
        const part = piece.subarray(from)
        if (at - headerBytes + part.length > values.length)
          throw badFormat(path, null, `more values than ${shape.join(' x ')}`)
        values.set(part, at - headerBytes)
        at += part.length
        from = piece.length
      }
    }
  }
  if (values === undefined || at - headerBytes !== values.length)
    throw badFormat(path, null, `it ends after ${at} bytes, before its last value`)
  return { shape, values }
}

const dimensionsOf = (path: string, header: Uint8Array): number => {
  const [zero0, zero1, type, dimensions] = header
  const isKnown = zero0 === 0 && zero1 === 0 && type === UNSIGNED_BYTE
  if (!isKnown || dimensions! < 1 || dimensions! > DIMENSIONS_MAX)
    throw badFormat(path, null, 'it does not begin as an IDX file of bytes does')
  return dimensions!
}
