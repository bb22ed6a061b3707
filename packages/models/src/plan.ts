/**
 * Memory of computed values: each lives from its first to its last op, and values that never live together
 * share a slot. From the largest down, each takes the smallest slot that is free all its life ("greedy by
 * size", Pisarchyk and Lee, 2020). Slots are arrays of their own, since WebGPU refuses to read and write
 * parts of one buffer in one dispatch.
 */
import type { ElementType } from '@gradmesh/tensor'
import type { Op, Value } from './tape.ts'

export interface Slot {
  readonly type: ElementType
  readonly length: number
}

export interface Plan {
  readonly slots: readonly Slot[]
  readonly slotOf: ReadonlyMap<Value, number>
  /** Bytes of all slots, and of the values that lie in them. */
  readonly slotBytes: number
  readonly valueBytes: number
}

interface Life {
  readonly value: Value
  readonly from: number
  to: number
}

export const plan = (ops: readonly Op[], outputs: ReadonlySet<Value>): Plan => {
  const lives = new Map<Value, Life>()
  ops.forEach((op, i) => {
    for (const value of Object.values(op.arrays)) {
      if (value.role !== 'computed') continue
      const life = lives.get(value)
      if (life === undefined) lives.set(value, { value, from: i, to: i })
      else life.to = i
    }
  })
  for (const value of outputs) {
    const life = lives.get(value)
    if (life !== undefined) life.to = ops.length
  }
  const slots: (Slot & { readonly tenants: Life[] })[] = []
  const slotOf = new Map<Value, number>()
  for (const life of [...lives.values()].toSorted((a, b) => b.value.length - a.value.length)) {
    const { type, length } = life.value
    const isFree = (slot: (typeof slots)[number]) =>
      slot.type === type && slot.tenants.every(({ from, to }) => to < life.from || life.to < from)
    // Slots are made from the largest down, so the last that is free is the smallest.
    let index = slots.findLastIndex(isFree)
    if (index < 0) index = slots.push({ type, length, tenants: [] }) - 1
    slots[index]!.tenants.push(life)
    slotOf.set(life.value, index)
  }
  const bytes = (all: readonly { readonly length: number }[]) =>
    4 * all.reduce((sum, { length }) => sum + length, 0)
  return { slots, slotOf, slotBytes: bytes(slots), valueBytes: bytes([...lives.keys()]) }
}
