/**
 * What a running peer remembers for showing: recent rounds, finality times, what became of deltas.
 * Nothing here decides anything, and everything is bounded.
 */

import type { LastError, MeshEvent, Phase } from '@gradmesh/api'
import { type MeshError, remember } from '@gradmesh/core'

const FINALITY_MAX = 1024
const BLOCKS_MAX = 4096
const REFUSED_MAX = 1024

export interface RefusedDelta {
  readonly digest: string
  readonly trainer: string
  readonly round: number
  readonly height: number
  readonly steps: number
  readonly payloadBytes: number
  readonly code: string
}

/** How far something with a known end is. */
export interface Progress {
  readonly done: number
  readonly total: number
  readonly unit: 'blocks' | 'pieces'
}

export const blocks = (done: number, total: number): Progress => ({ done, total, unit: 'blocks' })

export interface FinalitySummary {
  readonly p50: number | null
  readonly p99: number | null
  readonly last: number | null
}

export class Journal {
  /** What an operator must know of; null again once it is over. */
  lastError: LastError | null = null
  readonly #listeners = new Set<(event: MeshEvent) => void>()
  readonly #finalityMs: number[] = []
  #summary: FinalitySummary | undefined
  readonly #finalityByHeight = new Map<number, number>()
  readonly #refused = new Map<string, RefusedDelta>()
  #phase: Phase = 'starting'
  #phaseReason: string | null = null
  #progress: Progress | null = null

  subscribe(listener: (event: MeshEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  tell(event: MeshEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  get phase(): Phase {
    return this.#phase
  }

  get phaseReason(): string | null {
    return this.#phaseReason
  }

  get progress(): Progress | null {
    return this.#progress
  }

  enter(phase: Phase, reason: string | null = null, progress: Progress | null = null): void {
    this.#progress = progress
    if (phase === this.#phase && reason === this.#phaseReason) return
    const before = this.#phase
    this.#phase = phase
    this.#phaseReason = reason
    if (phase !== before) this.tell({ type: 'phase', phase, before, reason })
  }

  failed({ code, message, remedy }: MeshError, atMs: number): void {
    this.lastError = { code, message, remedy: remedy ?? null, at: atMs }
  }

  finality(height: number, milliseconds: number): void {
    this.#finalityMs.push(milliseconds)
    this.#summary = undefined
    if (this.#finalityMs.length > FINALITY_MAX) this.#finalityMs.shift()
    remember(this.#finalityByHeight, height, milliseconds, BLOCKS_MAX)
  }

  finalityOf(height: number): number | null {
    return this.#finalityByHeight.get(height) ?? null
  }

  /** Asked for with every status, so sorted once a block. */
  finalitySummary(): FinalitySummary {
    this.#summary ??= this.#summarise()
    return this.#summary
  }

  #summarise(): FinalitySummary {
    const sorted = [...this.#finalityMs].sort((a, b) => a - b)
    const at = (share: number): number | null =>
      sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null
    return { p50: at(0.5), p99: at(0.99), last: this.#finalityMs.at(-1) ?? null }
  }

  refuse(delta: RefusedDelta): void {
    remember(this.#refused, delta.digest, delta, REFUSED_MAX)
  }

  refused(digest: string): RefusedDelta | undefined {
    return this.#refused.get(digest)
  }
}
