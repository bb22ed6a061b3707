/**
 * The worlds that `npm run sim` can run: one row each. They are loaded when they are asked for, one a process: the
 * whole mesh puts a keyed hash in the place of Ed25519 before anything else has loaded it.
 */

/** What a campaign has to know of a run. */
export interface Run {
  readonly seed: number
  /** Final blocks. */
  readonly height: number
  readonly trace: string
  readonly violation: string | null
}

export interface World {
  /** What the seed plans, line by line. */
  plan(seed: number): readonly string[]
  /** `left`: names of faults to leave out of what the seed plans. */
  run(seed: number, left: readonly string[]): Run | Promise<Run>
  /** The faults of a failing seed: those that it fails without, and those that it needs. */
  shrink(seed: number): Promise<Shrunk>
}

export interface Shrunk {
  readonly left: readonly string[]
  readonly needed: readonly string[]
}

export const worlds: Readonly<Record<string, () => Promise<World>>> = {
  /** The vote alone, over a simulated driver: many schedules a second. */
  consensus: async () => (await import('./consensus.ts')).consensus,
  /** Whole peers. */
  mesh: async () => (await import('./mesh/simulate.ts')).mesh
}
