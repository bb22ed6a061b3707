import { add } from '@gradmesh/tensor'
import fc from 'fast-check'
import t from 'tap'
import { plan, Tape, type Value } from '../src/index.ts'

/** A chain of sums: op i makes value i out of two before it. */
const tapeOf = (lengths: readonly number[], sources: readonly number[]): { tape: Tape; made: Value[] } => {
  const tape = new Tape({ tensors: [], training: false })
  const made: Value[] = []
  lengths.forEach((length, i) => {
    const before = made.length === 0 ? tape.input('f32', 'x', 1000) : made[sources[i]! % made.length]!
    const count = Math.min(length, before.length)
    const out = tape.value(count)
    tape.run(add, { a: before, b: before, out }, { count })
    made.push(out)
  })
  return { tape, made }
}

t.test('values that live together never share a slot, and every value fits', async t => {
  const inputs = fc.array(fc.tuple(fc.integer({ min: 1, max: 900 }), fc.nat({ max: 50 })), {
    minLength: 1,
    maxLength: 30
  })
  fc.assert(
    fc.property(inputs, fc.nat({ max: 29 }), (pairs, chosen) => {
      const { tape, made } = tapeOf(
        pairs.map(([length]) => length),
        pairs.map(([, source]) => source)
      )
      const output = made[chosen % made.length]!
      const { slots, slotOf, slotBytes, valueBytes } = plan(tape.ops, new Set([output]))
      const life = (value: Value): readonly [number, number] => {
        const uses = tape.ops.flatMap((op, i) => (Object.values(op.arrays).includes(value) ? [i] : []))
        return [uses[0]!, value === output ? tape.ops.length : uses.at(-1)!]
      }
      for (const a of made) {
        if (slots[slotOf.get(a)!]!.length < a.length) return false
        for (const b of made) {
          if (a === b || slotOf.get(a) !== slotOf.get(b)) continue
          const [[fromA, toA], [fromB, toB]] = [life(a), life(b)]
          if (fromA <= toB && fromB <= toA) return false
        }
      }
      return slotBytes <= valueBytes
    })
  )
  t.pass('held')
})

t.test('a long chain lives in two slots', async t => {
  const { tape, made } = tapeOf(
    Array.from({ length: 40 }, () => 100),
    Array.from({ length: 40 }, (_, i) => i - 1)
  )
  const { slots } = plan(tape.ops, new Set([made.at(-1)!]))
  t.equal(slots.length, 2)
})

t.test('what nobody asks for is not computed', async t => {
  const { tape, made } = tapeOf([5, 5, 5, 5], [0, 0, 0, 1])
  tape.output(made[3]!)
  t.equal(tape.pruned().length, 3)
})
