/**
 * Runs schedules. Import this before anything that knows `@gradmesh/wire`: it puts the keyed hash of `keys.ts` in
 * the place of `wire`'s keys, and `decoding.ts` before its index; only modules that are loaded after that see it.
 */
import { registerHooks } from 'node:module'
import type { World } from '../worlds.ts'
import type { Plan } from './plan.ts'
import type { Outcome } from './world.ts'

const WIRE = new URL('../../../packages/wire/src/', import.meta.url).href
const TWIN = new URL('keys.ts', import.meta.url).href
const DECODING = new URL('decoding.ts', import.meta.url).href

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    if (found.url === `${WIRE}keys.ts` && context.parentURL?.startsWith(WIRE)) return { ...found, url: TWIN }
    if (found.url === `${WIRE}index.ts` && context.parentURL !== DECODING) return { ...found, url: DECODING }
    return found
  }
})

const { runPlan } = await import('./world.ts')
const { drawPlan, namesIn, without } = await import('./plan.ts')
const { shrink } = await import('../shrink.ts')
const { meshAdversaries } = await import('../../adversaries/mesh/index.ts')

export const planOf = (seed: number): Plan => drawPlan(seed, meshAdversaries)

export const runSchedule = (seed: number, left: readonly string[] = []): Promise<Outcome> =>
  runPlan(without(planOf(seed), left))

const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value)

/** The row `mesh` of `worlds.ts`. */
export const mesh: World = {
  plan: seed => {
    const { faults, adversary, ...rest } = planOf(seed)
    return [
      JSON.stringify({ ...rest, adversary: adversary?.name ?? null }, plain),
      ...faults.map((fault, i) => `${fault.kind}:${i} ${JSON.stringify(fault)}`)
    ]
  },
  run: runSchedule,
  shrink: seed => {
    const plan = planOf(seed)
    return shrink(
      namesIn(plan),
      plan.healMs,
      async left => (await runPlan(without(plan, left))).violation !== null
    )
  }
}

/** Nobody lies and nothing fails: what a test of one thing starts from. */
export const calmPlan = (): Plan => ({
  ...without(planOf(1), namesIn(planOf(1))),
  stakes: [1n, 1n, 1n, 1n],
  startMs: [0, 0, 0, 0, 0, 0, 0, 0],
  healMs: 2_000
})

export { runPlan }
