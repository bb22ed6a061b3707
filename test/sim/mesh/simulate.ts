/**
 * Runs schedules. Import this before anything that knows `@gradmesh/wire`: it puts the keyed hash of `keys.ts` in
 * the place of `wire`'s keys, and only modules that are loaded after that see it.
 */
import { registerHooks } from 'node:module'
import type { Plan } from './plan.ts'
import type { Outcome } from './world.ts'

const WIRE = new URL('../../../packages/wire/src/', import.meta.url).href
const TWIN = new URL('keys.ts', import.meta.url).href

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    const isInWire = context.parentURL?.startsWith(WIRE) && found.url === `${WIRE}keys.ts`
    return isInWire ? { ...found, url: TWIN } : found
  }
})

const { runPlan } = await import('./world.ts')
const { drawPlan, namesIn, without } = await import('./plan.ts')
const { meshAdversaries } = await import('../../adversaries/mesh/index.ts')

export interface Options {
  /** Names of what is left out of the schedule. */
  readonly without?: readonly string[]
}

export const runSchedule = (seed: number, { without: names = [] }: Options = {}): Promise<Outcome> =>
  runPlan(without(drawPlan(seed, meshAdversaries), names))

/** One greedy pass: what the run fails without is left out for good. Answers the names of what was left out. */
export const shrink = async (seed: number): Promise<readonly string[]> => {
  const left: string[] = []
  for (const name of namesIn(drawPlan(seed, meshAdversaries))) {
    const { violation } = await runSchedule(seed, { without: [...left, name] })
    if (violation !== null) left.push(name)
  }
  return left
}

export const planOf = (seed: number) => drawPlan(seed, meshAdversaries)

/** Nobody lies and nothing fails: what a test of one thing starts from. */
export const calmPlan = (): Plan => ({
  ...without(planOf(1), namesIn(planOf(1))),
  stakes: [1n, 1n, 1n, 1n],
  startMs: [0, 0, 0, 0, 0, 0, 0, 0],
  healMs: 2_000
})

export { runPlan }
