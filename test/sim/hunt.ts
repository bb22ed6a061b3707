/** Looks for the first violation: what a mutant's copy of the sources runs. Prints {seed, violation}; seed null: none. */
import { worlds } from './worlds.ts'

const [name, ...numbers] = process.argv.slice(2) as [string, ...string[]]
const [first, from, schedules] = numbers.map(Number) as [number, number, number]
const world = await worlds[name]!()
const seeds = [first, ...Array.from({ length: schedules }, (_, i) => from + i)].filter(seed => seed > 0)
let found: { readonly seed: number | null; readonly violation: string | null } = {
  seed: null,
  violation: null
}
for (const seed of seeds) {
  const { violation } = await world.run(seed, [])
  if (violation === null) continue
  found = { seed, violation }
  break
}
console.log(JSON.stringify(found))
