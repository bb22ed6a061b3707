import type { Recipe } from '../types.ts'

/** What the recipes of tasks other than the digits have in common; each says its rounds, steps, batch and rate. */
export const COMMON = {
  innerSteps: 20,
  warmupRounds: 0,
  outerRateQ16: 65_536,
  chunk: 512,
  keep: 64,
  errorDecayQ8: 243
} as const satisfies Partial<Recipe>
