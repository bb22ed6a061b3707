/**
 * Signed contradictions waiting for a block. Bounded: one an offender and kind is enough to convict. Anybody can register
 * and sign two deltas, with nothing at stake; so those of deltas give way to those of votes and blocks.
 */
import { toHex } from '@gradmesh/core'
import { selectEvidence } from '@gradmesh/ledger'
import { accusedOf, type Digest, type EpochRules, type Evidence } from '@gradmesh/wire'
import type { Held } from '../holding.ts'
import type { FinalPoint } from '../state/ledger.ts'

const MAX = 64
const PER_BLOCK = 4

export class Evidences {
  readonly #chainId: Digest
  readonly #epochs: EpochRules
  readonly #waiting = new Map<string, Evidence>()

  constructor(chainId: Digest, epochs: EpochRules) {
    this.#chainId = chainId
    this.#epochs = epochs
  }

  add(evidence: Evidence): void {
    const key = offenceOf(evidence)
    if (this.#waiting.has(key)) return
    if (this.#waiting.size >= MAX && (evidence.kind === 'deltas' || !this.#makeRoom())) return
    this.#waiting.set(key, evidence)
  }

  #makeRoom(): boolean {
    for (const [key, { kind }] of this.#waiting) if (kind === 'deltas') return this.#waiting.delete(key)
    return false
  }

  held(): readonly Held[] {
    return [{ what: 'evidence', entries: this.#waiting.size, max: MAX }]
  }

  /** What may stand in the next block; proofs that the ledger can't use any more are forgotten. */
  forBlock({ accounts }: FinalPoint): Evidence[] {
    const usable = selectEvidence(
      {
        accounts,
        evidence: [...this.#waiting.values()],
        chainId: this.#chainId,
        epochs: this.#epochs
      },
      MAX
    )
    const kept = new Set(usable.map(offenceOf))
    for (const offence of this.#waiting.keys()) if (!kept.has(offence)) this.#waiting.delete(offence)
    return [...usable.slice(0, PER_BLOCK)]
  }
}

const offenceOf = (evidence: Evidence): string => {
  const { kind } = evidence
  const at = kind === 'votes' ? evidence.first.slot : evidence.first.header
  const place = typeof at === 'number' ? at : 'slot' in at ? at.slot : at.round
  return `${kind}/${toHex(accusedOf(evidence))}/${place}`
}
