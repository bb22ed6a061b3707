/** `npm run e2e:docker`: the whole scenario, told step by step. */
import { parseArgs } from 'node:util'
import { withoutEngine } from './engine.ts'
import { type Figures, runScenario } from './scenario.ts'

const HELP = `npm run e2e:docker -- [OPTIONS]

Builds the image, brings docker/compose.yaml up and tries it: first block, accuracy, a killed peer, a
crashed one, one that joins, two that are cut off from the network, docker stop, every root compared.
Containers, network and volume of it are removed at the end; the image gradmesh:e2e stays.

  --validators N   replicas that validate; from 7 on two of them are cut off (4)
  --outage N       seconds without network (30)
  --seed TEXT      of the mesh; random when left out
  --json           the last line is one object with the figures
  --help           this page

Without a Docker engine it says so and ends with code 0 and {"skipped":true}.`

const { values } = parseArgs({
  options: {
    validators: { type: 'string', default: '4' },
    outage: { type: 'string', default: '30' },
    seed: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})

const print = (
  figures: Partial<Figures> & { skipped: boolean; ok: boolean; reason: string | null }
): void => {
  if (values.json) console.log(JSON.stringify(figures))
}

const main = async (): Promise<number> => {
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const validators = Number(values.validators)
  const outageSeconds = Number(values.outage)
  if (!Number.isInteger(validators) || validators < 4 || validators > 16 || !(outageSeconds >= 0)) {
    console.error('--validators takes 4 to 16, --outage seconds')
    return 2
  }
  const reason = await withoutEngine()
  if (reason !== null) {
    console.error(`skipped: ${reason}`)
    print({ skipped: true, ok: true, reason })
    return 0
  }
  let failed = 0
  try {
    const figures = await runScenario(
      { validators, outageSeconds, seed: values.seed, stall: validators < 7 },
      {
        check(ok, what) {
          if (!ok) failed++
          console.error(`${ok ? 'ok     ' : 'not ok '} ${what}`)
        },
        say: what => console.error(what)
      }
    )
    print({ skipped: false, ok: failed === 0, reason: null, ...figures })
  } catch (error) {
    failed++
    const reason = error instanceof Error ? error.message : String(error)
    console.error(`not ok  ${reason}`)
    print({ skipped: false, ok: false, reason })
  }
  return failed === 0 ? 0 : 1
}

process.exitCode = await main()
