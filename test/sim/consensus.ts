/** The row `consensus` of `worlds.ts`. */
import * as rules from '@gradmesh/consensus'
import { adversaries } from '../adversaries/index.ts'
import { drawSchedule, faultsOf, without } from './schedule.ts'
import { shrink } from './shrink.ts'
import { simulate } from './world.ts'
import type { World } from './worlds.ts'

const draw = (seed: number) => drawSchedule(seed, adversaries)

export const consensus: World = {
  plan: seed => faultsOf(draw(seed)),
  run: (seed, left) => simulate(without(draw(seed), left), rules),
  shrink: seed => {
    const schedule = draw(seed)
    return shrink(
      faultsOf(schedule),
      schedule.healMs,
      left => simulate(without(schedule, left), rules).violation !== null
    )
  }
}
