/** Looks for the first violation: what a mutant's copy of the sources runs. Prints {seed, violation}; seed null: none. */
import { worlds } from './worlds.ts'

const [first, from, schedules] = process.argv.slice(2).map(Number) as [number, number, number]
const seeds = [first, ...Array.from({ length: schedules }, (_, i) => from + i)].filter(seed => seed > 0)
let found: { readonly seed: number | null; readonly violation: string | null } = {
  seed: null,
  violation: null
}
for (const seed of seeds) {
  const { violation } = await worlds.consensus!.run(seed, [])
  if (violation === null) continue
  found = { seed, violation }
  break
}
console.log(JSON.stringify(found))
