/** `npm run chaos`: a mesh of real processes through kills, pauses, partitions, wrong clocks and full disks. */
import { runCommand, WrongArgument } from '../command.ts'
import { withoutAdapter } from '../harness.ts'
import { withoutNamespaces } from '../namespaces/namespaces.ts'
import { type ChaosFigures, HEAL_SECONDS_MAX, MISFORTUNES, runOnce } from './scenario.ts'

const HELP = `npm run chaos -- [OPTIONS]

Seven peers, each a process in a network namespace with a small disk of its own. One misfortune after another:
kill -9, SIGSTOP, partitions with and without a majority, a wall clock that is 5 s wrong, a full disk. After each
is over, every peer must see new final blocks soon, and none that was final may be lost or change. Where that takes
longer than it may, what each peer said meanwhile is kept, and it says where. Needs Linux, root, ip and iptables.
Everything else that it made is removed at the end.

  --runs N         one after another, each with a seed of its own (20)
  --seconds N      of misfortune in each (180)
  --from SEED      seed of the first run (1)
  --only WORDS     only misfortunes whose name begins with these words, several parted by commas
  --slow SECONDS   what each peer said is kept where healing takes longer (10)
  --json           the last line is one object: runs, forks, lostBlocks, healSecondsMax, …
  --help           this page

Where something is missing it says so and ends with code 0 and {"skipped":true}.`

await runCommand({
  help: HELP,
  options: {
    runs: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '180' },
    from: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    slow: { type: 'string', default: String(HEAL_SECONDS_MAX) }
  },
  lacks: async () => (await withoutNamespaces()) ?? (await withoutAdapter()),
  prepare: values => {
    const [runs, seconds, from] = [values.runs, values.seconds, values.from].map(Number) as [
      number,
      number,
      number
    ]
    if (!(Number.isInteger(runs) && runs >= 1 && seconds > 0 && Number.isInteger(from)))
      throw new WrongArgument('--runs, --seconds and --from take whole numbers from 1 on')
    const slowSeconds = Number(values.slow)
    if (!(slowSeconds >= 0)) throw new WrongArgument('--slow takes seconds')
    const words = String(values.only).split(',')
    const only = MISFORTUNES.filter(name => words.some(word => name.startsWith(word.trim())))
    if (only.length === 0)
      throw new WrongArgument(`--only takes the beginnings of: ${MISFORTUNES.join(', ')}`)
    return async tell => {
      const all: ChaosFigures[] = []
      for (let seed = from; seed < from + runs; seed++) {
        tell.say(`run ${seed - from + 1} of ${runs}, seed ${seed}`)
        const figures = await runOnce({ seed, seconds, only, slowSeconds }, tell)
        all.push(figures)
        tell.check(figures.forks === 0, `seed ${seed}: no fork in ${figures.blocks} final blocks`)
        tell.check(figures.lostBlocks === 0, `seed ${seed}: no final block lost`)
        tell.check(
          figures.healSecondsMax <= HEAL_SECONDS_MAX,
          `seed ${seed}: new final blocks everywhere within ${figures.healSecondsMax} s after each of ${figures.misfortunes} misfortunes`
        )
      }
      const sum = (of: (figures: ChaosFigures) => number): number =>
        all.reduce((total, each) => total + of(each), 0)
      return {
        runs,
        forks: sum(({ forks }) => forks),
        lostBlocks: sum(({ lostBlocks }) => lostBlocks),
        healSecondsMax: Math.max(...all.map(({ healSecondsMax }) => healSecondsMax)),
        misfortunes: sum(({ misfortunes }) => misfortunes),
        blocks: sum(({ blocks }) => blocks),
        slow: all.flatMap(({ slow }) => slow)
      }
    }
  }
})
