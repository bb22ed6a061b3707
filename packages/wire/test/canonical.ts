/** What every codec owes, over arbitrary messages, damaged messages and plain noise. */
import { isDeepStrictEqual } from 'node:util'
import { equalBytes, isFault } from '@gradmesh/core'
import * as dagCbor from '@ipld/dag-cbor'
import fc from 'fast-check'
import t from 'tap'
import { type Codec, codecs, unpacked } from './fixtures/messages.ts'

/** Faults with a code and a reason, or a value that re-encodes to the very bytes. */
const isAnswered = ({ encode, decode }: Codec, bytes: Uint8Array): boolean => {
  const value = decode(bytes)
  if (isFault(value)) return /^WIRE_[A-Z]+$/.test(value.fault) && value.detail !== ''
  return equalBytes(encode(value as never), bytes)
}

interface Damage {
  readonly at: number
  readonly remove: number
  readonly insert: Uint8Array
}

const damage: fc.Arbitrary<Damage> = fc.record({
  at: fc.nat(4_096),
  remove: fc.nat(3),
  insert: fc.uint8Array({ maxLength: 3 })
})

const damaged = (bytes: Uint8Array, { at, remove, insert }: Damage): Uint8Array => {
  const start = at % (bytes.length + 1)
  return Uint8Array.from([...bytes.subarray(0, start), ...insert, ...bytes.subarray(start + remove)])
}

for (const codec of codecs) {
  t.test(codec.name, async t => {
    // A delta's payload alone is a view of what it came in.
    await t.test('what was decoded does not change with the bytes', async () =>
      fc.assert(
        fc.property(codec.arbitrary, message => {
          if (codec.name === 'SignedDelta') return true
          const bytes = codec.encode(message as never).slice()
          const input = Buffer.from(bytes)
          const value = codec.decode(input)
          input.fill(0)
          return (
            isDeepStrictEqual(unpacked(value), unpacked(message)) &&
            equalBytes(codec.encode(value as never), bytes)
          )
        }),
        { numRuns: 20 }
      )
    )
    await t.test('decode(encode(m)) = m, and from a Buffer', async () =>
      fc.assert(
        fc.property(codec.arbitrary, message => {
          const bytes = codec.encode(message as never)
          return [bytes, Buffer.from(bytes)].every(input =>
            isDeepStrictEqual(unpacked(codec.decode(input)), unpacked(message))
          )
        }),
        { numRuns: 50 }
      )
    )

    await t.test('damaged bytes: a fault, or the one encoding of another value', async () =>
      fc.assert(
        fc.property(codec.arbitrary, fc.array(damage, { minLength: 1, maxLength: 3 }), (message, damages) =>
          isAnswered(codec, damages.reduce(damaged, codec.encode(message as never)))
        ),
        { numRuns: 300 }
      )
    )

    await t.test('noise', async () =>
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), bytes => isAnswered(codec, bytes)),
        { numRuns: 200 }
      )
    )

    await t.test('well-formed dag-cbor of any shape', async () =>
      fc.assert(
        fc.property(fc.object({ withNullPrototype: false, withBigInt: false, maxDepth: 3 }), value => {
          let bytes: Uint8Array
          try {
            bytes = dagCbor.encode(value)
          } catch {
            return true // undefined and the like have no encoding
          }
          return isFault(codec.decode(bytes))
        }),
        { numRuns: 100 }
      )
    )
  })
}
