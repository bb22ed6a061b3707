/** Flags that put other numbers in place of a task's recipe. */
import type { Recipe } from '@gradmesh/train'

export const RECIPE_HELP = `  --rounds N --inner-steps N --inner-rate-micro N --warmup-rounds N --outer-rate-q16 N --chunk N --keep N
                  in place of the task's recipe`

export const recipeFlags = {
  rounds: { type: 'string' },
  'inner-steps': { type: 'string' },
  'inner-rate-micro': { type: 'string' },
  'warmup-rounds': { type: 'string' },
  'outer-rate-q16': { type: 'string' },
  chunk: { type: 'string' },
  keep: { type: 'string' }
} as const

export type RecipeValues = Readonly<{ [Flag in keyof typeof recipeFlags]?: string | undefined }>

/** Gives what is wrong, and the help, and ends the process. */
export const whole = (text: string, help: string, least = 1): number => {
  if (/^[0-9]{1,9}$/.test(text) && Number(text) >= least) return Number(text)
  console.error(`"${text}" is no whole number from ${least} on.\n${help}`)
  process.exit(2)
}

export const recipeOf = (recipe: Recipe, values: RecipeValues, help: string): Recipe => {
  const own = (text: string | undefined, otherwise: number, least = 1): number =>
    text === undefined ? otherwise : whole(text, help, least)
  return {
    ...recipe,
    rounds: own(values.rounds, recipe.rounds),
    innerSteps: own(values['inner-steps'], recipe.innerSteps),
    innerRateMicro: own(values['inner-rate-micro'], recipe.innerRateMicro),
    warmupRounds: own(values['warmup-rounds'], recipe.warmupRounds, 0),
    outerRateQ16: own(values['outer-rate-q16'], recipe.outerRateQ16),
    chunk: own(values.chunk, recipe.chunk),
    keep: own(values.keep, recipe.keep)
  }
}
