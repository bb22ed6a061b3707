/** Signed contradictions waiting for a block. Bounded: one an offender and kind is enough to convict. */
import { toHex } from '@gradmesh/core'
import type { Evidence } from '@gradmesh/wire'

const MAX = 64
const PER_BLOCK = 4

export class Evidences {
  readonly #waiting = new Map<string, Evidence>()

  add(evidence: Evidence): void {
    const key = offenceOf(evidence)
    if (this.#waiting.size < MAX && !this.#waiting.has(key)) this.#waiting.set(key, evidence)
  }

  forBlock(): Evidence[] {
    return [...this.#waiting.values()].slice(0, PER_BLOCK)
  }

  /** These stand in a final block, or can't be used any more. */
  drop(evidence: readonly Evidence[]): void {
    for (const one of evidence) this.#waiting.delete(offenceOf(one))
  }
}

const offenceOf = (evidence: Evidence): string => {
  switch (evidence.kind) {
    case 'votes':
      return `votes/${evidence.first.validator}/${evidence.first.slot}`
    case 'blocks':
      return `blocks/${evidence.first.header.slot}`
    case 'deltas':
      return `deltas/${toHex(evidence.first.header.trainer)}/${evidence.first.header.round}`
  }
}
