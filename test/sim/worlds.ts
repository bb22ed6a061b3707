/** The worlds that `npm run sim` can run: one row each. */
import * as rules from '@gradmesh/consensus'
import { adversaries } from '../adversaries/index.ts'
import { drawSchedule, faultsOf, shrink, without } from './schedule.ts'
import { simulate } from './world.ts'

/** What a campaign has to know of a run. */
export interface Run {
  readonly seed: number
  /** Final blocks. */
  readonly height: number
  readonly trace: string
  readonly violation: string | null
}

export interface World {
  /** `left`: names of faults to leave out of what the seed plans. */
  run(seed: number, left: readonly string[]): Run | Promise<Run>
  /** The faults of a failing seed: those that it fails without, and those that it needs. */
  shrink(seed: number): Shrunk | Promise<Shrunk>
}

export interface Shrunk {
  readonly left: readonly string[]
  readonly needed: readonly string[]
}

const consensus: World = {
  run: (seed, left) => simulate(without(drawSchedule(seed, adversaries), left), rules),
  shrink: seed => {
    const schedule = drawSchedule(seed, adversaries)
    const left = shrink(schedule, smaller => simulate(smaller, rules).violation !== null)
    return { left, needed: faultsOf(schedule).filter(name => !left.includes(name)) }
  }
}

export const worlds: Readonly<Record<string, World>> = { consensus }
