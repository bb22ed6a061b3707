/**
 * How a failure is made small: first one greedy pass in which every fault is left out for good if the run fails
 * without it, then everything gets well as early as the run still fails.
 */
import type { Shrunk } from './worlds.ts'

const HEALED = 'healed-at:'

/** @param fails runs the seed less what is named. */
export const shrink = async (
  faults: readonly string[],
  healMs: number,
  fails: (left: readonly string[]) => boolean | Promise<boolean>
): Promise<Shrunk> => {
  const left: string[] = []
  for (const name of faults) if (await fails([...left, name])) left.push(name)
  let [well, ill] = [0, healMs]
  while (ill - well > healMs / 16) {
    const middle = Math.floor((well + ill) / 2)
    if (await fails([...left, `${HEALED}${middle}`])) ill = middle
    else well = middle
  }
  const needed = faults.filter(name => !left.includes(name))
  return { left: ill < healMs ? [...left, `${HEALED}${ill}`] : left, needed }
}

/** When everything gets well, according to the names of what is left out: at `healMs`, or earlier. */
export const healedAt = (healMs: number, names: Iterable<string>): number => {
  for (const name of names)
    if (name.startsWith(HEALED)) return Math.min(healMs, Number(name.slice(HEALED.length)))
  return healMs
}
