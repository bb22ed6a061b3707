/** What the peers' event streams tell about a run, gathered for the progress line and the summary. */
import type { Status, StreamEvent } from '@gradmesh/api'

export class RunRecord {
  readonly #statuses: (Status | undefined)[]
  readonly #finished: boolean[]
  /** State root by height, as the first peer that got there gave it. */
  readonly #roots = new Map<number, string>()
  readonly #disagreements = new Set<number>()
  /** Of every final block, as each peer saw it. */
  readonly finalityMs: number[] = []
  readonly #deltaBytes = new Map<string, number>()
  readonly #rounds = new Map<number, { samples: number; loss: number | null }>()
  #firstTrainingMs: number | null = null
  #lastRoundMs = 0
  #lastFinalMs: number

  constructor(peers: number, nowMs: number) {
    this.#statuses = Array.from({ length: peers })
    this.#finished = Array.from({ length: peers }, () => false)
    this.#lastFinalMs = nowMs
  }

  heard(peer: number, event: StreamEvent, nowMs: number): void {
    switch (event.type) {
      case 'status':
        this.#statuses[peer] = event.status
        if (event.status.phase === 'finished') this.#finished[peer] = true
        return
      case 'phase':
        if (event.phase === 'training') this.#firstTrainingMs ??= nowMs
        if (event.phase === 'finished') this.#finished[peer] = true
        return
      case 'final':
        this.#lastFinalMs = nowMs
        if (event.finalityMs !== null) this.finalityMs.push(event.finalityMs)
        return
      case 'delta':
        if (event.bytes !== null) this.#deltaBytes.set(event.digest, event.bytes)
        return
      case 'round':
        this.#heardRound(event, nowMs)
        return
      case 'peer':
      case 'gap':
        return
      default:
        event satisfies never
    }
  }

  #heardRound(
    { round, height, stateRoot, samples, loss }: Extract<StreamEvent, { type: 'round' }>,
    nowMs: number
  ): void {
    const known = this.#roots.get(height)
    if (known === undefined) this.#roots.set(height, stateRoot)
    else if (known !== stateRoot) this.#disagreements.add(height)
    if (this.#rounds.has(round)) return
    this.#rounds.set(round, { samples, loss })
    this.#lastRoundMs = nowMs
  }

  get statuses(): readonly Status[] {
    return this.#statuses.filter(status => status !== undefined)
  }

  get allFinished(): boolean {
    return this.#finished.every(finished => finished)
  }

  /** Heights at which two peers held different roots. */
  get disagreements(): readonly number[] {
    return [...this.#disagreements].sort((a, b) => a - b)
  }

  get heightsCompared(): number {
    return this.#roots.size
  }

  get roundsClosed(): number {
    return this.#rounds.size
  }

  get loss(): number | null {
    const last = Math.max(...this.#rounds.keys())
    return this.#rounds.get(last)?.loss ?? null
  }

  /** From the first peer that trained to the close of the last round. */
  get trainingSeconds(): number {
    return this.#firstTrainingMs === null || this.#lastRoundMs === 0
      ? 0
      : (this.#lastRoundMs - this.#firstTrainingMs) / 1000
  }

  /** Credited to the peers' deltas, over the training time. */
  get samplesPerSecond(): number {
    const samples = [...this.#rounds.values()].reduce((sum, round) => sum + round.samples, 0)
    return this.trainingSeconds === 0 ? 0 : samples / this.trainingSeconds
  }

  /** Mean over every delta heard of. */
  get deltaBytes(): number {
    const sizes = [...this.#deltaBytes.values()]
    return sizes.length === 0 ? 0 : sizes.reduce((sum, size) => sum + size, 0) / sizes.length
  }

  silentMs(nowMs: number): number {
    return nowMs - this.#lastFinalMs
  }
}

/** The value below which the given share of the values lie; null without values. */
export const percentile = (values: readonly number[], share: number): number | null => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null
}
